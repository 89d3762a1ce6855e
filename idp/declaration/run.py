"""Plan the changes of a file in order, collecting all errors and left-out entries.

Writes nothing: entries are compared with stored rows as changed by earlier entries.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from django.db.models import Model

from accounts.models import Upstream, User
from idp.declaration.attributes import plan_attribute
from idp.declaration.authorization_details_types import plan_authorization_details_type
from idp.declaration.brand import plan_brand
from idp.declaration.change import Change, Outcome
from idp.declaration.clients import plan_client
from idp.declaration.initial_access_tokens import plan_initial_access_token
from idp.declaration.lists import Lists
from idp.declaration.members import DeclarationError, MissingSecretError
from idp.declaration.present_users import in_batches
from idp.declaration.resource_servers import plan_introspection, plan_resource_server
from idp.declaration.roles import Names, of_user, plan_user_roles
from idp.declaration.scopes import plan_scope
from idp.declaration.sections import SECTIONS
from idp.declaration.steps import Step
from idp.declaration.trusted_issuers import plan_links, plan_trusted_issuer
from idp.declaration.upstreams import plan_upstream
from idp.declaration.users import plan_user
from idp.models import (
    Attribute,
    AuthorizationDetailsType,
    Client,
    InitialAccessToken,
    ResourceServer,
    Role,
    Scope,
    TrustedIssuer,
)
from idp.models.catalog import Catalog
from idp.models.scope import claims_of_attributes

Plan = Callable[[dict[str, Any]], tuple[Model, Step | None]]
Progress = Callable[[str, int, int], object]

#: References come before the lists that they point to.
_PRUNED_IN_ORDER = (
    *("initial_access_tokens", "clients", "trusted_issuers", "resource_servers", "scopes"),
    *("authorization_details_types", "upstreams", "attributes", "users", "brand"),
)


def planned(
    lists: Lists, *, prune: bool, leave_out: bool, most: int | None, progress: Progress
) -> list[Step]:
    """Return the steps that apply the file, in the order of references.

    Raises DeclarationError naming each invalid entry and member, and as soon as there are more than
    `most` steps.
    """
    planning = _Planning(leave_out, most, progress)
    offered = planning.catalog.all_scopes()
    if prune:
        planning.prune(lists)
    planning.each("attributes", lists.get("attributes", []), plan_attribute)
    planning.users(lists.get("users", []))
    catalog = planning.catalog
    plans: tuple[tuple[str, Plan], ...] = (
        ("brand", plan_brand),
        ("resource_servers", partial(plan_resource_server, catalog=catalog)),
        ("scopes", partial(plan_scope, catalog=catalog)),
        ("authorization_details_types", plan_authorization_details_type),
        ("trusted_issuers", plan_trusted_issuer),
        ("upstreams", partial(plan_upstream, catalog=catalog)),
        ("clients", partial(plan_client, catalog=catalog, emails=planning.declared["users"])),
        (
            "initial_access_tokens",
            partial(plan_initial_access_token, catalog=catalog, holders=planning.holders(lists)),
        ),
    )
    for name, plan in plans:
        planning.each(name, lists.get(name, []), plan)
    planning.links(lists.get("trusted_issuers", []))
    planning.introspection(lists.get("resource_servers", []))
    planning.roles(lists.get("users", []), lists.get("clients", []))
    problems = planning.problems or [
        *planning.stranded(offered - catalog.all_scopes()),
        *planning.without_attribute(),
        *planning.without_details_type(),
    ]
    if problems:
        raise DeclarationError("\n".join(problems))
    return planning.steps


class _Planning:
    """The steps so far, errors, and the state of the database after these steps."""

    def __init__(self, leave_out: bool, most: int | None, progress: Progress) -> None:  # noqa: FBT001
        self.leave_out = leave_out
        self.most = most
        self.progress = progress
        self.steps: list[Step] = []
        self.problems: list[str] = []
        self.catalog = Catalog.stored()
        #: Keys by list: declared after these steps, deleted, and left out, so that references to
        #: them are valid.
        self.declared: dict[str, set[str]] = {name: set() for name in SECTIONS}
        self.removed: dict[str, set[str]] = {name: set() for name in SECTIONS}
        self.left_out: dict[str, set[str]] = {name: set() for name in SECTIONS}
        self.scopes_left_out: set[str] = set()
        #: The attributes that there will be, by name.
        self.attributes = {row.name: row for row in Attribute.objects.all()}
        #: The roles that the users of the file have before.
        self.roles_before: dict[str, Names] = {}

    def prune(self, lists: Lists) -> None:
        """Plan to delete rows that the lists do not name."""
        for name in _PRUNED_IN_ORDER:
            if name in lists:
                section = SECTIONS[name]
                for key, step in section.pruned({entry[section.key] for entry in lists[name]}):
                    self.add(step)
                    self._forget(name, key)

    def users(self, entries: list[dict[str, Any]]) -> None:
        """Plan users, who are looked up in batches."""
        for number, (entry, present) in enumerate(in_batches(entries), start=1):
            if "roles" in entry and (user := present.users.get(entry["email"])):
                self.roles_before[entry["email"]] = of_user(user)
            self._entry(
                "users", entry, partial(plan_user, present=present, attributes=self.attributes)
            )
            self.progress("Users compared", number, len(entries))

    def each(self, name: str, entries: list[dict[str, Any]], plan: Plan) -> None:
        """Plan every entry, also after an invalid one, so that all errors are reported."""
        for number, entry in enumerate(entries, start=1):
            self._entry(name, entry, plan)
            self.progress(f"Entries of {name} compared", number, len(entries))

    def links(self, entries: list[dict[str, Any]]) -> None:
        """Plan which users are linked to subjects of trusted issuers."""
        plan = partial(plan_links, emails=self.declared["users"])
        for entry in entries:
            if entry["issuer"] in self.declared["trusted_issuers"]:
                self._later(plan, entry)

    def _later(self, plan: Callable[[dict[str, Any]], Step | None], entry: dict[str, Any]) -> None:
        """Plan a second step of an entry."""
        try:
            self.add(plan(entry))
        except DeclarationError as problem:
            self.problems.append(str(problem))

    def introspection(self, entries: list[dict[str, Any]]) -> None:
        """Plan which clients introspect for the APIs that can be."""
        left_out = self.left_out["clients"]
        plan = partial(plan_introspection, clients=self._clients, left_out=left_out)
        for entry in entries:
            if entry["identifier"] in self.declared["resource_servers"]:
                self._later(plan, entry)

    def roles(self, users: list[dict[str, Any]], clients: list[dict[str, Any]]) -> None:
        """Plan which roles users have, once it is known which there will be."""
        declared = {
            entry["client_id"]: frozenset(entry.get("roles", {}))
            for entry in clients
            if isinstance(entry.get("roles", {}), dict)
        }

        @cache
        def offered(client_id: str) -> frozenset[str] | None:
            if client_id in declared:
                return declared[client_id]
            if not self._clients({client_id}):
                return None
            names = Role.objects.filter(client__client_id=client_id).values_list("name", flat=True)
            return frozenset(names)

        for entry in users:
            if entry["email"] in self.declared["users"]:
                try:
                    step = plan_user_roles(
                        entry,
                        before=self.roles_before.get(entry["email"], {}),
                        offered=offered,
                        left_out=self.left_out["clients"],
                    )
                except DeclarationError as problem:
                    self.problems.append(str(problem))
                else:
                    self.add(step)

    def add(self, step: Step | None) -> None:
        """Add a step, unless there are too many."""
        if step is None:
            return
        self.steps.append(step)
        if self.most is not None and len(self.steps) > self.most:
            raise DeclarationError(
                f"This changes more than {self.most} things at once. Use manage.py apply on the "
                "server for that."
            )

    def holders(self, lists: Lists) -> dict[str, str]:
        """Return the names of the initial access tokens that stay, by hash, if any are declared."""
        if not lists.get("initial_access_tokens"):
            return {}
        stored = InitialAccessToken.objects.exclude(
            name__in=self.removed["initial_access_tokens"]
        ).values_list("hashed", "name")
        return dict(stored)

    def stranded(self, gone: set[str]) -> Iterator[str]:
        """Return an error for each row that would refer to deleted scopes."""
        if not gone:
            return
        for name in ("clients", "initial_access_tokens"):
            section = SECTIONS[name]
            settled = self.declared[name] | self.removed[name]
            rows = section.rows().prefetch_related(None).values_list(section.key, "scopes")
            for key, scopes in rows.iterator():
                if key not in settled and (lost := gone & set(scopes)):
                    yield f"{section.noun} {key}: scope: Nothing offers {min(lost)} any more."

    def without_attribute(self) -> Iterator[str]:
        """Return an error for each stored row that would refer to deleted attributes."""
        gone = self.removed["attributes"]
        for name, claims in self.catalog.claims.items():
            if lost := gone.intersection(claims_of_attributes(claims).values()):
                yield f"scope {name}: claims: There is no attribute {min(lost)} any more."
        settled = self.declared["upstreams"] | self.removed["upstreams"]
        stored = Upstream.objects.exclude(slug__in=settled) if gone else Upstream.objects.none()
        for slug, mapping in stored.values_list("slug", "mapping"):
            if lost := gone & mapping.get("attributes", {}).keys():
                yield f"upstream {slug}: mapping: There is no attribute {min(lost)} any more."

    def without_details_type(self) -> Iterator[str]:
        """Return an error for each stored client that would refer to deleted types."""
        gone = self.removed["authorization_details_types"]
        settled = self.declared["clients"] | self.removed["clients"]
        rows = (
            Client.objects.exclude(authorization_details_types=[])
            if gone
            else Client.objects.none()
        )
        for key, types in rows.values_list("client_id", "authorization_details_types"):
            if key not in settled and (lost := gone & set(types)):
                member = "authorization_details_types"
                yield f"client {key}: {member}: There is no {min(lost)} any more."

    def _entry(self, name: str, entry: dict[str, Any], plan: Plan) -> None:
        section = SECTIONS[name]
        try:
            row, step = plan(entry)
        except DeclarationError as problem:
            missing = self._missing(entry, problem)
            if missing is not None:
                self.left_out[name].add(entry[section.key])
                self.scopes_left_out |= set(entry.get("scopes", ()))
                what = f"{section.noun} {entry[section.key]}"
                self.add(Step(Change(what, Outcome.LEFT_OUT, {missing: (None, None)})))
                return
            self.problems.append(str(problem))
            if not isinstance(problem, MissingSecretError):
                return
            row, step = problem.row, None
        self.add(step)
        self._offer(name, entry[section.key], row)

    def _missing(self, entry: dict[str, Any], problem: DeclarationError) -> str | None:
        """Return the missing secret for which an entry is left out, or None if it is refused."""
        if not self.leave_out:
            return None
        if isinstance(problem, MissingSecretError):
            return problem.member
        lost = self.scopes_left_out & set(str(entry.get("scope")).split())
        return f"scope {min(lost)}" if lost else None

    def _offer(self, name: str, key: str, row: Model) -> None:
        """Let later entries refer to a row."""
        self.declared[name].add(key)
        match row:
            case Attribute():
                self.attributes[row.name] = row
                self.catalog.attributes.add(row.name)
            case User() if row.pk is None:
                self.catalog.new_subjects.add(row.sub)
            case Scope():
                self.catalog.claims[row.name] = row.claims
            case TrustedIssuer():
                self.catalog.issuers[row.issuer] = frozenset(row.purposes)
            case AuthorizationDetailsType():
                self.catalog.details_types.add(row.type)
            case ResourceServer():
                self.catalog.add_api(row.identifier, row.scopes, row.access_token_typ)

    def _forget(self, name: str, key: str) -> None:
        """Make later references to deleted rows invalid."""
        self.removed[name].add(key)
        if name == "scopes":
            self.catalog.claims.pop(key, None)
        elif name == "authorization_details_types":
            self.catalog.details_types.discard(key)
        elif name == "attributes":
            self.attributes.pop(key, None)
            self.catalog.attributes.discard(key)
        elif name == "trusted_issuers":
            self.catalog.issuers.pop(key, None)
        elif name == "resource_servers":
            self.catalog.remove_api(key)

    def _clients(self, names: set[str]) -> set[str]:
        """Return those of these client_ids that there will be."""
        stored = Client.objects.filter(client_id__in=names).values_list("client_id", flat=True)
        return (names & self.declared["clients"]) | (set(stored) - self.removed["clients"])
