"""The programs that show an app's developer how to use the provider."""

from idp.developers.quick_starts import QUICK_STARTS
from idp.models import Client


def quick_starts_for(client: Client) -> list[tuple[str, str]]:
    """Return the quick starts that suit an app, with its values; none for a known program."""
    return [
        (start.title, start.filled_in(client))
        for start in QUICK_STARTS.values()
        if start.fits(client) and not client.integration
    ]
