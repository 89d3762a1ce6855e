"""Clients' parts in sessions: beginning them, and ending them with their tokens."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from idp.logout import backchannel
from idp.models import Client, ClientSession, Grant
from idp.models.grant import session_id_for_client
from idp.tokens.revocation import revoke_grants

#: How many end by one statement.
_BATCH = 500
_LIVE = Q(ended_at=None, session__ended_at=None)


def begin(client: Client, session_id: str) -> int:
    """Insert a client's part in a session in one statement, or return the existing one; its key.

    Another tab of the session may have inserted it, or the client's part in the session had ended
    and begins again.
    """
    row = ClientSession(client=client, session_id=session_id)
    made = ClientSession.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["session", "client"],
        update_fields=["created_at", "ended_at"],
    )
    return made[0].pk


def live_of(client: Client) -> QuerySet[ClientSession]:
    """Return the parts that a client has in sessions now."""
    return ClientSession.objects.filter(_LIVE, client=client)


def end(parts: QuerySet[ClientSession], now: datetime) -> int:
    """End the valid ones of these in one transaction; return the number ended.

    Revokes the clients' grants in these sessions, except offline access of browsers. Notifies
    clients with back-channel logout by the `sid` that they know, which is not used again: for that
    client the session is over.
    """
    with transaction.atomic():
        ended = list(parts.filter(_LIVE).select_for_update(of=("self",)).order_by("pk"))
        for begin in range(0, len(ended), _BATCH):
            _end(ended[begin : begin + _BATCH], now)
    return len(ended)


def _end(parts: list[ClientSession], now: datetime) -> None:
    keys = [part.pk for part in parts]
    backchannel.plan(ClientSession.objects.filter(pk__in=keys))
    ends = Q(offline=False) | Q(session__lasting=True)
    grants = Grant.objects.filter(ends, client_session__in=keys)
    revoke_grants(grants.values("pk"), now)
    for part in parts:
        part.sid, part.ended_at = session_id_for_client(), now
    ClientSession.objects.bulk_update(parts, ["sid", "ended_at"])


def end_all_of(client: Client, now: datetime) -> int:
    """End a client's part in all users' sessions, in batches; return the number ended."""
    ended, last = 0, 0
    of_client = live_of(client).order_by("pk").values_list("pk", flat=True)
    while batch := list(of_client.filter(pk__gt=last)[:_BATCH]):
        ended += end(ClientSession.objects.filter(pk__in=batch), now)
        last = batch[-1]
    return ended
