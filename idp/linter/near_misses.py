"""Near-miss redirect URIs: refused lately, and nearly registered. OIDC Core §3.1.2.1."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from foundation.logs import MASK
from idp.clients.redirect_uris import Comparison, compared
from idp.models import Client, Event
from idp.protocol.redirect_uris import same_place

_PARAMETERS = ("redirect_uri", "post_logout_redirect_uri")
#: How many different addresses are compared: it takes time, and more are not fixed at once.
MOST = 10


@dataclass(frozen=True)
class NearMiss:
    """A redirect URI that was refused, and resembles a registered one."""

    uri: str
    times: int
    #: When it came last.
    at: datetime
    #: Its differences from the registered one.
    comparison: Comparison


def near_misses(client: Client, denials: Iterable[Event]) -> list[NearMiss]:
    """Return redirect URIs that resemble a registered one and are not registered; frequent first.

    Only those with the host, or the private scheme, of a registered one: others may be an
    attacker's, and are not to be registered.
    """
    found: dict[tuple[str, str], NearMiss] = {}
    for event in denials:
        for parameter, uri in _addresses(event):
            miss = found.get((parameter, uri))
            if miss is not None:
                times = miss.times + event.times
                found[parameter, uri] = replace(miss, times=times, at=max(miss.at, event.at))
            elif len(found) < MOST and _is_near(client, uri):
                comparison = compared(client, parameter, uri)
                if comparison is not None:
                    found[parameter, uri] = NearMiss(uri, event.times, event.at, comparison)
    return sorted(found.values(), key=lambda miss: -miss.times)


def _addresses(event: Event) -> Iterator[tuple[str, str]]:
    parameters = event.details.get("parameters") or {}
    for parameter in _PARAMETERS:
        if uri := parameters.get(parameter):
            # Masked parts are not compared; the rest is.
            yield parameter, uri.replace(MASK, "...")


def _is_near(client: Client, uri: str) -> bool:
    registered = (*client.redirect_uris, *client.post_logout_redirect_uris)
    return any(same_place(uri, known) for known in registered)
