"""Pages for developers about errors: all of them, and each one, which is behind `error_uri`."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.authentication import Authentication, authentication_of
from idp import policy
from idp.clients import owners
from idp.clients.redirect_uris import Comparison, compared
from idp.developers.asked import asked
from idp.developers.error_explanations import CAUSES, EXPLANATIONS
from idp.models import Client, Event
from idp.models.event import is_reference
from idp.protocol import errors

#: An error as the list shows it.
_EXAMPLE = errors.InvalidClient(
    "This client is registered for the method private_key_jwt, "
    "but the request used client_secret_basic."
)
_EXAMPLE_REFERENCE = "7KQ2-M9XD"


@csrf_exempt
@require_safe
def all_errors(request: HttpRequest) -> HttpResponse:
    """Show how an error looks, and list every one."""
    return render(
        request,
        "developers/errors.html",
        {
            "errors": sorted(EXPLANATIONS.items()),
            "example": _EXAMPLE,
            "example_reference": _EXAMPLE_REFERENCE,
            "example_uri": policy.error_uri(_EXAMPLE.code, _EXAMPLE_REFERENCE),
        },
    )


@csrf_exempt
@require_safe
def error(request: HttpRequest, code: str) -> HttpResponse:
    """Explain one error code or cause: the page of `error_uri`. Permitted users see the event."""
    explanation = EXPLANATIONS.get(code) or CAUSES.get(code)
    if explanation is None:
        raise Http404
    viewer = authentication_of(request)
    reference = _reference(request)
    event = owners.denial(viewer, reference) if reference else None
    return render(
        request,
        "developers/error.html",
        {
            "code": code,
            "explanation": explanation,
            "reference": reference,
            "event": event,
            "admin_url": _admin_url(viewer, event),
            "comparisons": _comparisons(viewer, event),
        },
    )


def _reference(request: HttpRequest) -> str | None:
    """Return the reference that the address names, if it is one."""
    reference = asked(request, "reference")
    return reference if is_reference(reference) else None


def _admin_url(viewer: Authentication | None, event: Event | None) -> str | None:
    """Return where operators see the event in full, where there is such a page."""
    if event is None or not owners.is_operator(viewer, "idp.view_event"):
        return None
    try:
        return reverse("admin:idp_event_change", args=[event.pk])
    except NoReverseMatch:
        return None


def _comparisons(viewer: Authentication | None, event: Event | None) -> list[Comparison]:
    """Compare received redirect URIs with the registered ones, for users who may see these."""
    if event is None:
        return []
    client = Client.objects.filter(client_id=event.client_id).first()
    if client is None or not owners.may_see(viewer, client):
        return []
    came: dict[str, Any] = event.details.get("parameters", {})
    found = [
        compared(client, name, came[name])
        for name in ("redirect_uri", "post_logout_redirect_uri")
        if name in came
    ]
    return [comparison for comparison in found if comparison]
