"""Finding a client, from this process's memory where that is safe.

What is remembered may be old. So nothing is answered on it alone: success rests on a statement that
tests the client's version, and failure is only believed when the row has not changed meanwhile.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError

from idp.models import Client
from idp.protocol.errors import ProtocolError, ServerError
from idp.protocol.rules import upholds

T = TypeVar("T")
_MOST = 10_000
_TRIES = 3
_remembered: OrderedDict[str, Client] = OrderedDict()


class StaleClientError(Exception):
    """The client's row is newer than what the caller went by, or the client is disabled."""


def with_client(client_id: str, unknown: type[ProtocolError], attempt: Callable[[Client], T]) -> T:
    """Return `attempt(client)`, tried again with a fresh row if it failed on an older one.

    Raises an `unknown` where there is no such client, or it is disabled. Clients that don't exist
    are not remembered: one registered a moment ago is found.
    """
    client = _remembered.get(client_id) or known_and_enabled(client_id, unknown)
    for _ in range(_TRIES):
        try:
            return attempt(client)
        except (StaleClientError, IntegrityError):  # or something went that an answer rests on
            client = known_and_enabled(client_id, unknown)
        except ProtocolError:
            fresh = known_and_enabled(client_id, unknown)
            if fresh.version == client.version:
                raise
            client = fresh
    raise ServerError("The client is being changed at this very moment; try again.")


def is_current(client: Client) -> bool:
    """Whether the row still has the version that we go by, and is enabled; one statement."""
    current = Client.objects.filter(pk=client.pk, version=client.version, enabled=True)
    return bool(current.exists())


@upholds("RFC 6749 §2.2")
def known_and_enabled(client_id: str, unknown: type[ProtocolError]) -> Client:
    """Return the client of this id, or raise an `unknown` that says why not. RFC 6749 §2.2."""
    client: Client | None = (
        Client.objects.filter(client_id=client_id).prefetch_related("secrets").first()
    )
    if client is None or not client.enabled:
        _remembered.pop(client_id, None)
        raise unknown(
            f"No client has the client_id {client_id}."
            if client is None
            else f"The client {client_id} has been disabled by the operator."
        )
    _remembered[client_id] = client
    while len(_remembered) > _MOST:
        _remembered.popitem(last=False)
    return client
