"""The navigation of the administration: its sections, and which of them a page belongs to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from idp.admin import added_apps

Text = str | Promise


@dataclass(frozen=True)
class Section:
    """An entry of the navigation, for staff who may view one of its models."""

    title: Text
    icon: str
    #: The models whose pages it has, by label; the first visible one is where it leads.
    models: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """A section as one staff member sees it."""

    title: Text
    icon: str
    address: str
    present: bool
    #: Its lists, where there are several: names, addresses, and whether the page belongs to it.
    lists: tuple[tuple[Text, str, bool], ...] = ()


SECTIONS = (
    Section(_("Apps"), "apps", ("idp.client", "idp.role", "idp.initialaccesstoken")),
    Section(_("People"), "people", ("accounts.user", "auth.group", "idp.attribute", "idp.consent")),
    Section(_("Sessions"), "device", ("accounts.session", "idp.grant")),
    Section(_("Events"), "bolt", ("idp.event",)),
    Section(
        _("APIs and scopes"),
        "lock",
        ("idp.resourceserver", "idp.scope", "idp.authorizationdetailstype"),
    ),
    Section(_("Deliveries"), "leave", ("idp.delivery", "foundation.mail")),
    Section(_("Keys"), "key", ("idp.signingkey", "idp.trustedissuer", "idp.issuerlink")),
    Section(_("Identity providers"), "globe", ("accounts.upstream",)),
    Section(_("Appearance"), "pencil", ("foundation.brand",)),
)


def navigation(site: Any, request: HttpRequest) -> list[Entry]:
    """Return the entries that this staff member may open; reads no rows."""
    match = request.resolver_match
    name = match.url_name if match and match.url_name else ""
    home = Entry(_("Home"), "home", reverse("admin:index"), name == "index")
    sections = (_entry(section, site, request, name) for section in SECTIONS)
    added = (_entry(section, site, request, name) for section in _added(site))
    entries = (entry for entry in (*sections, *added) if entry)
    return [home, *entries, *_configuration(request, name)]


def _added(site: Any) -> Iterator[Section]:
    """Yield a section for each app of an operator's own project that has pages."""
    models = sorted(model._meta.label_lower for model in site._registry)
    for config in added_apps.added():
        own = tuple(label for label in models if label.startswith(f"{config.label}."))
        yield Section(config.verbose_name, "code", own)


def _entry(section: Section, site: Any, request: HttpRequest, name: str) -> Entry | None:
    lists = tuple(_lists(section, site, request, name))
    if not lists:
        return None
    present = any(is_present for _title, _address, is_present in lists)
    return Entry(section.title, section.icon, lists[0][1], present, lists if len(lists) > 1 else ())


def _lists(
    section: Section, site: Any, request: HttpRequest, name: str
) -> Iterator[tuple[Text, str, bool]]:
    """Yield the section's lists that this staff member may view."""
    pages = {model._meta.label_lower: page for model, page in site._registry.items()}
    for label in section.models:
        page = pages.get(label)
        if page is not None and page.has_view_permission(request):
            prefix = label.replace(".", "_")
            title = page.opts.verbose_name_plural
            yield title, reverse(f"admin:{prefix}_changelist"), name.startswith(f"{prefix}_")


def _configuration(request: HttpRequest, name: str) -> Iterator[Entry]:
    """Yield the entry of import and export, which is for superusers only."""
    if request.user.is_superuser:
        address = reverse("admin:configuration")
        yield Entry(_("Configuration"), "gear", address, name.startswith("configuration"))
