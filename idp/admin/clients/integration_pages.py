"""The settings of the program that an app is registered for, with the app's values."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.admin.page import Page
from idp.integrations.catalogue import Integration, by_category, catalogue
from idp.integrations.categories import CATEGORIES
from idp.models import Client


def address_of(client: Client) -> str:
    """Return the address of the page with a program's settings."""
    return reverse("admin:idp_client_settings", args=[client.pk])


def title_for(client: Client) -> str:
    """Return the title of that page; empty for an app of no program."""
    program = catalogue().get(client.integration)
    return _("Settings of %(program)s") % {"program": program.name} if program else ""


def program_of(client: Client, secret: str = "") -> Integration | None:
    """Return the app's program with the app's values, and a secret that is shown now."""
    program = catalogue().get(client.integration)
    return program and program.filled_in(
        issuer=policy.ISSUER,
        client_id=client.client_id,
        client_secret=secret,
        base=program.base_of(client.redirect_uris),
        id_token_alg=client.id_token_signed_response_alg,
    )


def categories(words: str) -> list[tuple[Promise, list[Integration]]]:
    """Return the programs that match these words, under the labels of their categories."""
    return [(CATEGORIES[name], programs) for name, programs in by_category(words).items()]


def view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show the settings of an app's program; the secret is an example."""
    client = page.get_object(request, object_id)
    program = program_of(client) if client else None
    if client is None or program is None:
        raise Http404
    if not page.has_view_permission(request, client):
        raise PermissionDenied
    more: dict[str, Any] = {"program": program, "issuer": policy.ISSUER}
    return page.about(client, request, "admin/integration.html", title_for(client), more)
