"""Answers of upstreams that come by a form, without this browser's cookies, and work once.

A form that another site sends brings no cookie of ours (SameSite=Lax), so nothing is known of the
browser. Such an answer is judged first, kept here, encrypted, and taken by the ticket with which
the browser is led on to a page of ours, with its cookies. All processes share what is kept.
"""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import IntegrityError, models, transaction

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import StaleError
from foundation import server_keys
from foundation.statements import hash_of

_PURPOSE = "upstream answer"
#: How long a message is known, so that it works once. No answer is taken that long after its
#: request (`journeys`), and no request to sign out that old (`idp.upstream.saml.logout`).
KNOWN_FOR = timedelta(hours=1)
#: How long a browser may take to be led on.
_TAKEN_WITHIN = timedelta(minutes=5)


class UpstreamAnswer(models.Model):
    """A message of an upstream that came: it works no more, and may wait for its browser."""

    upstream = models.ForeignKey(Upstream, on_delete=models.CASCADE, related_name="+")
    #: SHA-256, in hex, of the upstream and the message's own id.
    message_hash = models.CharField(max_length=64, unique=True)
    #: SHA-256 of the ticket, in hex, and what was judged; empty once it was taken.
    ticket_hash = models.CharField(max_length=64, blank=True, default="", db_index=True)
    sealed = models.TextField(blank=True, default="")
    came_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"Message of {self.upstream_id} at {self.came_at:%Y-%m-%d %H:%M}"


def use_once(upstream: Upstream, message_id: str, now: datetime) -> None:
    """Use up a message of an upstream, by its own id. Raises StaleError if it came before."""
    _store(upstream, message_id, now)


def keep(upstream: Upstream, message_id: str, said: dict[str, Any], now: datetime) -> str:
    """Keep what a message says, and return its ticket. Raises StaleError if it came before."""
    ticket = secrets.token_urlsafe(32)
    sealed = server_keys.seal(json.dumps(said).encode(), _PURPOSE)
    _store(upstream, message_id, now, ticket_hash=hash_of(ticket), sealed=sealed)
    return ticket


def take(upstream: Upstream, ticket: str, now: datetime) -> dict[str, Any]:
    """Return what was kept for a ticket of this upstream, once. Raises StaleError."""
    rows = UpstreamAnswer.objects.filter(
        upstream=upstream, ticket_hash=hash_of(ticket), came_at__gt=now - _TAKEN_WITHIN
    ).exclude(sealed="")
    row = rows.first()
    if row is None or not rows.filter(pk=row.pk).update(sealed=""):
        raise StaleError("There is no answer of this upstream with this ticket.")
    try:
        said: dict[str, Any] = json.loads(server_keys.unseal(row.sealed, _PURPOSE))
    except InvalidToken:
        raise StaleError("The answer was kept with another key of the server.") from None
    return said


def _store(upstream: Upstream, message_id: str, now: datetime, **columns: str) -> None:
    """Insert a row. Of parallel ones with the same message, the database takes one."""
    row = UpstreamAnswer(
        upstream=upstream,
        message_hash=hash_of(json.dumps([upstream.pk, message_id])),
        came_at=now,
        expires_at=now + KNOWN_FOR,
        **columns,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise StaleError("The message came before: it works once.") from None
