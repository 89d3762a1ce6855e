"""People, as a file declares them."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.db.models.functions import Lower

from accounts.models import User
from accounts.sessions import Ending, end_sessions
from idp.declaration.change import NEW_SECRET, Act, Change, differences
from idp.declaration.members import (
    DeclarationError,
    refuse_other_types,
    refuse_unknown,
    secret_of,
    validate,
)
from idp.protocol.vocabulary import ADDRESS_MEMBERS, SCOPE_CLAIMS

_CLAIMS = tuple(
    name
    for scope in ("profile", "phone", "address")
    for name in SCOPE_CLAIMS[scope]
    if name != "updated_at"
)
#: What stays as it is where the file does not say it: people fill these in themselves.
_KEPT = (*_CLAIMS, "is_staff", "is_superuser")
_MEMBERS = {"email", "password", "email_verified", "groups", "is_active", *_KEPT}
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_KEPT, (str,)),
    **dict.fromkeys(
        ("email_verified", "phone_number_verified", "is_active", "is_staff", "is_superuser"),
        (bool,),
    ),
    "groups": (list,),
    "address": (dict,),
}
_LONGEST_GROUP = 150
#: What `state` needs.
_RELATED = ("groups", "emailaddress_set")


@dataclass(frozen=True)
class Present:
    """Who is there already of some entries' people, found in a few statements for them all."""

    people: dict[str, User]
    #: Whose proven address it is: a person's key, by address.
    proven: dict[str, int]

    @classmethod
    def of(cls, entries: Iterable[dict[str, Any]]) -> "Present":
        """Look for the people of these entries, whatever the capitals of their addresses.

        Unfinished sign-ups go: nobody has been in them, and whoever began one must not know the
        password of the account that an operator makes.
        """
        emails = [entry["email"] for entry in entries]
        found = User.objects.alias(lowered=Lower("email")).filter(lowered__in=emails)
        found.filter(pk__in=User.objects.unfinished().values("pk")).delete()
        proven = EmailAddress.objects.filter(email__in=emails, verified=True)
        return cls(
            people={user.email.lower(): user for user in found.prefetch_related(*_RELATED)},
            proven=dict(proven.values_list("email", "user_id")),
        )


def apply_user(entry: dict[str, Any], *, present: Present) -> Change | None:
    """Make a person as declared; return what changed, or None. Raises DeclarationError."""
    email = entry["email"]
    what = f"user {email}"
    refuse_unknown(what, entry, _MEMBERS)
    _check_types(what, entry)
    user = present.people.get(email)
    is_new = user is None
    user = user or User(email=email)
    before = {} if is_new else state(user)
    for name in _KEPT:
        if name in entry:
            setattr(user, name, entry[name])
    if user.deletion_due_at is None:  # else it is the person's own wish not to be
        user.is_active = entry.get("is_active", True)
    password = secret_of(what, entry, "password")
    if password == "":
        raise DeclarationError(f"{what}: password is empty; leave it out for none.")
    new_password = password is not None and (is_new or not user.check_password(password))
    if new_password or is_new:
        user.set_password(password)
    validate(what, user, exclude=["password"], unique=False)
    verified = entry.get("email_verified", before.get("email_verified", False))
    if verified and present.proven.get(email, user.pk) != user.pk:
        raise DeclarationError(f"{what}: email: This is another person's second address.")
    groups = sorted(set(entry.get("groups", before.get("groups", []))))
    after = _state(user, verified=verified, groups=groups)
    fields = differences(before, after)
    if new_password:
        fields["password"] = NEW_SECRET
    if not fields and not is_new:
        return None
    user.save()
    user.set_email(email, verified=verified)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return Change(
        what,
        Act.ADDED if is_new else Act.CHANGED,
        fields,
        afterwards=partial(_end_sessions, user, new_password=new_password),
    )


def prune_users(declared: Collection[str]) -> Iterator[Change]:
    """Disable everybody whose address is not among these, and end their sessions.

    Nobody is deleted: a subject is never given to another. Superusers stay, so that nobody locks
    themselves out, and so does who signed up themselves: no file ever made them.
    """
    people = User.objects.filter(is_active=True, is_superuser=False, self_registered=False)
    addresses = people.order_by("email").values_list("pk", "email").iterator()
    for pk in [pk for pk, email in addresses if email.lower() not in declared]:
        user = User.objects.get(pk=pk)
        user.is_active = False
        user.save(update_fields=["is_active", "updated_at"])
        yield Change(
            f"user {user.email}",
            Act.DISABLED,
            {"is_active": (True, False)},
            afterwards=partial(_end_sessions, user),
        )


def state(user: User) -> dict[str, Any]:
    """Return what the file can say about a person, except the password."""
    addresses: Any = user.emailaddress_set.all()  # type: ignore[attr-defined]
    return _state(
        user,
        verified=any(address.verified and address.email == user.email for address in addresses),
        groups=sorted(group.name for group in user.groups.all()),
    )


def defaults(_: User) -> dict[str, Any]:
    """Return a new person's state where the file says nothing but the address."""
    return _state(User(), verified=False, groups=[])


def rows() -> QuerySet[User]:
    """Return who is exported: everybody but unfinished sign-ups."""
    unfinished = User.objects.unfinished().values("pk")
    people = User.objects.exclude(pk__in=unfinished).order_by("email")
    return people.prefetch_related(*_RELATED)


def _state(user: User, *, verified: bool, groups: list[str]) -> dict[str, Any]:
    return {
        "email_verified": verified,
        **{name: getattr(user, name) for name in _CLAIMS},
        "groups": groups,
        **{name: getattr(user, name) for name in ("is_active", "is_staff", "is_superuser")},
    }


def _check_types(what: str, entry: dict[str, Any]) -> None:
    refuse_other_types(what, entry, _TYPES)
    address = entry.get("address", {})
    if not set(address) <= set(ADDRESS_MEMBERS):
        raise DeclarationError(f"{what}: address: It may have {', '.join(ADDRESS_MEMBERS)}.")
    if not all(isinstance(text, str) for text in address.values()):
        raise DeclarationError(f"{what}: address: Its members have to be texts.")
    if not all(0 < len(name) <= _LONGEST_GROUP for name in entry.get("groups", [])):
        raise DeclarationError(
            f"{what}: groups: A group's name has 1 to {_LONGEST_GROUP} characters."
        )


def _end_sessions(user: User, *, new_password: bool = False) -> None:
    """End the sessions of somebody who is disabled, or whose password is another now."""
    if not user.is_active or new_password:
        ending = Ending.PASSWORD_CHANGED if user.is_active else Ending.ACCOUNT_DISABLED
        end_sessions(user.sessions.filter(ended_at=None), ending)
