"""An owner's page with the secrets of their app: make one, or remove one. RFC 6749 §2.3.1."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from idp import events, policy
from idp.admin.clients.secret_pages import OVERLAPS, number, overlap_of
from idp.clients import secrets
from idp.models import Client
from idp.own_apps.access import record


def view(request: HttpRequest, client: Client) -> HttpResponse:
    """Show when each secret was made and used; make one, or remove one."""
    if not client.needs_secret:
        raise Http404
    if request.method != "POST":
        return _shown(request, client)
    if "remove" in request.POST:
        _remove(request, client)
        return redirect("own_app_secrets", client.pk)
    return _show_new(request, client)


def _shown(request: HttpRequest, client: Client) -> HttpResponse:
    now = timezone.now()
    return render(
        request,
        "own_apps/secrets.html",
        {
            "client": client,
            "secrets": client.secrets.order_by("created_at"),
            "now": now,
            "has_room": secrets.has_room(client, now),
            "overlaps": OVERLAPS,
        },
    )


def _show_new(request: HttpRequest, client: Client) -> HttpResponse:
    """Make a secret and show it, in this one answer: it is stored nowhere."""
    secret = secrets.generate()
    try:
        secrets.add(client, secret, others_end_at=overlap_of(request))
    except secrets.TooManySecretsError:
        messages.error(request, _("There are two secrets already: remove one first."))
        return redirect("own_app_secrets", client.pk)
    record(request, client, events.Kind.OWNER_ACTION, reason="Made a new secret.")
    context = {"client": client, "secret": secret, "issuer": policy.ISSUER}
    return render(request, "own_apps/secret.html", context)


def _remove(request: HttpRequest, client: Client) -> None:
    row = client.secrets.filter(pk=number(request.POST["remove"])).first()
    if row is None:
        messages.info(request, _("That secret is gone already."))
        return
    secrets.remove(row)
    reason = f"Removed the secret of {row.created_at:%c}."
    record(request, client, events.Kind.OWNER_ACTION, reason=reason)
    messages.success(request, _("The secret no longer works."))
