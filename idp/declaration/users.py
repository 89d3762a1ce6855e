"""People, as a file declares them."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.sessions import Ending, end_sessions
from idp.declaration.change import (
    NEW_SECRET,
    Change,
    DeclarationError,
    differences,
    refuse_unknown,
    validate,
)
from idp.protocol.vocabulary import ADDRESS_MEMBERS, SCOPE_CLAIMS

_CLAIMS = tuple(
    name
    for scope in ("profile", "phone", "address")
    for name in SCOPE_CLAIMS[scope]
    if name != "updated_at"
)
_USER_MEMBERS = {
    "email",
    "password",
    "email_verified",
    "groups",
    "is_staff",
    "is_superuser",
    *_CLAIMS,
}
_USER_TYPES: dict[str, type] = {
    "email_verified": bool,
    "phone_number_verified": bool,
    "is_staff": bool,
    "is_superuser": bool,
    "groups": list,
    "address": dict,
}


def apply_user(entry: dict[str, Any]) -> Change | None:
    """Make a person as declared; return what changed, or None. Raises DeclarationError."""
    email = entry["email"].strip().lower()
    where = f"user {email}"
    refuse_unknown(where, entry, _USER_MEMBERS)
    _check_types(where, entry)
    user = User.objects.filter(email__iexact=email).first()
    is_new = user is None
    user = user or User(email=email)
    before = {} if is_new else _state_of(user)
    for name in (*_CLAIMS, "is_staff", "is_superuser"):
        if name in entry:
            setattr(user, name, entry[name])
    password = entry.get("password")
    new_password = password is not None and (is_new or not user.check_password(password))
    if new_password or is_new:
        user.set_password(password)
    validate(where, user, exclude=["password"])
    wanted = {"email_verified": entry.get("email_verified", before.get("email_verified", False))}
    groups = entry.get("groups", before.get("groups", []))
    fields = differences(before, {**_columns_of(user), **wanted, "groups": sorted(groups)})
    if new_password:
        fields["password"] = NEW_SECRET
    if not fields and not is_new:
        return None
    user.save()
    user.set_email(email, verified=bool(wanted["email_verified"]))
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    if new_password:
        end_sessions(user.sessions.filter(ended_at=None), Ending.PASSWORD_CHANGED)
    return Change(where, is_new, fields)


def _check_types(where: str, entry: dict[str, Any]) -> None:
    for name, value in entry.items():
        kind = _USER_TYPES.get(name, str)
        if not isinstance(value, kind):
            raise DeclarationError(f"{where}: {name}: {value!r} is not of the right type")
    texts = [*entry.get("groups", []), *entry.get("address", {}).values()]
    if not all(isinstance(text, str) for text in texts):
        raise DeclarationError(f"{where}: groups and address hold texts")
    if not set(entry.get("address", {})) <= set(ADDRESS_MEMBERS):
        raise DeclarationError(f"{where}: address may have {', '.join(ADDRESS_MEMBERS)}")


def _columns_of(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in (*_CLAIMS, "is_staff", "is_superuser")}


def _state_of(user: User) -> dict[str, Any]:
    verified = EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()
    groups = sorted(user.groups.values_list("name", flat=True))
    return {**_columns_of(user), "email_verified": verified, "groups": groups}
