"""Notify clients that a session ended, from server to server. OIDC Back-Channel Logout.

`plan` writes the deliveries in the transaction that ends the session; the worker's `deliver` sends
them. A crash between or during the two loses nothing: a delivery that was claimed is due again.
"""

import random
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from urllib.parse import urlencode

import structlog
from django.db import connection
from django.db.models import F, QuerySet
from django.utils import timezone

from idp import events, outbound
from idp.models import Client, ClientSession, Delivery
from idp.protocol.errors import InvalidClientMetadata, TemporarilyUnavailable
from idp.subjects import subject_of
from idp.tokens import logout_token

log = structlog.get_logger(__name__)
#: Delays between attempts; after the last one the delivery is given up.
_PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600)
)
#: Seconds until an unfinished attempt is due again: longer than a fetch.
_CLAIMED_FOR = timedelta(seconds=60)
#: Number of concurrent deliveries, so that a slow client does not delay others.
AT_ONCE = 20
_BATCH = 100


def plan(ended: QuerySet[ClientSession]) -> None:
    """Write deliveries to the clients of these sessions, in the transaction that ends them."""
    taking_part = ended.filter(ended_at=None, client__enabled=True)
    Delivery.objects.bulk_create(
        Delivery(
            client=row.client,
            session=row.session,
            sub=subject_of(row.client, row.session.user),
            sid=row.sid,
        )
        for row in taking_part.exclude(client__backchannel_logout_uri="").select_related(
            "client", "session__user"
        )
    )


def deliver(now: datetime) -> bool:
    """Send deliveries that are due, up to a batch; return whether there were any.

    Several workers can do so concurrently: each claims different deliveries.
    """
    due = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now)
    keys = list(due.order_by("due_at").values_list("pk", flat=True)[:_BATCH])
    claimed = [pk for pk in keys if _claim(pk, now)]
    if not claimed:
        return bool(keys)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        rows = Delivery.objects.filter(pk__in=claimed).select_related("client")
        attempts = {threads.submit(_problem_with_telling, row, now): row for row in rows}
        for done in as_completed(attempts):
            _note(attempts[done], done.result(), timezone.now())
    return True


def retry(delivery: Delivery) -> None:
    """Make a delivery due now, also one that was given up, with a full number of attempts."""
    Delivery.objects.filter(pk=delivery.pk).exclude(state=Delivery.State.DELIVERED).update(
        state=Delivery.State.WAITING, due_at=timezone.now(), attempts=0, done_at=None
    )


def plan_test(client: Client) -> Delivery:
    """Write a delivery about a session that never existed, as a test."""
    return Delivery.objects.create(
        client=client, sub=str(uuid.uuid4()), sid=secrets.token_urlsafe(16)
    )


def _claim(pk: int, now: datetime) -> bool:
    """Claim a delivery by moving its next attempt; return False if another worker did."""
    due = Delivery.objects.filter(pk=pk, state=Delivery.State.WAITING, due_at__lte=now)
    return bool(due.update(due_at=now + _CLAIMED_FOR, attempts=F("attempts") + 1))


def _problem_with_telling(delivery: Delivery, now: datetime) -> str | None:
    """Post a logout token; return why it did not arrive, in a sentence, or None. §2.5, §2.8."""
    client = delivery.client
    try:
        if not client.backchannel_logout_uri:
            return "The app has no address for back-channel logout any more."
        token = logout_token.issue(
            client, sub=delivery.sub, sid=delivery.sid, jti=delivery.jti, now=now
        )
        form = urlencode({"logout_token": token})
        status = outbound.post(client.backchannel_logout_uri, form)
    except (InvalidClientMetadata, TemporarilyUnavailable) as error:
        return error.description
    except outbound.OutboundError as problem:
        return str(problem)
    except Exception as problem:
        log.exception("delivery_failed", delivery=delivery.pk)
        return f"Something broke on our side: {type(problem).__name__}."
    finally:
        connection.close()  # the thread's own, if it needed one
    return None if 200 <= status < 300 else f"The app answered with the status {status}."


def _note(delivery: Delivery, problem: str | None, now: datetime) -> None:
    """Store the result of an attempt, and the time of the next one."""
    row = Delivery.objects.filter(pk=delivery.pk)
    if problem is None:
        row.update(state=Delivery.State.DELIVERED, done_at=now, last_problem="")
        return
    if delivery.attempts <= len(_PAUSES):
        pause = _PAUSES[delivery.attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311
        row.update(due_at=now + pause, last_problem=problem)
        return
    row.update(state=Delivery.State.FAILED, done_at=now, last_problem=problem)
    events.record(
        events.Kind.NOTIFICATION_FAILED,
        client_id=delivery.client.client_id,
        reason=f"The app could not be notified that a session ended: {problem}",
        attempts=delivery.attempts,
    )
