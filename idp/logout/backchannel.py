"""Notify clients that a session ended, from server to server. OIDC Back-Channel Logout.

`plan` writes the deliveries in the transaction that ends the session; the worker sends them.
"""

import secrets
import uuid
from datetime import datetime
from urllib.parse import urlencode

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from foundation.outbox import Outbox, Problem
from idp import events, outbound
from idp.models import Client, ClientSession, Delivery
from idp.protocol.errors import InvalidClientMetadata, TemporarilyUnavailable
from idp.subjects import subject_of
from idp.tokens import logout_token

#: Number of concurrent deliveries, so that a slow client does not delay others.
AT_ONCE = 20


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


def plan_test(client: Client) -> Delivery:
    """Write a delivery about a session that never existed, as a test."""
    return Delivery.objects.create(
        client=client, sub=str(uuid.uuid4()), sid=secrets.token_urlsafe(16)
    )


def _attempt(delivery: Delivery) -> Problem | None:
    """Post a logout token; return why it did not arrive, or None. §2.5, §2.8."""
    try:
        sentence = _problem_with_telling(delivery, timezone.now())
    finally:
        connection.close()  # the thread's own
    return None if sentence is None else Problem(sentence)


def _problem_with_telling(delivery: Delivery, now: datetime) -> str | None:
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
    return None if 200 <= status < 300 else f"The app answered with the status {status}."


def _delivered(delivery: Delivery, now: datetime) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        state=Delivery.State.DELIVERED, done_at=now, last_problem=""
    )


def _given_up(delivery: Delivery, problem: Problem) -> None:
    events.record(
        events.Kind.NOTIFICATION_FAILED,
        client_id=delivery.client.client_id,
        reason=f"The app could not be notified that a session ended: {problem.sentence}",
        attempts=delivery.attempts,
    )


outbox: Outbox[Delivery] = Outbox(
    Delivery.objects.select_related("client"),
    attempt=_attempt,
    delivered=_delivered,
    given_up=_given_up,
    at_once=AT_ONCE,
)
