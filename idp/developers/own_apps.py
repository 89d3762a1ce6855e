"""The apps of a developer, with recent denials of each."""

from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db.models import OuterRef, Q, QuerySet, Subquery

from accounts.models import User
from idp.developers.quick_starts import QUICK_STARTS, QuickStart
from idp.models import Client, Event

#: How many apps one page shows, and how many denials of each.
APPS_SHOWN = 50
DENIALS_SHOWN = 20


@dataclass(frozen=True)
class App:
    """A client as its owner sees it, with its last denials, the newest first."""

    client: Client
    denials: list[Event]

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


def apps_of(owner: User) -> list[App]:
    """Return a user's first APPS_SHOWN + 1 apps with their last denials, in two statements."""
    denials = Event.objects.filter(kind=Event.Kind.DENIED).order_by("-id")
    of_client = denials.filter(client_id=OuterRef("client_id")).values("id")
    oldest_shown = Subquery(of_client[DENIALS_SHOWN - 1 : DENIALS_SHOWN])
    clients = list(clients_of(owner).annotate(oldest_shown=oldest_shown)[: APPS_SHOWN + 1])
    if not clients:
        return []
    # Each part of the condition is a range of the index `event_by_client`.
    ranges = (Q(client_id=c.client_id, id__gte=c.oldest_shown or 0) for c in clients)
    shown: dict[str, list[Event]] = {c.client_id: [] for c in clients}
    for event in denials.filter(reduce(or_, ranges)):
        shown[event.client_id].append(event)
    return [App(client, shown[client.client_id]) for client in clients]
