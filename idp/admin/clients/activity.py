"""What happened at an app: its sign-ins by day, and its last events."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from idp import event_counts, policy
from idp.event_counts import Day
from idp.models import Client, Event
from idp.protocol.errors import UnregisteredRedirectUri

#: How many days and events are shown; the list of events has the others.
DAYS = 14
EVENTS = 20
#: Units of the drawing: its height, the width of a day, and of its bar.
_HEIGHT, _STEP, _WIDTH = 100, 40, 28
_Kind = Event.Kind


@dataclass(frozen=True)
class Bar:
    """A day of the drawing, and of the table that says the same."""

    day: datetime
    signed_in: int
    denied: int
    x: int
    height: int
    denied_height: int
    width: int = _WIDTH

    @property
    def y(self) -> int:
        """Where the bar of the sign-ins begins, from the top."""
        return _HEIGHT - self.height

    @property
    def denied_y(self) -> int:
        """Where the bar of the denials begins."""
        return _HEIGHT - self.denied_height


@dataclass(frozen=True)
class Happened:
    """An event, and for a redirect URI that was refused where it is beside the registered one."""

    event: Event
    comparison: str = ""


@dataclass(frozen=True)
class Activity:
    """The tab: bars and events."""

    bars: list[Bar]
    #: The drawing's width.
    width: int
    events: list[Happened]

    @property
    def has_counts(self) -> bool:
        """Whether there is anything to draw."""
        return any(bar.signed_in or bar.denied for bar in self.bars)


def activity_of(client: Client, request: HttpRequest) -> Activity | None:
    """Return what happened at an app, None for staff who may not see events; by an index."""
    may: Any = request.user.has_perm
    if not may("idp.view_event"):
        return None
    days = event_counts.of_app_by_day(client.client_id, timezone.now(), DAYS)
    rows = Event.objects.filter(client_id=client.client_id).select_related("user", "actor")
    return Activity(
        bars=_bars(days),
        width=DAYS * _STEP - (_STEP - _WIDTH),
        events=[Happened(row, _comparison(client, row)) for row in rows.order_by("-id")[:EVENTS]],
    )


def _bars(days: list[Day]) -> list[Bar]:
    counts = [(day.counts[_Kind.SIGNED_IN], day.counts[_Kind.DENIED]) for day in days]
    most = max(1, *(max(pair) for pair in counts))
    return [
        Bar(
            day.begins_at,
            signed_in,
            denied,
            number * _STEP,
            _drawn(signed_in, most),
            _drawn(denied, most),
        )
        for number, (day, (signed_in, denied)) in enumerate(zip(days, counts, strict=True))
    ]


def _drawn(count: int, most: int) -> int:
    """Return the height of a bar; what happened at all can be seen."""
    return max(2, count * _HEIGHT // most) if count else 0


def _comparison(client: Client, event: Event) -> str:
    """Return the page that compares the addresses of a denial, if that was about addresses."""
    came: dict[str, str] = event.details.get("parameters") or {}
    refused = (
        ("redirect_uri" in came and not client.redirect_uri_allowed(came["redirect_uri"]))
        or (
            "post_logout_redirect_uri" in came
            and not client.post_logout_redirect_uri_allowed(came["post_logout_redirect_uri"])
        )
    )  # fmt: skip
    if event.kind != _Kind.DENIED or not refused:
        return ""
    return policy.error_uri(UnregisteredRedirectUri.code, event.reference)
