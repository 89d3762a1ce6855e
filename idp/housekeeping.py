"""Background deletion of expired rows and orphans in batches, and the schedule of signing keys.

A batch is one short transaction, so that requests do not wait for it.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from math import inf
from typing import Any

import structlog
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import deletion, profile_pictures
from accounts.email_change import CODE_LIFETIME, UNDONE_WITHIN
from accounts.models import (
    EmailChange,
    InactiveSession,
    Session,
    TrustedBrowser,
    UpstreamAnswer,
    UsedUpstreamToken,
    User,
)
from accounts.sessions import Ending, end_expired, end_in_batches
from foundation.models import Mail, RateCount
from idp import events, keys, policy, sharing
from idp.models import (
    AccessToken,
    AuthorizationCode,
    BackchannelAuthentication,
    Client,
    Consent,
    DataExport,
    Delivery,
    DeviceCode,
    DeviceSecret,
    Event,
    EventCount,
    Grant,
    ImportedToken,
    Interaction,
    RefreshToken,
    Sharing,
    UsedAssertion,
    UsedIssuerJwt,
)

#: Rows deleted at once, and rows searched at once for orphans: a few milliseconds each, since
#: requests wait for as long on a single processor.
BATCH = 100
WINDOW = 1000
#: Failed rows of one kind, after which the others of that kind wait for the next round; and seconds
#: until a repeated failure is an event again.
_MOST_FAILED = 20
_RECORDED_EVERY = 24 * 3600
_recorded_at: dict[tuple[str, object], float] = {}
log = structlog.get_logger(__name__)


def tidy(now: datetime) -> Counter[str]:
    """Delete expired rows and orphans, run the schedule of keys; return rows by kind."""
    done = Counter({"expired sessions": expire(now)})
    for name, count in chain(batches(now), walk(now)):
        done[name] += count
    return done


def expire(now: datetime) -> int:
    """Run the schedule of keys, and end expired sessions; return their number."""
    try:
        keys.tend(now)
    except Exception as problem:  # noqa: BLE001
        _failed("signing keys", "", problem)
    return end_expired(now, _session_failed)


def _session_failed(session: Session, problem: Exception) -> None:
    _failed("sessions", session.pk, problem)


def batches(now: datetime) -> Iterator[tuple[str, int]]:
    """Delete expired rows in batches, and yield the number of each.

    Other work can run between two batches.
    """
    yield from _whole("users", _due_users(now))
    for name, rows in _expired(now):
        yield from _whole(name, _deleted(name, rows))


def walk(now: datetime) -> Iterator[tuple[str, int]]:
    """Delete orphans (rows without references), and yield the number in each batch of all rows.

    No index finds orphans, so this reads every row once.
    """
    for name, rows in _left_alone(now):
        windows = (_deleted(name, window) for window in _windows(rows))
        yield from _whole(name, chain.from_iterable(windows))
    yield from _whole("pictures", profile_pictures.delete_orphans(now))
    yield from _whole("sessions of devices", _end_left_alone(now))


def _end_left_alone(now: datetime) -> Iterator[int]:
    """End the sessions of apps on devices of which no grant is left, or a revoked one."""
    valid = Grant.objects.filter(session=OuterRef("pk"), revoked_at=None)
    over = Session.objects.filter(
        ~Exists(valid), lasting=True, created_at__lte=now - policy.DEVICE_CODE_LIFETIME
    )
    yield end_in_batches(over, Ending.EXPIRED, _session_failed)


def _whole(name: str, work: Iterator[int]) -> Iterator[tuple[str, int]]:
    """Yield the number of each batch; after an error, log it and continue with the next kind."""
    try:
        for count in work:
            yield name, count
    except Exception as problem:  # noqa: BLE001
        _failed(name, "", problem)


def _due_users(now: datetime) -> Iterator[int]:
    """Delete the accounts that are due, one after the other."""
    failed: list[Any] = []
    waiting = deletion.due(now).order_by("deletion_due_at")
    while len(failed) < _MOST_FAILED and (user := waiting.exclude(pk__in=failed).first()):
        sub = user.sub
        try:
            deleted = deletion.delete(user)
        except Exception as problem:  # noqa: BLE001
            failed.append(user.pk)
            _failed("users", user.pk, problem)
            continue
        if deleted:
            # No user is left to name in the event.
            reason = "The user had asked for it."
            events.record(events.Kind.DELETED, target=f"user {sub}", reason=reason)
        yield int(deleted)


def _windows(rows: QuerySet[Any]) -> Iterator[QuerySet[Any]]:
    """Give rows in parts, each of those among the next few of the whole table."""
    keys = rows.model._default_manager.order_by("pk").values_list("pk", flat=True)
    after = Q()
    while last := list(keys.filter(after)[WINDOW - 1 : WINDOW]):
        yield rows.filter(after, pk__lte=last[0])
        after = Q(pk__gt=last[0])
    yield rows.filter(after)


def _deleted(name: str, rows: QuerySet[Any]) -> Iterator[int]:
    """Delete rows in batches; a row that can't be deleted is left, with an event."""
    failed: list[Any] = []
    full = True
    while full and len(failed) < _MOST_FAILED:
        batch = rows.exclude(pk__in=failed)[:BATCH]
        before = len(failed)
        try:
            count = _delete(batch)
        except Exception:  # noqa: BLE001
            count = _delete_each(name, batch, failed)
        yield count
        full = count + len(failed) - before >= BATCH


