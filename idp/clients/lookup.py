"""Looking up the client that a request names. RFC 6749 §2.2.

A process remembers clients with their secrets, each as of one version of its row.
"""

from collections import OrderedDict

from foundation.statements import one
from idp.models import Client
from idp.protocol.errors import ProtocolError
from idp.protocol.rules import upholds
from idp.statements.bearers import ClientVersion

#: How many clients a process remembers.
_MOST = 10_000
_remembered: OrderedDict[str, Client] = OrderedDict()
#: Hand-written because every request of a client sends it. The row's version grows at each change
#: of the client or its secrets.
_VERSION = "SELECT id, version, enabled FROM idp_client WHERE client_id = %s"


@upholds("RFC 6749 §2.2")
def find(client_id: str, unknown: type[ProtocolError], read: ClientVersion | None = None) -> Client:
    """Return the client of this id as its row is now, with its secrets.

    `read` is what the request has read of a client already, maybe another one. Raises an `unknown`
    where there is no such client, or the operator has disabled it.
    """
    if read is None or read.client_id != client_id:
        row = one(_VERSION, [client_id])
        if row is None:
            raise unknown(f"No client has the client_id {client_id}.")
        read = ClientVersion(client_id, row[0], row[1], bool(row[2]))
    client = _remembered.get(client_id)
    if client is None or (client.pk, client.version, client.enabled) != read[1:]:
        client = _read(client_id, unknown)
    if not client.enabled:
        raise unknown(f"The client {client_id} has been disabled by the operator.")
    return client


def _read(client_id: str, unknown: type[ProtocolError]) -> Client:
    """Read a client and remember it."""
    client: Client | None = (
        Client.objects.filter(client_id=client_id).prefetch_related("secrets").first()
    )
    if client is None:  # deleted at this moment
        raise unknown(f"No client has the client_id {client_id}.")
    _remembered[client_id] = client
    while len(_remembered) > _MOST:
        _remembered.popitem(last=False)
    return client
