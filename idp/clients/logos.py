"""Logos of apps: fetched, re-encoded and served by us, or left out.

OIDC Dynamic Client Registration §2, `logo_uri`. Those of self-registered apps need an operator's
trust, by a setting or by an initial access token. Browsers do not fetch from the app's server, and
no page waits for it: a registration makes the first attempt, and the worker the others.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db.models import F
from django.utils import timezone

from foundation import branding, pictures
from foundation.pictures import UnusablePictureError
from idp import fetching, policy
from idp.models import Client, ClientLogo
from idp.outbound import OutboundError
from idp.protocol.errors import TemporarilyUnavailable
from idp.protocol.languages import tagged

log = structlog.get_logger(__name__)
#: Maximum number of logos of one client: the one without a language, then others.
MOST = 5
#: Bytes that one may have where it comes from.
MOST_BYTES = 256 * 1024
_CONTENT_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")
#: Delays between attempts; after the last one the logo is given up.
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 6 * 60))
#: Until an interrupted fetch is due again, and until the worker makes the attempt that the
#: registration was to make: longer than an attempt takes.
FIRST_ATTEMPT_WITHIN = _CLAIMED_FOR = timedelta(seconds=30)
_BATCH = 20


def is_trusted(client: Client) -> bool:
    """Whether an operator entered the app, or their configuration trusts its logo."""
    is_vouched_for = policy.REGISTRATION_LOGOS or client.registered_with.get("logos")
    return bool(is_vouched_for or not client.is_self_registered)


def plan(client: Client, due_at: datetime) -> None:
    """Schedule a client's logos for fetching, in the transaction that saves the client.

    Deletes logos that it does not name any more.
    """
    uris = _uris_of(client) if is_trusted(client) else []
    ClientLogo.objects.filter(client=client).exclude(uri__in=uris).delete()
    ClientLogo.objects.bulk_create(
        [ClientLogo(client=client, uri=uri, due_at=due_at) for uri in uris], ignore_conflicts=True
    )


def fetch_at_once(client: Client) -> None:
    """Fetch the logo that a client has just named, for its first page.

    Call it outside of transactions. If it fails, the worker makes further attempts.
    """
    logo = ClientLogo.objects.filter(client=client, uri=client.logo_uri, attempts=0).first()
    if logo is not None:
        _attempt(logo)


def fetch_due(now: datetime) -> bool:
    """Fetch logos that are due, a few of them; return whether there were any."""
    due = ClientLogo.objects.filter(due_at__lte=now).select_related("client").order_by("due_at")
    logos = list(due[:_BATCH])
    for logo in logos:
        _attempt(logo)
    return bool(logos)


def addresses_of(named: Mapping[int, str]) -> dict[int, str]:
    """Return our addresses of logos that there are, by the clients that name their URIs."""
    logos = ClientLogo.objects.filter(client__in=named).exclude(digest="")
    rows = logos.values_list("client", "uri", "digest") if named else ()
    return {
        client: branding.picture_address(digest)
        for client, uri, digest in rows
        if named[client] == uri
    }


def picture_of(digest: str) -> bytes | None:
    """Return the picture at one of our addresses; None where there is none that may be shown."""
    logos = ClientLogo.objects.filter(digest=digest, client__enabled=True).exclude(digest="")
    picture = logos.values_list("picture", flat=True).first()
    return bytes(picture) if picture else None


def _uris_of(client: Client) -> list[str]:
    tags = (uri for name, uri in client.localized.items() if tagged(name)[0] == "logo_uri")
    return [uri for uri in dict.fromkeys([client.logo_uri, *tags]) if uri][:MOST]


def _attempt(logo: ClientLogo) -> None:
    """Fetch a logo, unless another process does, and store it or the time of the next attempt."""
    row, now = ClientLogo.objects.filter(pk=logo.pk), timezone.now()
    is_ours = row.filter(attempts=logo.attempts).update(
        attempts=F("attempts") + 1, due_at=now + _CLAIMED_FOR
    )
    if not is_ours:
        return
    try:
        picture = _fetched(logo)
    except (OutboundError, UnusablePictureError, TemporarilyUnavailable) as problem:
        pause = _PAUSES[logo.attempts] if logo.attempts < len(_PAUSES) else None
        row.update(due_at=now + pause if pause else None)
        log.warning("logo_not_fetched", client_id=logo.client.client_id, reason=str(problem))
        return
    digest = hashlib.sha256(picture).hexdigest()
    row.update(picture=picture, digest=digest, due_at=None)


def _fetched(logo: ClientLogo) -> bytes:
    """Return the logo as a picture of ours. It is decoded in the place that its fetch had."""
    party = fetching.party_of(logo.client)
    with fetching.place_for(logo.uri, party) as fetch:
        return pictures.reencoded(fetch.ask(_CONTENT_TYPES, MOST_BYTES).body)
