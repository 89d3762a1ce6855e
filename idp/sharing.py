"""The sharing history: which client could see which claims about a user, and when.

A grant has all of it while its tokens live. Before grants are deleted, what they gave is added up
for each user, client and day. So no request for a token writes anything for the history.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Max
from django.db.models.functions import TruncDate

from accounts.models import User
from idp.models import Grant, Sharing

#: The columns of a row that the upsert finds it by.
_UNIQUE = ["user", "client_id", "day", "fingerprint"]
_BATCH = 500


@dataclass(frozen=True)
class Shared:
    """What a client could see about a user by its grants of one day."""

    client_id: str
    day: date
    scope: str
    #: The claims that were requested one by one, by name.
    claims: tuple[str, ...]
    #: When the last of the grants was given.
    at: datetime


def remember(grants: Iterable[Grant]) -> None:
    """Add grants, which are about to be deleted, to the history: one upsert."""
    rows: dict[tuple[Any, ...], Sharing] = {}
    for grant in sorted(grants, key=lambda grant: grant.created_at):
        row = _row(grant)
        rows[row.user_id, row.client_id, row.day, row.fingerprint] = row
    # In one order, so that concurrent upserts do not deadlock.
    Sharing.objects.bulk_create(
        [rows[key] for key in sorted(rows)],
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=_UNIQUE,
        update_fields=["last_at"],
    )


def of(user: User, since: datetime, before: datetime, most: int) -> list[Shared]:
    """Return the newest of a user's history in this time, the newest first, `most` at most.

    All of a user's grants that live are read, and no others.
    """
    found: dict[tuple[Any, ...], Shared] = {}
    for one in (*_kept(user, since, before, most), *_of_grants(user, since, before, most)):
        key = (one.client_id, one.day, one.scope, one.claims)
        found[key] = max(found.get(key, one), one, key=lambda shared: shared.at)
    return sorted(found.values(), key=lambda shared: shared.at, reverse=True)[:most]


def _row(grant: Grant) -> Sharing:
    claims = _names(grant.claims)
    return Sharing(
        user_id=grant.user_id,
        client_id=grant.client.client_id,
        day=grant.created_at.astimezone(UTC).date(),
        fingerprint=hashlib.sha256(json.dumps([grant.scope, claims]).encode()).hexdigest(),
        scope=grant.scope,
        claims=claims,
        last_at=grant.created_at,
    )


def _kept(user: User, since: datetime, before: datetime, most: int) -> Iterable[Shared]:
    rows = Sharing.objects.filter(user=user, last_at__gte=since, last_at__lt=before)
    for row in rows.order_by("-last_at")[:most]:
        yield Shared(row.client_id, row.day, row.scope, tuple(row.claims), row.last_at)


def _of_grants(user: User, since: datetime, before: datetime, most: int) -> Iterable[Shared]:
    rows = (
        Grant.objects.filter(user=user, created_at__gte=since)
        .values("client__client_id", "scope", "claims", day=TruncDate("created_at", tzinfo=UTC))
        .annotate(last_at=Max("created_at"))
        .filter(last_at__lt=before)
        .order_by("-last_at")
    )
    for row in rows[:most]:
        claims = tuple(_names(row["claims"]))
        yield Shared(row["client__client_id"], row["day"], row["scope"], claims, row["last_at"])


def _names(claims: dict[str, list[str]]) -> list[str]:
    """Return the claims of a grant's `claims`, wherever they are delivered."""
    return sorted({name for names in claims.values() for name in names})
