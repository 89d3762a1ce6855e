"""What the sign-in page offers when it leads to a client."""

from accounts.upstream.ways import Offer
from idp.models import Client


def offer_of(client: Client) -> Offer:
    """Return the upstreams that a client names, and whether it takes our own accounts."""
    return Offer(tuple(client.upstreams), client.own_sign_in)
