"""The apps of a developer, with recent denials of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.core.paginator import Paginator
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import translation

from accounts.models import User
from idp.developers.quick_starts import QUICK_STARTS, QuickStart
from idp.models import Client, Event

#: How many apps the page of a quick start or program offers, …
APPS_OFFERED = 50
#: … how many a page of their own shows, and how many denials of each.
APPS_SHOWN = 20
DENIALS_SHOWN = 20


@dataclass(frozen=True)
class App:
    """A client as its owner sees it, with its last denials, the newest first."""

    client: Client
    denials: list[Event]

    @property
    def kind(self) -> str:
        """Return the application type in English, as the pages for developers are."""
        with translation.override("en"):
            return str(self.client.get_application_type_display())

    @property
    def has_addresses(self) -> bool:
        """Whether its redirect URIs are registered here, and not in a document of its own."""
        return bool(self.client.registration_source != Client.RegistrationSource.CIMD)

    @property
    def quick_starts(self) -> list[QuickStart]:
        """Return the quick starts that fit the client as it is registered."""
        return [start for start in QUICK_STARTS.values() if start.fits(self.client)]


def clients_of(owner: User) -> QuerySet[Client]:
    """Return a user's apps by name."""
    apps: QuerySet[Client] = Client.objects.filter(user=owner).order_by("name", "pk")
    return apps


def pages_of(owner: User) -> "Paginator[Client]":
    """Return a user's apps in pages of APPS_SHOWN, each with the row of its oldest denial shown."""
    of_client = _denials().filter(client_id=OuterRef("client_id")).values("id")
    oldest_shown = Subquery(of_client[DENIALS_SHOWN - 1 : DENIALS_SHOWN])
    return Paginator(clients_of(owner).annotate(oldest_shown=oldest_shown), APPS_SHOWN)


def with_denials(clients: Sequence[Any]) -> list[App]:
    """Return the apps of one of `pages_of`, with their last denials, in one statement."""
    shown: dict[str, list[Event]] = {client.client_id: [] for client in clients}
    # Each part of the condition is a range of the index `event_by_client`.
    ranges = [Q(client_id=c.client_id, id__gte=c.oldest_shown or 0) for c in clients]
    for event in _denials().filter(reduce(or_, ranges)) if ranges else ():
        shown[event.client_id].append(event)
    return [App(client, shown[client.client_id]) for client in clients]


def _denials() -> QuerySet[Event]:
    denials: QuerySet[Event] = Event.objects.filter(kind=Event.Kind.DENIED).order_by("-id")
    return denials
