"""Apps, tokens, codes, consents and keys of another Django project's database, after its people.

A person there is the one here with the same subject and the same address: with one alone, tokens
could come to somebody else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.addresses import normalised_email
from accounts.models import User
from foundation.statements import hash_of
from idp import events, imported_keys
from idp.declaration.members import DeclarationError
from idp.importers import foreign_apps, live_tokens
from idp.importers.foreign_apps import ForeignApp
from idp.importers.foreign_tables import ForeignTables
from idp.importers.live_tokens import LiveAuthorization
from idp.importers.report import Outcome, Told
from idp.models import Client, Consent, ImportedToken
from idp.models.catalog import Catalog

#: Authorizations and consents that are stored together.
_BATCH = 500
#: Characters of a column that names the other server.
_LONGEST = 300


@dataclass(frozen=True)
class People:
    """The table of people in the other database."""

    tables: ForeignTables
    table: str
    #: The columns that are their subject and address.
    sub: str
    email: str

    def here(self, ids: Iterable[int | None]) -> dict[int, User]:
        """Return who they are here, by their ids there; those who are not here are left out."""
        asked = sorted({each for each in ids if each is not None})
        if not asked:
            return {}
        columns = {self.sub, self.email} - {"id"}
        where = f"id IN ({', '.join(['%s'] * len(asked))})"
        found = list(self.tables.rows(self.table, tuple(columns), where=where, values=asked))
        users = {
            (user.sub, user.email): user
            for user in User.objects.filter(sub__in={str(row[self.sub]) for row in found})
        }
        by_id = {
            row["id"]: users.get((str(row[self.sub]), normalised_email(row[self.email] or "")))
            for row in found
        }
        return {pk: user for pk, user in by_id.items() if user is not None}


@dataclass
class TakeOver:
    """One run, and which app here is which there."""

    #: The kind of server, and its issuer: what was imported is remembered by both.
    name: str
    issuer: str
    people: People
    #: When it began.
    now: datetime
    dry_run: bool = False
    #: Primary keys of apps here by their ids there.
    apps: dict[int, int] = field(default_factory=dict)
    #: Those here whose users have agreed to what they hold.
    _asked_users: set[int] = field(default_factory=set)

    @property
    def source(self) -> str:
        """Return what the other server is called in the rows of what was imported."""
        return f"{self.name} {self.issuer}"[:_LONGEST]

    def take_apps(self, found: Iterable[ForeignApp]) -> Iterator[list[Told]]:
        """Store the apps that are not here yet."""
        catalog = Catalog.stored()
        for app in found:
            outcome, reasons = self._taken_app(app, catalog)
            what = f"app {app.client_id}"
            yield [Told(app.id, "clients", what, outcome, " ".join(reasons))]

    def _taken_app(self, app: ForeignApp, catalog: Catalog) -> tuple[Outcome, list[str]]:
        present = Client.objects.filter(client_id=app.client_id).first()
        if present is not None:
            self._note(app, present)
            return Outcome.UNCHANGED, []
        if app.has_document:
            return Outcome.LEFT_OUT, ["It comes by itself, with its own document."]
        owner = self.people.here([app.owner_id]).get(app.owner_id or 0)
        try:
            with transaction.atomic():
                client, problems = foreign_apps.store(app, owner, catalog)
                if not self.dry_run:
                    what = f"app {app.client_id}"
                    events.record(
                        events.Kind.CREATED, client_id=app.client_id, target=what, by="import"
                    )
                transaction.set_rollback(self.dry_run)
        except DeclarationError as problem:
            return Outcome.LEFT_OUT, [str(problem)]
        self._note(app, client)
        return Outcome.PARTLY if problems else Outcome.ADDED, problems

    def _note(self, app: ForeignApp, client: Client) -> None:
        self.apps[app.id] = client.pk
        if app.asked_users:
            self._asked_users.add(client.pk)

    def take_authorizations(self, found: Iterable[LiveAuthorization]) -> Iterator[list[Told]]:
        """Store codes and tokens; at the end, end those here that are gone there."""
        for batch in _batches(found):
            told: list[Told] = []
            mapped = list(self._mapped(batch, told))
            added = len(mapped)
            if not self.dry_run:
                live_tokens.note_seen(self.source, batch, self.now)
                stored = live_tokens.store(self.source, self.issuer[:_LONGEST], mapped, self.now)
                self._store_agreements(stored)
                added = len(stored)
            told += [Told(0, "tokens", "", Outcome.ADDED)] * added
            told += [Told(0, "tokens", "", Outcome.UNCHANGED)] * (len(mapped) - added)
            yield told
        if not self.dry_run:
            ended = live_tokens.end_missing(self.source, self.now)
            yield [Told(0, "tokens", "ended there", Outcome.CHANGED)] * ended

    def _mapped(
        self, batch: list[LiveAuthorization], told: list[Told]
    ) -> Iterator[LiveAuthorization]:
        """Yield authorizations with our ids of apps and people; the others are told."""
        users = self.people.here(authorization.user_id for authorization in batch)
        for each in batch:
            what = f"app {each.client_id} and user {each.user_id} of the other database"
            if each.client_id not in self.apps:
                told.append(Told(0, "tokens", what, Outcome.LEFT_OUT, "The app was not taken."))
            elif each.user_id is None or self.dry_run:  # which has imported no people
                yield replace(each, client_id=self.apps[each.client_id])
            elif each.user_id not in users:
                reason = "The user is not here, by subject and address."
                told.append(Told(0, "tokens", what, Outcome.LEFT_OUT, reason))
            else:
                yield replace(
                    each,
                    client_id=self.apps[each.client_id],
                    user_id=users[each.user_id].pk,
                )

    def _store_agreements(self, stored: Iterable[LiveAuthorization]) -> None:
        """Store what users have agreed to as they gave an app what it holds; no consent grows."""
        agreed: dict[tuple[int, int], set[str]] = {}
        for each in stored:
            if each.user_id is not None and each.client_id in self._asked_users:
                scopes = agreed.setdefault((each.user_id, each.client_id), set())
                scopes.update(each.scope.split())
        clients = Client.objects.in_bulk({client_id for _, client_id in agreed})
        Consent.objects.bulk_create(
            (
                Consent(
                    user_id=user_id,
                    client_id=client_id,
                    scopes=sorted(scopes),
                    display_fingerprint=clients[client_id].display_fingerprint,
                )
                for (user_id, client_id), scopes in agreed.items()
            ),
            ignore_conflicts=True,
        )

    def take_consents(self, found: Iterable[dict[str, Any]]) -> Iterator[list[Told]]:
        """Store consents of people who have given none here, once each: none comes back."""
        for batch in _batches(found):
            users = self.people.here(row["user_id"] for row in batch)
            marks = {row["id"]: hash_of(f"{self.source} consent {row['id']}") for row in batch}
            known = set(
                ImportedToken.objects.filter(pk__in=marks.values()).values_list("pk", flat=True)
            )
            for row in batch:
                user, mark = users.get(row["user_id"]), marks[row["id"]]
                if user is not None and row["client_id"] in self.apps and mark not in known:
                    self._take_consent(mark, user, row)
                    yield [Told(row["id"], "consents", "", Outcome.ADDED)]

    def _take_consent(self, mark: str, user: User, row: dict[str, Any]) -> None:
        if self.dry_run:
            return
        with transaction.atomic():
            client = Client.objects.get(pk=self.apps[row["client_id"]])
            Consent.objects.get_or_create(
                user=user,
                client=client,
                defaults={
                    "scopes": row["scopes"],
                    "expires_at": row["expires_at"],
                    "display_fingerprint": client.display_fingerprint,
                },
            )
            ImportedToken.objects.create(
                hashed=mark,
                source=f"consents of {self.source}"[:_LONGEST],
                seen_at=self.now,
                expires_at=row["expires_at"],
            )

    def take_keys(self, found: Iterable[dict[str, Any]], hours: int) -> Iterator[list[Told]]:
        """Store signing keys as retired, published for so many hours."""
        until = self.now + timedelta(hours=hours)
        try:
            jwks = list(found)
            if not self.dry_run:
                imported_keys.store(jwks, self.issuer, until, self.now)
        except imported_keys.UnusableKeyError as problem:
            yield [Told(0, "keys", "signing keys", Outcome.LEFT_OUT, str(problem))]
        else:
            yield [Told(0, "keys", f"signing key {jwk['kid']}", Outcome.ADDED) for jwk in jwks]


def _batches(found: Iterable[Any]) -> Iterator[list[Any]]:
    batch = []
    for each in found:
        batch.append(each)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
