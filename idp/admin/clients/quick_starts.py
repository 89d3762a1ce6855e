"""The programs that show an app's developer how to use the provider."""

from django.utils.translation import gettext as _

from idp.developers.quick_starts import QUICK_STARTS, QuickStart
from idp.models import Client


def quick_starts_for(client: Client) -> list[tuple[str, str]]:
    """Return the quick starts that suit an app, with its values; none for a known program."""
    return [
        (_title_of(start), start.filled_in(client))
        for start in QUICK_STARTS.values()
        if start.fits(client) and not client.integration
    ]


def _title_of(start: QuickStart) -> str:
    """Return what a quick start shows, and with which library, in the page's language."""
    # The titles are marked where they are written.
    titled = {"what": _(start.short_title), "library": start.library}
    return _("%(what)s with %(library)s") % titled
