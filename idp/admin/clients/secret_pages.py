"""Create client secrets: each is shown once and stored as a hash only. RFC 6749 §2.3.1."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from idp import events, policy
from idp.admin import recent_authentication
from idp.admin.clients import integration_pages
from idp.admin.clients.quick_starts import quick_starts_for
from idp.admin.page import Page
from idp.clients import secrets
from idp.models import Client

#: How long the previous secret stays valid when a new one is made: hours, and a label.
OVERLAPS = ((24, _("1 day")), (7 * 24, _("7 days")), (30 * 24, _("30 days")), (0, _("not at all")))


def address_of(client: Client) -> str:
    """Return the address of the page with an app's secrets."""
    return reverse("admin:idp_client_secrets", args=[client.pk])


def view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show when each secret was made and used; make one, or remove one."""
    client = page.get_object(request, object_id)
    if client is None or not client.needs_secret:
        raise Http404
    if not page.has_view_permission(request, client):
        raise PermissionDenied
    sign_in_address = recent_authentication.missing(request)
    if request.method != "POST":
        return _shown(page, request, client, sign_in_address)
    if not page.has_change_permission(request, client):
        raise PermissionDenied
    if sign_in_address:
        return redirect(sign_in_address)
    if "remove" in request.POST:
        _remove(page, request, client)
        return redirect(address_of(client))
    return show_new(page, request, client, overlap_of(request))


def show_new(
    page: Page, request: HttpRequest, client: Client, others_end_at: datetime | None
) -> HttpResponse:
    """Make a secret and show it, in this one answer: it is stored nowhere."""
    secret = secrets.generate()
    try:
        secrets.add(client, secret, others_end_at=others_end_at)
    except secrets.TooManySecretsError:
        messages.error(request, _("There are two secrets already: remove one first."))
        return redirect(address_of(client))
    page.record(request, events.Kind.ADMIN_ACTION, client, reason="Made a new secret.")
    return page.about(
        client,
        request,
        "admin/secret.html",
        _("The secret of %(app)s") % {"app": client},
        {
            "secret": secret,
            "issuer": policy.ISSUER,
            "program": integration_pages.program_of(client, secret),
            "quick_starts": quick_starts_for(client),
        },
    )


def _shown(
    page: Page, request: HttpRequest, client: Client, sign_in_address: str | None
) -> HttpResponse:
    now = timezone.now()
    return page.about(
        client,
        request,
        "admin/secrets.html",
        _("Secrets of %(app)s") % {"app": client},
        {
            "secrets": client.secrets.order_by("created_at"),
            "now": now,
            "may_change": page.has_change_permission(request, client),
            "sign_in_address": sign_in_address,
            "has_room": secrets.has_room(client, now),
            "overlaps": OVERLAPS,
        },
    )


def _remove(page: Page, request: HttpRequest, client: Client) -> None:
    row = client.secrets.filter(pk=number(request.POST["remove"])).first()
    if row is None:
        messages.info(request, _("That secret is gone already."))
        return
    secrets.remove(row)
    reason = f"Removed the secret of {row.created_at:%c}."
    page.record(request, events.Kind.ADMIN_ACTION, client, reason=reason)
    messages.success(request, _("The secret no longer works."))


def overlap_of(request: HttpRequest) -> datetime | None:
    """Return when the secrets before end: now, or after the hours that were chosen."""
    hours = number(request.POST.get("overlap", ""))
    known = {hours for hours, _words in OVERLAPS}
    return timezone.now() + timedelta(hours=hours if hours in known else 0)


def number(text: str) -> int:
    """Return a form's whole number; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
