"""What users may edit of their own profile, and how it is saved. OIDC Core §5.1."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User, field_of

#: The claims that users edit themselves, unless `IDP_PROFILE_LOCKED` names them.
EDITABLE = (
    *("name", "given_name", "middle_name", "family_name", "nickname", "preferred_username"),
    *("picture", "gender", "birthdate", "website", "profile", "locale", "zoneinfo"),
    *("phone_number", "address"),
)
#: User names are of ASCII, so that none looks like another one.
_USER_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
#: User names that apps know as accounts of their own.
_RESERVED = frozenset(
    {
        *("abuse", "admin", "administrator", "guest", "hostmaster", "me", "moderator", "nobody"),
        *("noreply", "no-reply", "operator", "owner", "postmaster", "root", "security", "staff"),
        *("superuser", "support", "system", "webmaster", "www"),
    }
)


def is_locked(claim: str) -> bool:
    """Whether the operator has locked a claim: users see it and can't edit it."""
    return claim in settings.IDP_PROFILE_LOCKED


def problem_with_user_name(user: User, name: str) -> str | None:
    """Return why a user can't choose this preferred_username, as a sentence, or None.

    Apps must not take it for an identifier (OIDC Core §5.7), but some do: a user gets none that
    another user has, whatever its case, and none that apps may have for an administrator.
    """
    if _USER_NAME.fullmatch(name) is None:
        return _("Use up to 64 letters (a–z), digits, dots, dashes and underscores.")
    if name.lower() in _RESERVED:
        return _("This user name is reserved.")
    others = User.objects.exclude(preferred_username="").exclude(pk=user.pk)
    if others.alias(lower=Lower("preferred_username")).filter(lower=name.lower()).exists():
        return _("Another user has this user name.")
    return None


def save(user: User, values: Mapping[str, Any]) -> list[str]:
    """Save the values of claims that differ, and return the names of these.

    Others are left as they are: another tab may have changed them. A new phone number is not
    verified.
    """
    changed = [name for name, value in values.items() if getattr(user, field_of(name)) != value]
    for name in changed:
        setattr(user, field_of(name), values[name])
    columns = [*map(field_of, changed), "updated_at"]
    if "phone_number" in changed:
        user.phone_number_verified = False
        columns.append("phone_number_verified")
    if changed:
        user.save(update_fields=columns)
    return changed


def needs_name(user: User) -> bool:
    """Whether a user has no name and may enter one."""
    return not user.name and not is_locked("name")


def set_missing_name(user: User, name: str) -> bool:
    """Save the name of a user who has none; return whether it is this one."""
    if not name or is_locked("name"):
        return False
    nameless = User.objects.filter(pk=user.pk, name="")
    return bool(nameless.update(name=name, updated_at=timezone.now()))
