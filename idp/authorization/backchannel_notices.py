"""Tell a client that its user has answered, and a push service that a user is asked.

OIDC CIBA §10.2. The rows of the outbox are written in the transaction of their cause, and the
worker sends them until the request expires.
"""

import json
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone, translation

from foundation import posting, server_keys
from foundation.outbox import Outbox, Problem
from idp import events, outbound
from idp.clients.display import name_of
from idp.models import BackchannelAuthentication, BackchannelNotification

Receiver = BackchannelNotification.Receiver
_PURPOSE = "backchannel notification"
_JSON = "application/json"
_AT_ONCE = 20


def sealed(auth_req_id: str, token: str) -> str:
    """Return what a client is told with, encrypted: the database has neither in the clear."""
    secret = json.dumps({"auth_req_id": auth_req_id, "token": token})
    return server_keys.seal(secret.encode(), _PURPOSE)


def plan_ping(authentication: BackchannelAuthentication) -> None:
    """Write the notification of the client, if it is to be told. OIDC CIBA §10.2."""
    if authentication.sealed:
        BackchannelNotification.objects.create(
            authentication=authentication, receiver=Receiver.CLIENT
        )


def plan_push(authentication: BackchannelAuthentication) -> None:
    """Write the notification of the operator's push service, if there is one."""
    if settings.IDP_PUSH_URL:
        BackchannelNotification.objects.create(
            authentication=authentication, receiver=Receiver.PUSH
        )


def page_of(authentication: BackchannelAuthentication) -> str:
    """Return the address of the page on which its user answers."""
    path = reverse("account_sign_in_request", args=[authentication.key])
    return f"{settings.IDP_ORIGIN}{path}"


def _attempt(row: BackchannelNotification) -> Problem | None:
    try:
        authentication = row.authentication
        if authentication.expires <= timezone.now():
            return Problem("The request expired before.", is_final=True)
        tell = _ping if row.receiver == Receiver.CLIENT else _push
        sentence = tell(authentication)
    finally:
        connection.close()  # the thread's own
    return None if sentence is None else Problem(sentence)


def _ping(authentication: BackchannelAuthentication) -> str | None:
    """Tell the client; return why that failed, or None. OIDC CIBA §10.2."""
    address = authentication.client.backchannel_client_notification_endpoint
    if not address:
        return "The app has no address for notifications any more."
    secret = json.loads(server_keys.unseal(authentication.sealed, _PURPOSE))
    body = json.dumps({"auth_req_id": secret["auth_req_id"]})
    try:
        status = outbound.post(address, body, content_type=_JSON, bearer=secret["token"])
    except outbound.OutboundError as problem:
        return str(problem)
    return None if 200 <= status < 300 else f"The app answered with the status {status}."


def _push(authentication: BackchannelAuthentication) -> str | None:
    """Tell the push service whom to notify, of what, and where the user answers."""
    user = authentication.user
    if user is None or not settings.IDP_PUSH_URL:
        return None
    with translation.override(user.language or settings.LANGUAGE_CODE):
        client_name = name_of(authentication.client)
    body = {
        "id": authentication.key,
        "sub": user.sub,
        "email": user.email,
        "language": user.language,
        "client_id": authentication.client.client_id,
        "client_name": client_name,
        "binding_message": authentication.binding_message,
        "url": page_of(authentication),
        "expires_at": int(authentication.expires.timestamp()),
    }
    try:
        posting.post(
            settings.IDP_PUSH_URL, json.dumps(body).encode(), _JSON, settings.IDP_PUSH_TOKEN
        )
    except OSError as problem:
        return f"The push service: {posting.reason_of(problem)}."
    return None


def _delivered(row: BackchannelNotification, now: datetime) -> None:
    BackchannelNotification.objects.filter(pk=row.pk).update(
        state=BackchannelNotification.State.DELIVERED, done_at=now, last_problem=""
    )


def _given_up(row: BackchannelNotification, problem: Problem) -> None:
    what = "The app" if row.receiver == Receiver.CLIENT else "The push service"
    events.record(
        events.Kind.NOTIFICATION_FAILED,
        client_id=row.authentication.client.client_id,
        reason=f"{what} could not be told of a sign-in elsewhere: {problem.sentence}",
        attempts=row.attempts,
    )


outbox: Outbox[BackchannelNotification] = Outbox(
    BackchannelNotification.objects.select_related(
        "authentication__client", "authentication__user"
    ),
    attempt=_attempt,
    delivered=_delivered,
    given_up=_given_up,
    at_once=_AT_ONCE,
)
