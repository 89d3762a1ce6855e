"""Who may administer; and staff's two groups.

`support` may view all that `operators` may change, and help users who cannot sign in.

The permissions of these groups are set at every `migrate`. Their permissions on other models, and
all other groups, are left to operators.
"""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate

#: Models that operators create and change, those with admin actions only, and events, which are
#: read-only.
_MADE = (
    ("accounts", "user"),
    ("idp", "client"),
    ("idp", "role"),
    ("idp", "resourceserver"),
    ("idp", "scope"),
    ("idp", "authorizationdetailstype"),
    ("idp", "attribute"),
    ("idp", "initialaccesstoken"),
    ("idp", "trustedissuer"),
    ("idp", "issuerlink"),
    ("foundation", "brand"),
)
#: Permission to change one of these includes its admin actions: end, withdraw, revoke, rotate.
_WITH_ACTIONS = (
    ("accounts", "session"),
    ("idp", "consent"),
    ("idp", "grant"),
    ("idp", "signingkey"),
    ("idp", "delivery"),
    ("foundation", "mail"),
)
_READABLE = (*_MADE, *_WITH_ACTIONS, ("idp", "event"))


def _to(*verbs: str, models: tuple[tuple[str, str], ...]) -> frozenset[tuple[str, str]]:
    """Return permissions, by app and codename."""
    return frozenset((app, f"{verb}_{model}") for app, model in models for verb in verbs)


#: What support does for a user, each a permission of its own (`accounts.models.User`).
SUPPORT = _to(
    "unlock", "send_reset", "end_sessions", "remove_factors", models=(("accounts", "user"),)
)
STAFF_GROUPS = {
    "support": _to("view", models=_READABLE) | SUPPORT,
    "operators": _to("view", models=_READABLE)
    | SUPPORT
    | _to("add", "change", "delete", models=_MADE)
    | _to("change", models=_WITH_ACTIONS),
}
_OURS = _to("view", "add", "change", "delete", models=_READABLE) | SUPPORT


def may_administer(user: Any, *, second_factor: bool) -> bool:
    """Whether a user is staff, signed in with a second factor if operators need one."""
    has_required_factor = second_factor or not settings.IDP_STAFF_SECOND_FACTOR
    return bool(user.is_active and user.is_staff and has_required_factor)


def connect(app: AppConfig) -> None:
    """Set the groups' permissions after this app's migrations, when Django's permissions exist."""
    post_migrate.connect(_keep, sender=app, dispatch_uid="idp.staff_groups")


def _keep(*, apps: Any, using: str, **_: Any) -> None:
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:  # migrated back to where there are none
        return
    present = {
        (permission.content_type.app_label, permission.codename): permission
        for permission in permissions.select_related("content_type")
    }
    ours = {key: permission for key, permission in present.items() if key in _OURS}
    for name, allowed in STAFF_GROUPS.items():
        group, _created = groups.get_or_create(name=name)
        group.permissions.remove(*(ours[key] for key in ours.keys() - allowed))
        group.permissions.add(*(ours[key] for key in ours.keys() & allowed))
