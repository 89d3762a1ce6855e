"""Notify clients of a sign-out in the user's own browser. OIDC Front-Channel Logout.

And list every app on the page after it, with whether and how it was notified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from accounts.models import Session
from idp import policy
from idp.clients.display import name_of, way_to
from idp.models import ClientSession, Delivery

#: Limits of one page: apps listed, and apps notified by the browser.
_MOST = 100
_MOST_FRAMES = 30


@dataclass(frozen=True)
class SignedOut:
    """An app that took part in a session that ended, as its user sees it."""

    name: str
    #: The frontchannel_logout_uri with its parameters, or nothing.
    frame: str
    #: How far we came with notifying it ourselves, or None where we don't: a `Delivery.State`.
    state: str | None
    #: Whether it has failed to answer so far.
    troubled: bool
    #: Its own page, or nothing.
    open_at: str

    @property
    def is_pending(self) -> bool:
        """Whether it is notified at this moment, so that a later look may say more."""
        return self.state == Delivery.State.WAITING and not self.troubled


def apps_of(sessions: Iterable[Session], *, elsewhere: bool = False) -> list[SignedOut]:
    """Return the apps of ended sessions, each with the way of its notification.

    Sessions of another browser can't be notified by this one: `elsewhere`.
    """
    sessions = list(sessions)
    taking_part = ClientSession.objects.select_related("client").filter(
        session__in=sessions, ended_at=None, client__enabled=True
    )
    deliveries = {row.sid: row for row in Delivery.objects.filter(session__in=sessions)}
    apps, left = [], 0 if elsewhere else _MOST_FRAMES
    for row in taking_part[:_MOST]:
        frame = _frame(row) if left else ""
        left -= bool(frame)
        apps.append(_signed_out(row, frame, deliveries.get(row.sid)))
    return sorted(apps, key=lambda app: app.name.casefold())


def _signed_out(row: ClientSession, frame: str, delivery: Delivery | None) -> SignedOut:
    return SignedOut(
        name_of(row.client),
        frame,
        delivery.state if delivery else None,
        bool(delivery and delivery.last_problem),
        way_to(row.client, next(iter(row.client.redirect_uris), "")),
    )


def _frame(row: ClientSession) -> str:
    """Return the address that the browser loads. §3: with iss and sid, always both."""
    uri: str = row.client.frontchannel_logout_uri
    if not uri:
        return ""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'iss': policy.ISSUER, 'sid': row.sid})}"