def _delete_each(name: str, batch: QuerySet[Any], failed: list[Any]) -> int:
    """Delete the rows of a batch one by one, and add to `failed` those that can't be deleted.

    Return how many went.
    """
    count = 0
    for key in list(batch.values_list("pk", flat=True)):
        try:
            count += _delete(batch.model._default_manager.filter(pk=key))
        except Exception as problem:  # noqa: BLE001
            failed.append(key)
            _failed(name, key, problem)
    return count


def _failed(name: str, key: object, problem: Exception) -> None:
    """Record a failure as an event, once a day.

    Raises it if the database failed: that ends the round.
    """
    if not connection.is_usable():
        raise problem
    what = f"{name} ({key})" if isinstance(key, int) else name  # other keys are secrets of browsers
    log.error("housekeeping_failed", what=what, exc_info=problem)
    now = time.monotonic()
    if now - _recorded_at.get((name, key), -inf) < _RECORDED_EVERY:
        return
    _recorded_at[name, key] = now
    reason = f"The worker could not attend to {what}. The log says more ({type(problem).__name__})."
    events.record(events.Kind.HOUSEKEEPING_FAILED, reason=reason)


def _delete(batch: QuerySet[Any]) -> int:
    """Delete a batch and what belongs to it, and return the number of its own rows."""
    model = batch.model
    if model is Grant:
        return _delete_grants(list(batch.select_related("client")))
    rows = model._default_manager.filter(pk__in=batch.values("pk"))
    if (
        model is AccessToken
    ):  # The toolkit has columns with references to one, which are always empty.
        return int(rows._raw_delete(rows.db))
    return int(rows.delete()[1].get(model._meta.label, 0))


def _delete_grants(grants: list[Grant]) -> int:
    """Delete grants and add them to the sharing history, both or none of it."""
    with transaction.atomic():
        sharing.remember(grants)
        deleted = Grant.objects.filter(pk__in=[grant.pk for grant in grants]).delete()
    return int(deleted[1].get(Grant._meta.label, 0))


