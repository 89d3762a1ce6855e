"""The declarative configuration: what a file says should be, compared with what is.

Top-level lists are `users` and `clients`. Members keep the names that the specifications give them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from idp.clients import metadata, secrets
from idp.models import Client
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
_CLIENT_MEMBERS = {"client_id", "client_secret", *metadata.NAMES}


class DeclarationError(Exception):
    """The file says something that can't be; the message names where."""


@dataclass(frozen=True)
class Change:
    """What is to change about one person or client; nothing in it is a secret."""

    what: str
    is_new: bool
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Return the change as lines of a diff."""
        yield f"{'+' if self.is_new else '~'} {self.what}"
        for name, (before, after) in self.fields.items():
            if self.is_new:
                yield f"    {name}: {after!r}"
            else:
                yield f"    {name}: {before!r} -> {after!r}"


def apply(declaration: Any, *, dry_run: bool) -> list[Change]:
    """Make everything as declared, all of it or nothing, and return what changed.

    Raises DeclarationError naming the entry and member that can't be.
    """
    lists = _lists(declaration)
    with transaction.atomic():
        changes = [
            *filter(None, (_apply_user(entry) for entry in lists["users"])),
            *filter(None, (_apply_client(entry) for entry in lists["clients"])),
        ]
        if dry_run:
            transaction.set_rollback(True)
    return changes


def _lists(declaration: Any) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(declaration, dict):
        raise DeclarationError("The file has to be a mapping with the lists users and clients.")
    _refuse_unknown("the file", declaration, {"users", "clients"})
    lists = {name: declaration.get(name, []) for name in ("users", "clients")}
    for name, key in (("users", "email"), ("clients", "client_id")):
        entries = lists[name]
        if not isinstance(entries, list):
            raise DeclarationError(f"{name} has to be a list.")
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
                raise DeclarationError(f"Every entry of {name} needs its {key}.")
    return lists


def _apply_user(entry: dict[str, Any]) -> Change | None:
    email = entry["email"].strip().lower()
    where = f"user {email}"
    _refuse_unknown(where, entry, _USER_MEMBERS)
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
    _validate(where, user, exclude=["password"])
    wanted = {"email_verified": entry.get("email_verified", before.get("email_verified", False))}
    groups = entry.get("groups", before.get("groups", []))
    fields = _differences(before, {**_columns_of(user), **wanted, "groups": sorted(groups)})
    if new_password:
        fields["password"] = ("•••", "••• (new)")
    if not fields:
        return None
    user.save()
    user.set_email(email, verified=bool(wanted["email_verified"]))
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
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
    from allauth.account.models import EmailAddress

    verified = EmailAddress.objects.filter(user=user, email=user.email, verified=True).exists()
    groups = sorted(user.groups.values_list("name", flat=True))
    return {**_columns_of(user), "email_verified": verified, "groups": groups}


def _apply_client(entry: dict[str, Any]) -> Change | None:
    client_id = entry["client_id"]
    where = f"client {client_id}"
    _refuse_unknown(where, entry, _CLIENT_MEMBERS)
    client = Client.objects.filter(client_id=client_id).first()
    is_new = client is None
    client = client or Client(client_id=client_id)
    before = {} if is_new else metadata.values_of(client)
    try:
        metadata.assign(client, entry)
    except TypeError as problem:
        raise DeclarationError(f"{where}: {problem}") from None
    _validate(where, client)
    fields = _differences(before, metadata.values_of(client))
    secret = _secret_of(where, client, entry)
    new_secret = secret is not None and (is_new or not secrets.is_valid_now(client, secret))
    if new_secret:
        fields["client_secret"] = ("•••", "••• (new)")
    if not fields:
        return None
    client.save()
    if new_secret and secret is not None:
        client.secrets.all().delete()
        secrets.add(client, secret)
    return Change(where, is_new, fields)


def _secret_of(where: str, client: Client, entry: dict[str, Any]) -> str | None:
    secret = entry.get("client_secret")
    if client.is_public:
        if secret is not None:
            raise DeclarationError(
                f"{where}: with token_endpoint_auth_method none there is no secret."
            )
        return None
    if secret is None and (client.pk is None or not client.secrets.exists()):
        raise DeclarationError(f"{where}: client_secret is missing.")
    if secret is not None and (not isinstance(secret, str) or len(secret) < secrets.MINIMUM_LENGTH):
        raise DeclarationError(
            f"{where}: client_secret needs {secrets.MINIMUM_LENGTH} characters of random text."
        )
    return secret


def _refuse_unknown(where: str, entry: dict[str, Any], known: Iterable[str]) -> None:
    unknown = sorted(str(name) for name in set(entry) - set(known))
    if unknown:
        raise DeclarationError(f"{where}: unknown: {', '.join(unknown)}.")


def _validate(where: str, row: User | Client, exclude: Iterable[str] = ()) -> None:
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        problems = "; ".join(
            f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()
        )
        raise DeclarationError(f"{where}: {problems}") from None


def _differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {
        name: (before.get(name), value)
        for name, value in after.items()
        if before.get(name) != value and (before or value not in (None, "", [], {}, False))
    }
