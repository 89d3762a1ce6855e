"""Pages for relying parties' developers, from live settings: features and errors."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.authentication import Authentication, authentication_of
from idp import policy
from idp.client_metadata import BY_NAME
from idp.clients import owners
from idp.clients.enabled_grants import enabled_grants
from idp.clients.redirect_uris import Comparison, compared
from idp.developers import own_apps
from idp.developers.error_explanations import CAUSES, EXPLANATIONS
from idp.developers.quick_starts import QUICK_STARTS
from idp.integrations.catalogue import by_category, catalogue
from idp.models import Client, Event
from idp.models.event import is_reference
from idp.protocol import errors
from idp.protocol.parameters import Parameters

#: An error as the overview shows it.
_EXAMPLE = errors.InvalidClient(
    "This client is registered for the method private_key_jwt, "
    "but the request used client_secret_basic."
)
_EXAMPLE_REFERENCE = "7KQ2-M9XD"


@csrf_exempt  # Nothing is sent here; another method is answered with 405.
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show addresses, scopes and claims, algorithms, and every error."""
    return render(
        request,
        "developers/overview.html",
        {
            "issuer": policy.ISSUER,
            "discovery": policy.ISSUER + policy.DISCOVERY_PATHS[0],
            "endpoints": [
                (name, policy.address(name))
                for name in policy.PATHS
                if name != "service_documentation"
            ],
            "scopes": policy.SCOPE_CLAIMS.items(),
            "algorithms": BY_NAME["id_token_signed_response_alg"].choices,
            "authentication_methods": BY_NAME["token_endpoint_auth_method"].choices,
            "grant_types": enabled_grants().grant_types,
            "private_schemes": sorted(policy.PRIVATE_URI_SCHEMES),
            "takes_documents": policy.CLIENT_ID_METADATA == "open",
            "quick_starts": QUICK_STARTS.values(),
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


@require_safe
@login_required
def apps(request: HttpRequest) -> HttpResponse:
    """Show a developer's apps, and recent denials of each."""
    viewer = authentication_of(request)
    owned = own_apps.apps_of(viewer.user) if viewer else []
    return render(
        request,
        "developers/apps.html",
        {
            "apps": owned[: own_apps.APPS_SHOWN],
            "more": len(owned) > own_apps.APPS_SHOWN,
            "apps_shown": own_apps.APPS_SHOWN,
            "denials_shown": own_apps.DENIALS_SHOWN,
        },
    )


@csrf_exempt
@require_safe
def token(request: HttpRequest) -> HttpResponse:
    """Show the token inspector: its script decodes a token in the browser, and nothing is sent."""
    return render(
        request,
        "developers/token.html",
        {
            "issuer": policy.ISSUER,
            "jwks_uri": policy.address("jwks_uri"),
            "introspection": policy.address("introspection_endpoint"),
        },
    )


@require_safe
def quick_start(request: HttpRequest, name: str) -> HttpResponse:
    """Show a program that signs users in, for a developer with the values of an app of theirs."""
    start = QUICK_STARTS.get(name)
    if start is None:
        raise Http404
    viewer = authentication_of(request)
    client = _client(request, viewer)
    apps = own_apps.clients_of(viewer.user)[: own_apps.APPS_SHOWN] if viewer else []
    return render(
        request,
        "developers/quick_start.html",
        {
            "start": start,
            "text": start.filled_in(client),
            "client": client,
            "fits": client is not None and start.fits(client),
            "apps": [app for app in apps if start.fits(app)],
        },
    )


@require_safe
def integrations(request: HttpRequest) -> HttpResponse:
    """List the programs of the catalogue, or those that match the words of a search."""
    words = _asked(request, "q")
    context = {"words": words, "categories": by_category(words)}
    return render(request, "developers/integrations.html", context)


@require_safe
def integration(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a program's settings, for a developer with the values of an app of theirs."""
    program = catalogue().get(slug)
    if program is None:
        raise Http404
    viewer = authentication_of(request)
    client = _client(request, viewer)
    apps = own_apps.clients_of(viewer.user)[: own_apps.APPS_SHOWN] if viewer else []
    filled_in = program.filled_in(
        issuer=policy.ISSUER,
        client_id=client.client_id if client else "",
        base=program.base_of(client.redirect_uris) if client else "",
    )
    context = {"program": filled_in, "client": client, "apps": apps}
    return render(request, "developers/integration.html", context)


def _reference(request: HttpRequest) -> str | None:
    """Return the reference that the address names, if it is one."""
    reference = _asked(request, "reference")
    return reference if is_reference(reference) else None


def _client(request: HttpRequest, viewer: Authentication | None) -> Client | None:
    """Return the client that the address names, if this user may see it."""
    client_id = _asked(request, "client_id")
    if viewer is None or not client_id:
        return None
    client = Client.objects.filter(client_id=client_id).first()
    return client if client is not None and owners.may_see(viewer, client) else None


def _asked(request: HttpRequest, name: str) -> str:
    """Return a query parameter; empty if the query can't be read."""
    try:
        return Parameters.parse(request.META.get("QUERY_STRING", "")).get(name) or ""
    except errors.InvalidRequest:
        return ""


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