def _expired(now: datetime) -> Iterator[tuple[str, QuerySet[Any]]]:
    remembered = now - policy.REMEMBERED_FOR
    kept_interaction = now - policy.INTERACTION_LIFETIME - policy.REMEMBERED_FOR
    yield "interactions", Interaction.objects.filter(arrived_at__lte=kept_interaction)
    yield (
        "sign-in requests",
        BackchannelAuthentication.objects.filter(expires__lte=remembered),
    )
    yield "codes", AuthorizationCode.objects.filter(expires__lte=remembered)
    yield "device codes", DeviceCode.objects.filter(expires__lte=remembered)
    yield "access tokens", AccessToken.objects.filter(expires__lte=now)
    yield "refresh tokens", RefreshToken.objects.filter(expires__lte=remembered)
    yield "imported tokens", ImportedToken.objects.filter(expires_at__lte=now)
    yield "client assertions", UsedAssertion.objects.filter(expires_at__lte=now)
    yield "answers of identity providers", UpstreamAnswer.objects.filter(expires_at__lte=now)
    yield "tokens of trusted issuers", UsedIssuerJwt.objects.filter(expires_at__lte=now)
    yield (
        "tokens of identity providers",
        UsedUpstreamToken.objects.filter(expires_at__lte=now),
    )
    yield (
        "unfinished sign-ups",
        User.objects.unfinished().filter(date_joined__lte=now - policy.UNFINISHED_SIGNUPS_KEPT_FOR),
    )
    kept_for = CODE_LIFETIME + UNDONE_WITHIN
    yield "changes of address", EmailChange.objects.filter(asked_at__lte=now - kept_for)
    yield "deliveries", Delivery.objects.filter(done_at__lte=now - policy.SESSIONS_KEPT_FOR)
    yield "emails", Mail.objects.filter(done_at__lte=now - policy.FAILED_MAIL_KEPT_FOR)
    yield (
        "inactive sessions",
        InactiveSession.objects.filter(Q(expires_at__lte=now) | Q(session__ended_at__isnull=False)),
    )
    yield "trusted browsers", TrustedBrowser.objects.filter(expires_at__lte=now)
    yield "events", Event.objects.filter(at__lte=now - policy.EVENTS_KEPT_FOR)
    yield "event counts", EventCount.objects.filter(begins_at__lt=now - policy.COUNTS_KEPT_FOR)
    shared_until = (now - policy.EVENTS_KEPT_FOR).date()
    yield "sharing history", Sharing.objects.filter(day__lt=shared_until)
    exported_until = now - policy.DATA_EXPORTS_KEPT_FOR
    yield "data exports", DataExport.objects.filter(asked_at__lte=exported_until)
    yield "rate counts", RateCount.objects.filter(ends_at__lte=now)
    yield "browser sessions", BrowserSession.objects.filter(expire_date__lte=now)


def _left_alone(now: datetime) -> Iterator[tuple[str, QuerySet[Any]]]:
    yield (
        "device secrets",
        DeviceSecret.objects.filter(
            Q(grant__session__ended_at__isnull=False) | Q(grant__revoked_at__isnull=False)
        ),
    )
    # A grant is deleted with the last of its rows, which are needed to detect a replay.
    yield (
        "grants",
        Grant.objects.filter(
            ~Exists(AuthorizationCode.objects.filter(grant=OuterRef("pk"))),
            ~Exists(DeviceCode.objects.filter(grant=OuterRef("pk"))),
            ~Exists(AccessToken.objects.filter(grant=OuterRef("pk"))),
            ~Exists(RefreshToken.objects.filter(grant=OuterRef("pk"))),
            ~Exists(BackchannelAuthentication.objects.filter(grant=OuterRef("pk"))),
            ~Exists(DeviceSecret.objects.filter(grant=OuterRef("pk"))),
            created_at__lte=now - policy.REMEMBERED_FOR,
        ),
    )
    yield "unused apps", _unused_clients(now)
    # Offline access outlives its session, and its clients are still notified with the sid.
    yield (
        "sessions",
        Session.objects.filter(
            ~Exists(Grant.objects.filter(session=OuterRef("pk"))),
            ended_at__lte=now - policy.SESSIONS_KEPT_FOR,
        ),
    )


def _unused_clients(now: datetime) -> QuerySet[Client]:
    """Return self-registered clients without any consent.

    A client that needs no consent leaves no lasting rows of its use, so it is kept.
    """
    signs_in_by_itself = Q()
    for place in range(len(policy.GRANT_TYPES)):
        signs_in_by_itself |= Q(**{f"grant_types__{place}": "client_credentials"})
    clients: QuerySet[Client] = Client.objects.filter(
        ~Exists(Grant.objects.filter(client=OuterRef("pk"))),
        ~Exists(Consent.objects.filter(client=OuterRef("pk"))),
        ~Exists(AccessToken.objects.filter(application=OuterRef("pk"))),
        ~Exists(Event.objects.filter(client_id=OuterRef("client_id"), kind=Event.Kind.CONSENTED)),
        ~Exists(Client.objects.filter(signs_in_by_itself, pk=OuterRef("pk"))),
        registration_source__in=(Client.RegistrationSource.DCR, Client.RegistrationSource.CIMD),
        registered_with={},
        created__lte=now - policy.UNUSED_CLIENTS_KEPT_FOR,
    )
    return clients
