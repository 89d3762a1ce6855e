"""Users of an import: judged by the rules of `apply`, and written many at once.

A user is found by `sub`, else by address. An account that was here before stays as it is,
unless it is one of an earlier import that no user has signed in to, or the operator says to
overwrite. No file makes or changes an operator's account.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.allauth_door import social_accounts
from accounts.models import User
from accounts.upstream.model import Upstream
from foundation.postgresql.lists import in_binary_form
from idp import events
from idp.declaration import DeclarationError
from idp.declaration.credentials import hash_of
from idp.declaration.lists import lists_of
from idp.declaration.members import is_text
from idp.declaration.present_users import Present, in_batches, typed_with_capitals
from idp.declaration.roles import names_in
from idp.declaration.users import create_together, plan_user, state
from idp.importers.planned import Planned
from idp.importers.report import Told
from idp.importers.source import Row
from idp.models import Attribute, Role

#: Members that make operators.
_POWERS = ("is_staff", "is_superuser")
_BY = "import"
#: Of one user: beyond these it is no user's row.
_MOST_GROUPS, _MOST_ROLES, _MOST_LINKS = 1000, 1000, 50
#: Names of groups and apps whose facts are kept.
_MOST_KEPT = 10_000


class People:
    """Imports users, a batch at a time."""

    def __init__(self, *, dry_run: bool, overwrite: bool, upstreams: Mapping[str, str]) -> None:
        self._dry_run = dry_run
        self._overwrite = overwrite
        #: Slugs of our upstreams, by the names of identity providers in the source.
        self._upstreams = upstreams
        self._attributes = {row.name: row for row in Attribute.objects.all()}
        self._capitals = typed_with_capitals()
        self._slugs = set(Upstream.objects.values_list("slug", flat=True))
        #: Roles that a dry run would have made, by client.
        self.roles_to_come: dict[str, set[str]] = {}
        #: Hashes of addresses and subjects that a dry run would have taken.
        self._taken: set[int] = set()
        self._roles_of = lru_cache(_MOST_KEPT)(self._stored_roles)
        self._gives_power = lru_cache(_MOST_KEPT)(_gives_power)

    def imported(self, rows: Sequence[Row]) -> list[Told]:
        """Import a batch in one transaction and return what became of each row.

        Raises IntegrityError where others made the same users meanwhile; nothing is done then.
        """
        planned = self._planned(rows)
        if self._dry_run:
            self._taken.update(hash(key) for it in planned if it.is_new for key in _keys(it.entry))
        else:
            usable = [it for it in planned if not it.refusal]
            for it in usable:
                if it.step is not None:
                    it.step.prepare()
            with transaction.atomic(), in_binary_form():
                self._write(usable)
        return [it.told() for it in planned]

    def _planned(self, rows: Sequence[Row]) -> list[Planned]:
        planned = [self._taken_apart(row) for row in rows]
        self._refuse_doubles(planned)
        by_email = {it.entry["email"]: it for it in planned if not it.refusal}
        entries = [it.entry for it in by_email.values()]
        for entry, present in in_batches(entries, self._capitals):
            it = by_email[entry["email"]]
            try:
                self._plan(it, present)
            except DeclarationError as problem:
                it.refusal = _reason(problem, it.entry["email"])
        self._plan_links([it for it in planned if not it.refusal])
        return planned

    def _taken_apart(self, row: Row) -> Planned:
        """Return a row without what an import does not take, with notes of that."""
        it = Planned(row, dict(row.entry), list(row.notes))
        if not it.entry.get("email"):
            it.refusal = "It has no email address, with which people sign in here."
            return it
        it.refusal = _excess(row)
        if it.refusal:
            return it
        try:
            it.entry = lists_of({"users": [it.entry]})["users"][0]
            it.notes += self._without_powers(it.entry)
            it.notes += self._without_strangers(it.entry)
        except DeclarationError as problem:
            it.refusal = _reason(problem, str(it.entry["email"]))
        return it

    def _without_powers(self, entry: dict[str, Any]) -> Iterator[str]:
        for name in _POWERS:
            if entry.pop(name, False):
                yield f"{name} is not taken: operators are appointed here."
        groups = entry.get("groups")
        if isinstance(groups, list):
            powerful = [
                name for name in groups if isinstance(name, str) and self._gives_power(name)
            ]
            entry["groups"] = [name for name in groups if name not in powerful]
            for name in powerful:
                yield f"Group {name} is not taken: it has permissions in the administration."

    def _without_strangers(self, entry: dict[str, Any]) -> Iterator[str]:
        """Take out a hash, attributes and roles that nothing here knows."""
        try:
            if (encoded := hash_of("user", entry)) is not None:
                entry["password_hash"] = encoded
        except DeclarationError as problem:
            del entry["password_hash"]
            yield f"The password is not taken. {str(problem).partition('password_hash: ')[2]}"
        attributes = entry.get("attributes")
        if isinstance(attributes, dict):
            for name in [name for name in attributes if name not in self._attributes]:
                del attributes[name]
                yield f"There is no attribute {name}."
        if "roles" in entry:
            roles = entry["roles"] = names_in(f"user {entry['email']}", entry["roles"])
            for client_id, names in roles.items():
                known = self.roles_to_come.get(client_id) or self._roles_of(client_id)
                for name in [name for name in names if name not in known]:
                    yield f"The app {client_id} has no role {name}."
                roles[client_id] = [name for name in names if name in known]

    def _refuse_doubles(self, planned: list[Planned]) -> None:
        """Refuse rows with the address or subject of an earlier row: the first one counts."""
        seen: dict[tuple[str, str], int] = {}
        for it in planned:
            if it.refusal:
                continue
            keys = _keys(it.entry)
            double = next((key for key in keys if key in seen), None)
            if double is not None:
                it.refusal = f"Row {seen[double]} has the same {double[0]}."
            elif any(hash(key) in self._taken for key in keys):
                it.refusal = "An earlier row has the same email or sub."
            else:
                seen |= dict.fromkeys(keys, it.row.number)

    def _plan(self, it: Planned, present: Present) -> None:
        entry = {name: value for name, value in it.entry.items() if name != "roles"}
        existing = present.users.get(entry["email"])
        sub = entry.get("sub")
        if existing is None:
            if sub in present.taken.users:
                it.refusal = "An account here has its sub and another address."
                return
            it.user, it.step = plan_user(entry, present=present, attributes=self._attributes)
            it.is_new = True
            return
        has_same_sub = sub == existing.sub
        is_untouched = has_same_sub and existing.last_login is None
        was_powerful = existing.is_staff or existing.is_superuser
        if is_untouched and not was_powerful:
            it.password_hash = _new_hash(existing, entry)
        wanted = _beside(existing, entry)
        it.user, it.step = plan_user(wanted, present=present, attributes=self._attributes)
        is_same = it.step is None and it.password_hash is None
        if sub and not has_same_sub and not self._overwrite:
            it.refusal = "An account with this address was here before, with another sub."
        elif is_same:
            return
        elif was_powerful:
            it.refusal = "It is an operator's account here, which an import never changes."
        elif not is_untouched and not self._overwrite:
            why = "has been used here since" if has_same_sub else "was here before"
            it.refusal = f"The account differs, but {why}: it stays unless you say --overwrite."

    def _plan_links(self, planned: list[Planned]) -> None:
        """Plan connected accounts: at upstreams that there are, and of no other user."""
        wanted: dict[str, set[str]] = {}
        for it in planned:
            for name, subject in it.row.links:
                slug = self._upstreams.get(name, name)
                if not is_text(subject):
                    it.notes.append(f"Its account at {slug} holds a character that can't be kept.")
                elif slug in self._slugs:
                    it.links.append((slug, subject))
                    wanted.setdefault(slug, set()).add(subject)
                else:
                    it.notes.append(f"There is no identity provider {slug} here to link with.")
        owners: dict[tuple[str, str], object] = {
            (slug, subject): pk
            for slug, subjects in wanted.items()
            for subject, pk in social_accounts.owners(slug, subjects).items()
        }
        for it in planned:
            for link in list(it.links):
                owner = owners.setdefault(link, it)
                if owner is not it and owner != getattr(it.user, "pk", None):
                    it.links.remove(link)
                    it.notes.append(f"Its account at {link[0]} is linked with somebody else.")

    def _write(self, planned: list[Planned]) -> None:
        new = [(it.user, it.step.change) for it in planned if it.is_new and it.user and it.step]
        create_together(new)
        events.record_created([(user, change.what, change.fields) for user, change in new], _BY)
        for it in planned:
            if it.is_new or it.user is None:
                continue
            if it.step is not None:
                it.step.make()
                changes = events.masked(it.step.change.fields)
                kind = it.step.change.kind or events.Kind.CHANGED
                events.record(
                    kind, user=it.user, target=it.step.change.what, changes=changes, by=_BY
                )
            if it.password_hash is not None:
                User.objects.filter(pk=it.user.pk).update(password=it.password_hash)
        self._give_roles(planned)
        social_accounts.connect_all(
            (it.user, slug, subject) for it in planned if it.user for slug, subject in it.links
        )

    def _give_roles(self, planned: list[Planned]) -> None:
        """Add roles to those that users have."""
        given: Any = Role.users.through
        given.objects.bulk_create(
            (
                given(user_id=it.user.pk, role_id=self._roles_of(client_id)[name])
                for it in planned
                if it.user
                for client_id, names in it.entry.get("roles", {}).items()
                for name in names
            ),
            ignore_conflicts=True,
        )

    def _stored_roles(self, client_id: str) -> dict[str, int]:
        rows = Role.objects.filter(client__client_id=client_id)
        return dict(rows.values_list("name", "pk"))


def _excess(row: Row) -> str:
    """Return why a row has too much of something, or nothing."""
    groups, roles = row.entry.get("groups"), row.entry.get("roles")
    given = roles.values() if isinstance(roles, dict) else ()
    for number, most, what in (
        (len(groups) if isinstance(groups, list) else 0, _MOST_GROUPS, "groups"),
        (sum(len(it) + 1 for it in given if isinstance(it, list)), _MOST_ROLES, "roles"),
        (len(row.links), _MOST_LINKS, "accounts at identity providers"),
    ):
        if number > most:
            return f"It has {number} {what}, and more than {most} are not taken."
    return ""


def _keys(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what no two users share."""
    return [(name, entry[name]) for name in ("email", "sub") if isinstance(entry.get(name), str)]


def _new_hash(user: User, entry: dict[str, Any]) -> str | None:
    """Return the hash of an entry, if it takes the place of one that the user did not choose."""
    encoded = hash_of("user", entry)
    is_own = user.password_changed_at is not None and user.has_usable_password()
    return None if encoded in {None, user.password} or is_own else str(encoded)


def _beside(user: User, entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry that takes nothing away from a user who is here."""
    before = state(user)
    kept = {
        name: it for name, it in entry.items() if name not in {"sub", "password", "password_hash"}
    }
    if before["email_verified"]:
        kept.pop("email_verified", None)
    if not user.is_active or "is_active" not in kept:
        kept["is_active"] = user.is_active
    if "groups" in kept:
        kept["groups"] = sorted({*before["groups"], *kept["groups"]})
    return kept


def _gives_power(group: str) -> bool:
    return Group.objects.filter(name=group, permissions__isnull=False).exists()


def _reason(problem: DeclarationError, email: str) -> str:
    """Return the problems of a user without their name, which the report has beside them."""
    lines = str(problem).splitlines()
    return " ".join(line.removeprefix(f"user {email}: ") for line in lines)
