"""Users, as a file declares them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts import operations, passwords
from accounts.allauth_door import email_addresses
from accounts.models import User, field_of
from accounts.sessions import Ending, end_sessions
from idp import subjects
from idp.declaration import credentials, groups, roles
from idp.declaration.change import NEW_SECRET, Change, Outcome, differences
from idp.declaration.members import (
    DeclarationError,
    refuse_other_types,
    refuse_unknown,
    validate,
)
from idp.declaration.present_users import RELATED, Present
from idp.declaration.steps import ConflictError, Step, check_unchanged, locked, nothing
from idp.models import Attribute
from idp.protocol.vocabulary import ADDRESS_MEMBERS, SCOPE_CLAIMS

_CLAIMS = tuple(
    name
    for scope in ("profile", "phone", "address")
    for name in SCOPE_CLAIMS[scope]
    if name != "updated_at"
)
_NAMES = {field_of(name): name for name in _CLAIMS}
#: Members that stay unchanged if the file does not set them: users edit these themselves.
_KEPT = (*_CLAIMS, "is_staff", "is_superuser")
_MEMBERS = {
    *("email", "sub", "password", "password_hash", "email_verified", "groups", "roles"),
    *("is_active", "attributes"),
    *_KEPT,
}
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys((*_KEPT, "sub"), (str,)),
    **dict.fromkeys(
        ("email_verified", "phone_number_verified", "is_active", "is_staff", "is_superuser"),
        (bool,),
    ),
    "groups": (list,),
    "address": (dict,),
    "attributes": (dict,),
}
#: Members that are columns.
_COLUMNS = frozenset({"password", "is_active", "attributes", *_KEPT})


def plan_user(
    entry: dict[str, Any], *, present: Present, attributes: Mapping[str, Attribute]
) -> tuple[User, Step | None]:
    """Return a user as declared, and the step that saves it. Raises DeclarationError.

    `attributes` are the definitions of the operator's attributes, by name. A declared password is
    verified against the stored hash, which takes as long as at a sign-in. A subject and a hash of
    a password are for new users: a known user's subject never changes, and their password may be
    another one since.
    """
    email = entry["email"]
    what = f"user {email}"
    refuse_unknown(what, entry, _MEMBERS)
    _check_types(what, entry)
    user = present.users.get(email)
    is_new = user is None
    user = user or User(email=email)
    before = {} if is_new else state(user)
    for name in _KEPT:
        if name in entry:
            setattr(user, field_of(name), entry[name])
    fields = _set_subject(what, user, entry.get("sub"), present, is_new=is_new)
    user.attributes = _merged(what, user.attributes, entry.get("attributes", {}), attributes)
    if user.deletion_due_at is None:  # else it is the user's own wish not to be
        user.is_active = entry.get("is_active", True)
    password = credentials.password_of(what, entry)
    password_hash = credentials.hash_of(what, entry)
    verified = entry.get("email_verified", before.get("email_verified", False))
    if verified and present.verified_by.get(email, user.pk) != user.pk:
        raise DeclarationError(f"{what}: email: This is another user's second address.")
    names = sorted(set(entry.get("groups", before.get("groups", []))))
    # `roles.plan_user_roles` plans the roles, once the clients are known.
    after = partial(_state, user, verified=verified, groups=names, roles=before.get("roles", {}))
    if is_new or differences(before, after()):  # what is stored has been validated before
        validate(what, user, exclude=_not_judged(entry, is_new=is_new), names=_NAMES)
        fields |= differences(before, after())
    new_password = password is not None and (is_new or not passwords.matches(user, password))
    if new_password or (is_new and password_hash):
        fields["password"] = NEW_SECRET
    if not fields and not is_new:
        return user, None
    # Each changed user is kept until then: without the related rows that were looked up.
    for name in ("stored_groups", "stored_addresses", "_prefetched_objects_cache"):
        vars(user).pop(name, None)
    if is_new:
        first_password = partial(_set_first_password, user, password, password_hash)
        change = Change(what, Outcome.ADDED, fields)
        return user, Step(
            change, prepare=first_password, make_together=create_together, new_user=user
        )
    prepare = partial(user.set_password, password) if new_password else nothing
    change = Change(what, Outcome.CHANGED, fields)
    return user, Step(change, partial(_update, user, fields, user.password), prepare)


def _not_judged(entry: dict[str, Any], *, is_new: bool) -> set[str]:
    """Return the fields to pass over: the password, and of a new user those that are not set."""
    if not is_new:
        return {"password"}
    return _fields() - {"email", *map(field_of, entry)} | {"password"}


@cache
def _fields() -> set[str]:
    return {field.name for field in User._meta.concrete_fields}


def _set_subject(
    what: str, user: User, subject: str | None, present: Present, *, is_new: bool
) -> dict[str, tuple[Any, Any]]:
    """Set the subject of a new user; return it as a change of fields.

    Raises DeclarationError if they can't have it, or if a known user has another one.
    """
    if subject is None or (not is_new and user.sub == subject):
        return {}
    if not is_new:
        raise DeclarationError(
            f"{what}: sub: It is {user.sub}. A subject never changes: apps know the user by it."
        )
    if subject in present.repeated:
        raise DeclarationError(f"{what}: sub: Two users of the file have this subject.")
    problem = subjects.problem_with(subject, present.taken)
    if problem is not None:
        raise DeclarationError(f"{what}: sub: {problem}")
    user.sub = subject
    return {"sub": (None, subject)}


def _set_first_password(user: User, password: str | None, password_hash: str | None) -> None:
    if password_hash is None:
        user.set_password(password)
    else:
        user.password = str(password_hash)


def prune_users(declared: Collection[str]) -> Iterator[tuple[str, Step]]:
    """Return the steps that disable all users except these, and end their sessions.

    Users are not deleted: subjects are not reused. Superusers are kept, so that operators do not
    lock themselves out, and so are users who signed up themselves: no file created them.
    """
    users = User.objects.filter(is_active=True, is_superuser=False, self_registered=False)
    fields = {"is_active": (True, False)}
    for pk, email in users.order_by("email").values_list("pk", "email").iterator():
        if email.lower() not in declared:
            user = User(pk=pk, email=email, is_active=False)
            change = Change(f"user {email}", Outcome.DISABLED, fields)
            yield email, Step(change, partial(_update, user, fields))


def create_together(planned: Sequence[tuple[User, Change]]) -> None:
    """Save users whose planned changes add them, in a few statements for all.

    Raises IntegrityError where one is not new any more.
    """
    users = [user for user, _ in planned]
    emails = [user.email for user in users]
    User.objects.unfinished().filter(email__in=emails).delete()
    User.objects.bulk_create(users)
    verified = {user.email for user, change in planned if "email_verified" in change.fields}
    email_addresses.record_first(users, verified)
    named = [(user, change.fields.get("groups", (None, []))[1]) for user, change in planned]
    found = {group.name: group for group in groups.made({name for _, of in named for name in of})}
    memberships: Any = User.groups.through
    memberships.objects.bulk_create(
        memberships(user_id=user.pk, group_id=found[name].pk) for user, of in named for name in of
    )


def _update(
    planned: User, fields: dict[str, tuple[Any, Any]], password_before: str | None = None
) -> User:
    """Save only the changed columns: the user may be changing others."""
    columns = [name for name in fields if name in _COLUMNS]
    user = locked(planned)
    check_unchanged(user, fields, state)
    if "password" in fields and user.password != password_before:
        raise ConflictError("The password is another one now.")
    for name in map(field_of, columns):
        setattr(user, name, getattr(planned, name))
    user.save(update_fields=[*map(field_of, columns), "updated_at"])
    if "email_verified" in fields:
        user.set_email(planned.email.lower(), verified=fields["email_verified"][1])
    if "groups" in fields:
        user.groups.set(groups.made(fields["groups"][1]))
    _end_sessions(user, fields)
    return user


def state(user: User) -> dict[str, Any]:
    """Return the exportable members of a user, except the password."""
    related: Any = user
    if "stored_groups" not in vars(user):
        related = User.objects.prefetch_related(*RELATED).get(pk=user.pk)
    return _state(
        user,
        verified=any(
            address.verified and address.email == user.email for address in related.stored_addresses
        ),
        groups=sorted(group.name for group in related.stored_groups),
        roles=roles.of_user(related),
    )


def defaults(_: User) -> dict[str, Any]:
    """Return the defaults of a new user."""
    return _state(User(), verified=False, groups=[], roles={})


def rows() -> QuerySet[User]:
    """Return the users to export: all except unfinished sign-ups."""
    unfinished = User.objects.unfinished().values("pk")
    users = User.objects.exclude(pk__in=unfinished).order_by("email")
    return users.prefetch_related(*RELATED)


def _state(user: User, *, verified: bool, groups: list[str], roles: roles.Names) -> dict[str, Any]:
    return {
        "email_verified": verified,
        **{name: getattr(user, field_of(name)) for name in _CLAIMS},
        "attributes": user.attributes,
        "groups": groups,
        "roles": roles,
        **{name: getattr(user, name) for name in ("is_active", "is_staff", "is_superuser")},
    }


def _merged(
    what: str,
    present: dict[str, Any],
    declared: dict[str, Any],
    definitions: Mapping[str, Attribute],
) -> dict[str, Any]:
    """Return a user's attributes with those that are declared; null removes one."""
    merged = {**present}
    for name, value in declared.items():
        if name not in definitions:
            raise DeclarationError(f"{what}: attributes: There is no attribute {name}.")
        if value is None:
            merged.pop(name, None)
            continue
        try:
            merged[name] = definitions[name].cleaned(value)
        except ValidationError as problem:
            raise DeclarationError(f"{what}: attributes: {name}: {problem.messages[0]}") from None
    return merged


def _check_types(what: str, entry: dict[str, Any]) -> None:
    refuse_other_types(what, entry, _TYPES)
    address = entry.get("address", {})
    if not set(address) <= set(ADDRESS_MEMBERS):
        raise DeclarationError(f"{what}: address: It may have {', '.join(ADDRESS_MEMBERS)}.")
    if not all(isinstance(text, str) for text in address.values()):
        raise DeclarationError(f"{what}: address: Its members have to be texts.")
    groups.refuse_odd_names(what, "groups", entry.get("groups", []))


def _end_sessions(user: User, fields: dict[str, tuple[Any, Any]]) -> None:
    """End the sessions of a user who is disabled or got a password; mail them of the latter."""
    if not user.is_active and fields.keys() & {"password", "is_active"}:
        end_sessions(user.sessions.filter(ended_at=None), Ending.ACCOUNT_DISABLED)
    elif "password" in fields:
        operations.password_replaced(user)
