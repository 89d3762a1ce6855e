"""`{% load developers %}`: the side navigation of the pages for developers."""

from dataclasses import dataclass
from typing import Any, Final

from django.template import Library
from django.template.context import RequestContext
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from idp.developers.quick_starts import QUICK_STARTS, QuickStart

register = Library()


@dataclass(frozen=True)
class Section:
    """An entry of the navigation."""

    title: str | Promise
    icon: str
    #: The URL name of its first page, then those of its other pages.
    url_names: tuple[str, ...]
    #: Whether it is for users who are signed in.
    is_ones_own: bool = False

    @property
    def url_name(self) -> str:
        """Return the URL name that the navigation leads to."""
        return self.url_names[0]


QUICK_STARTS_SECTION: Final = Section(
    _("Quick starts"), "bolt", ("developers_quick_starts", "developers_quick_start")
)
SECTIONS: Final = (
    Section(_("Overview"), "home", ("developers",)),
    Section(
        _("Your apps"),
        "code",
        (
            "developers_apps",
            "own_app_addresses",
            "own_app_secrets",
            "own_app_test_sign_in",
            "own_app_test_sign_in_answer",
        ),
        is_ones_own=True,
    ),
    QUICK_STARTS_SECTION,
    Section(_("Programs"), "apps", ("developers_integrations", "developers_integration")),
    Section(_("Errors"), "warning", ("developers_errors", "developers_error")),
    Section(_("Token inspector"), "key", ("developers_token",)),
)


@register.inclusion_tag("developers/navigation.html", takes_context=True)
def developer_navigation(context: RequestContext) -> dict[str, Any]:
    """Show the sections, mark the present one, and list the quick starts below theirs."""
    request = context["request"]
    match = request.resolver_match
    url_name = match.url_name if match else None
    sections = [one for one in SECTIONS if request.user.is_authenticated or not one.is_ones_own]
    present = next((one for one in SECTIONS if url_name in one.url_names), None)
    starts: list[QuickStart] = []
    if present == QUICK_STARTS_SECTION:
        starts = list(QUICK_STARTS.values())
    return {
        "sections": sections,
        "present": present,
        "starts": starts,
        "start": match.kwargs.get("name") if match and starts else None,
    }
