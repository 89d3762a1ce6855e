"""The preview on an app's tab "Appearance": its logo and accent, saved or not."""

from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from idp.admin import appearance_preview
from idp.admin.clients.tabs import BY_SLUG, Tab
from idp.admin.page import Page
from idp.models import Client

APPEARANCE = BY_SLUG["appearance"]


def address_of(client: Client, tab: Tab) -> str:
    """Return the address of the preview that a tab frames; empty for tabs that frame none."""
    if tab is not APPEARANCE or not client.has_users:
        return ""
    return reverse("admin:idp_client_appearance_preview", args=[client.pk])


def view(page: Page, request: HttpRequest, object_id: str, tab: str) -> HttpResponse:  # noqa: ARG001
    """Show pages and email with the app as the form has it, or else as it is stored."""
    client: Any = page.get_object(request, unquote(object_id))
    if client is None:
        raise Http404
    if request.method != "POST":
        if not page.has_view_permission(request, client):
            raise PermissionDenied
        return appearance_preview.of_app(request, client)
    if not page.has_change_permission(request, client):
        raise PermissionDenied
    form = page.get_form(request, client, change=True)(request.POST, instance=client)
    if not form.is_valid():
        return appearance_preview.refused(request, form)
    return appearance_preview.of_app(request, form.instance)
