"""Self-registered apps whose name looks like that of an app of the operator. UTS #39 §4."""

from foundation.lookalikes import skeleton
from idp.clients.display import name_of
from idp.models import Client
from idp.models.client_derived import LONGEST_SKELETON


def looks_like(client: Client) -> str:
    """Return the name of the operator's app that this one could be mistaken for, or nothing.

    Compares names in the page's language, which is what users read.
    """
    if not client.is_self_registered:
        return ""
    look = skeleton(name_of(client))[:LONGEST_SKELETON]
    other = Client.objects.filter(names__skeleton=look).order_by("pk").first() if look else None
    return "" if other is None else name_of(other)
