"""Pages for relying parties' developers, from live settings: features, quick starts, programs."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.authentication import Authentication, authentication_of
from idp import policy, trusted_issuers
from idp.client_metadata import BY_NAME
from idp.clients import owners
from idp.clients.enabled_grants import enabled_grants
from idp.developers import own_apps
from idp.developers.asked import asked, number_asked
from idp.developers.first_sign_in import last_sign_in
from idp.developers.quick_starts import QUICK_STARTS
from idp.developers.search import found
from idp.integrations.catalogue import by_category, catalogue
from idp.models import Client
from idp.protocol.vocabulary import JWT_BEARER, TOKEN_EXCHANGE, TokenType

#: How often a page without a script looks whether a user has signed in, in seconds, and how often
#: in all: five minutes.
_LOOKS_EVERY = 10
_LOOKS = 30


@csrf_exempt  # Nothing is sent here; another method is answered with 405.
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Show addresses, scopes and claims, and algorithms."""
    enabled = enabled_grants()
    return render(
        request,
        "developers/overview.html",
        {
            "issuer": policy.ISSUER,
            "discovery": policy.ISSUER + policy.DISCOVERY_PATHS[0],
            "endpoints": [
                (name, policy.address(name))
                for name in enabled_grants().endpoints
                if name != "service_documentation"
            ],
            "scopes": policy.SCOPE_CLAIMS.items(),
            "details_types": enabled.authorization_details_types,
            "algorithms": BY_NAME["id_token_signed_response_alg"].choices,
            "authentication_methods": policy.OFFERED_AUTHENTICATION_METHODS,
            "mtls_url": policy.MTLS_URL,
            "grant_types": enabled.grant_types,
            "exchange": TOKEN_EXCHANGE if TOKEN_EXCHANGE in enabled.grant_types else "",
            "id_jag": TokenType.ID_JAG if enabled.requested_token_types else "",
            "native_sso": enabled.native_sso,
            "access_token": TokenType.ACCESS_TOKEN,
            "grant_profiles": enabled.grant_profiles,
            "issuer_purposes": trusted_issuers.purposes(),
            "jwt_bearer": JWT_BEARER,
            "private_schemes": sorted(policy.PRIVATE_URI_SCHEMES),
            "takes_documents": policy.CLIENT_ID_METADATA == "open",
            "quick_starts": QUICK_STARTS.values(),
        },
    )


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Search the quick starts, the programs and the errors."""
    words = asked(request, "q").strip()
    return render(request, "developers/search.html", {"searched": words, "found": found(words)})


@require_safe
@login_required
def apps(request: HttpRequest) -> HttpResponse:
    """Show a developer's apps, and recent denials of each."""
    viewer = authentication_of(request)
    if viewer is None:
        raise Http404
    page = own_apps.pages_of(viewer.user).get_page(number_asked(request, "page") or 1)
    return render(
        request,
        "developers/apps.html",
        {
            "page": page,
            "apps": own_apps.with_denials(list(page)),
            "may_change": policy.OWNERS_CHANGE_APPS,
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
def quick_starts(request: HttpRequest) -> HttpResponse:
    """List the quick starts."""
    documented = catalogue()["aspnet-core"]
    context = {"quick_starts": QUICK_STARTS.values(), "documented": documented}
    return render(request, "developers/quick_starts.html", context)


@require_safe
def quick_start(request: HttpRequest, name: str) -> HttpResponse:
    """Show a program that signs users in, for a developer with the values of an app of theirs."""
    start = QUICK_STARTS.get(name)
    if start is None:
        raise Http404
    viewer = authentication_of(request)
    client = _client(request, viewer)
    apps = own_apps.clients_of(viewer.user)[: own_apps.APPS_OFFERED] if viewer else []
    return render(
        request,
        "developers/quick_start.html",
        {
            "start": start,
            "parts": start.parts(client),
            "installing": start.commands[:-1],
            "running": start.commands[-1],
            "client": client,
            "fits": client is not None and start.fits(client),
            "apps": [app for app in apps if start.fits(app)],
            "may_change": owners.may_change(viewer, client),
            **_waiting(request, client),
        },
    )


@require_safe
def signed_in(request: HttpRequest) -> HttpResponse:
    """Answer the script of a quick start's page: whether a user has signed in to an app."""
    client = _client(request, authentication_of(request))
    if client is None:
        raise Http404
    return JsonResponse({"signed_in": last_sign_in(client) is not None})


def _waiting(request: HttpRequest, client: Client | None) -> dict[str, object]:
    """Return what the page that waits for a sign-in shows, and when it loads itself again."""
    signed_in_at = last_sign_in(client) if client else None
    looks = number_asked(request, "looks")
    goes_on = client is not None and signed_in_at is None and 0 < looks < _LOOKS
    return {
        "signed_in_at": signed_in_at,
        "looks_every": _LOOKS_EVERY,
        "next_look": looks + 1 if goes_on else None,
    }


@require_safe
def integrations(request: HttpRequest) -> HttpResponse:
    """List the programs of the catalogue, or those that match the words of a search."""
    words = asked(request, "q")
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
    apps = own_apps.clients_of(viewer.user)[: own_apps.APPS_OFFERED] if viewer else []
    filled_in = program.filled_in(
        issuer=policy.ISSUER,
        client_id=client.client_id if client else "",
        base=program.base_of(client.redirect_uris) if client else "",
        id_token_alg=client.id_token_signed_response_alg if client else "",
    )
    context = {"program": filled_in, "client": client, "apps": apps}
    return render(request, "developers/integration.html", context)


def _client(request: HttpRequest, viewer: Authentication | None) -> Client | None:
    """Return the client that the address names, if this user may see it."""
    client_id = asked(request, "client_id")
    if viewer is None or not client_id:
        return None
    client = Client.objects.filter(client_id=client_id).first()
    return client if client is not None and owners.may_see(viewer, client) else None
