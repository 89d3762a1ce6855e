"""A search over the quick starts, the programs and the errors."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from idp.developers.error_explanations import CAUSES, EXPLANATIONS
from idp.developers.quick_starts import QUICK_STARTS
from idp.integrations.catalogue import catalogue

#: How much of a search is looked at, in characters.
LONGEST = 100


@dataclass(frozen=True)
class Found:
    """A page that matches."""

    title: str
    about: str | Promise
    address: str
    #: Whether the title is a word of the protocol.
    is_code: bool = False


def found(words: str) -> dict[str | Promise, list[Found]]:
    """Return the pages in which every word occurs, under headings; none for no words."""
    wanted = words[:LONGEST].casefold().split()
    if not wanted:
        return {}
    kinds = ((_("Quick starts"), _quick_starts), (_("Programs"), _programs), (_("Errors"), _errors))
    results: dict[str | Promise, list[Found]] = {
        heading: [page for page, text in pages() if all(word in text for word in wanted)]
        for heading, pages in kinds
    }
    return {heading: pages for heading, pages in results.items() if pages}


def _quick_starts() -> Iterator[tuple[Found, str]]:
    """Yield each with the text that is searched, in lower case."""
    for start in QUICK_STARTS.values():
        address = reverse("developers_quick_start", args=[start.name])
        page = Found(start.short_title, start.title, address)
        yield page, f"{start.name} {start.title} {start.filled_in(None)}".casefold()


def _programs() -> Iterator[tuple[Found, str]]:
    for each in catalogue().values():
        address = reverse("developers_integration", args=[each.slug])
        page = Found(each.name, each.about, address)
        yield page, f"{each.slug} {each.name} {each.category} {each.about}".casefold()


def _errors() -> Iterator[tuple[Found, str]]:
    for code, explanation in sorted((EXPLANATIONS | CAUSES).items()):
        page = Found(code, explanation.meaning, reverse("developers_error", args=[code]), True)  # noqa: FBT003
        steps = " ".join(map(str, explanation.steps))
        yield page, f"{code} {explanation.meaning} {steps}".casefold()
