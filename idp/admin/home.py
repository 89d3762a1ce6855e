"""The first page: figures of a day, the provider's health, and what needs an operator."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from foundation.heartbeats import MAIL
from foundation.models import Heartbeat
from idp import event_counts
from idp.admin import attention, health
from idp.admin.page import list_of
from idp.event_counts import Hour
from idp.models import Client, Event, Grant

Kind = Event.Kind
_DAY = 24
_BUSIEST = 5
#: Units of the drawing: its height, the width of an hour, and of its bar.
_HEIGHT, _STEP, _WIDTH = 100, 24, 16
_ROOT = 2
#: The oldest apps, of which the first with users is tested.
_LOOKED_AT = 20


@dataclass(frozen=True)
class Figure:
    """A number of the last 24 hours, with that of the day before, and where its events are."""

    title: str | Promise
    count: int
    before: int
    address: str

    @property
    def shown(self) -> str:
        """Return the number in groups of three digits."""
        return _grouped(self.count)

    @property
    def change(self) -> int:
        """Return the difference."""
        return self.count - self.before

    @property
    def difference(self) -> str:
        """Return how far the numbers are apart, in groups of three digits."""
        return _grouped(abs(self.change))


@dataclass(frozen=True)
class Bar:
    """An hour of the drawing, and of the table that says the same."""

    at: datetime
    signed_in: int
    failed: int
    x: int
    y: int
    height: int
    failed_y: int
    failed_height: int


@dataclass(frozen=True)
class Step:
    """A first step of an installation."""

    title: str | Promise
    address: str
    done: bool


def context_of(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows to this staff member."""
    now = timezone.now()
    lines = health.lines(request, now)
    context: dict[str, Any] = {
        "health": lines,
        "all_well": all(line.is_well for line in lines),
        "needs": attention.needs(request, now),
        "steps": list(_first_steps(request)),
    }
    if request.user.has_perm("idp.view_event"):
        hours = event_counts.hours(now, 2 * _DAY)
        context["figures"] = list(_figures(hours))
        context["bars"] = bars = _bars(hours[_DAY:])
        context["is_quiet"] = not any(bar.signed_in or bar.failed for bar in bars)
        if request.user.has_perm("idp.view_client"):
            context["busiest"] = _busiest(now)
    return context


def _figures(hours: list[Hour]) -> Iterator[Figure]:
    for kind, title in (
        (Kind.SIGNED_IN, _("Sign-ins")),
        (Kind.SIGN_IN_FAILED, _("Failed")),
        (Kind.SIGNED_UP, _("New people")),
        (Kind.DENIED, _("Denied requests")),
    ):
        before, lately = (_sum(kind, part) for part in (hours[:_DAY], hours[_DAY:]))
        yield Figure(title, lately, before, list_of(Event, kind__exact=kind.value))


def _sum(kind: str, hours: list[Hour]) -> int:
    return sum(hour.counts[kind] for hour in hours)


def _bars(hours: list[Hour]) -> list[Bar]:
    """Return the bars: sign-ins, and upon the same ground those that failed."""
    counts = [(hour.counts[Kind.SIGNED_IN], hour.counts[Kind.SIGN_IN_FAILED]) for hour in hours]
    most = max(1, *(max(pair) for pair in counts))
    bars = []
    for number, (hour, (signed_in, failed)) in enumerate(zip(hours, counts, strict=True)):
        height, failed_height = _drawn(signed_in, most), _drawn(failed, most)
        x, tops = number * _STEP, (_HEIGHT - height, _HEIGHT - failed_height)
        bars.append(
            Bar(hour.begins_at, signed_in, failed, x, tops[0], height, tops[1], failed_height)
        )
    return bars


def _drawn(count: int, most: int) -> int:
    """Return the height of a bar; what happened at all can be seen."""
    return max(2, count * _HEIGHT // most) if count else 0


def _busiest(now: datetime) -> list[tuple[Client, str]]:
    counts = event_counts.busiest(Kind.SIGNED_IN, now, _BUSIEST)
    clients = Client.objects.in_bulk([it for it, _count in counts], field_name="client_id")
    return [(clients[it], _grouped(count)) for it, count in counts if it in clients]


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _first_steps(request: HttpRequest) -> Iterator[Step]:
    """Yield the first steps for a superuser, until a user has signed in to an app."""
    if not request.user.is_superuser or Grant.objects.exists():
        return
    invite, add = reverse("admin:accounts_user_add"), reverse("admin:idp_client_add")
    apps = Client.objects.order_by("pk")[:_LOOKED_AT]
    first = next((app for app in apps if app.signs_users_in), None)
    test = reverse("admin:idp_client_test_sign_in", args=[first.pk]) if first else add
    operators = User.objects.filter(is_staff=True)[:_ROOT]
    yield Step(
        _("Send an email: invite somebody"), invite, Heartbeat.objects.filter(name=MAIL).exists()
    )
    yield Step(_("Add the first app"), add, bool(apps))
    yield Step(_("Invite a second operator"), invite, len(operators) == _ROOT)
    yield Step(_("Test its sign-in"), test, done=False)
