"""Pages for relying parties' developers, made from live settings: what we offer, and the errors."""

import inspect

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from idp import policy
from idp.protocol import errors, vocabulary


@csrf_exempt  # nothing is sent here; another method is answered with 405
@require_safe
def overview(http: HttpRequest) -> HttpResponse:
    """Show addresses, scopes and claims, algorithms, and every error."""
    return render(
        http,
        "developers/overview.html",
        {
            "issuer": policy.ISSUER,
            "discovery": policy.ISSUER + policy.DISCOVERY_PATHS[0],
            "endpoints": [
                (name, policy.address(name))
                for name in policy.PATHS
                if name != "service_documentation"
            ],
            "scopes": vocabulary.SCOPE_CLAIMS.items(),
            "algorithms": policy.SIGNING_ALGORITHMS,
            "authentication_methods": policy.CLIENT_AUTHENTICATION_METHODS,
            "grant_types": policy.GRANT_TYPES,
            "errors": sorted(errors.catalogue()),
        },
    )


@csrf_exempt
@require_safe
def error(http: HttpRequest, code: str) -> HttpResponse:
    """Explain one error code: where `error_uri` leads."""
    explained = errors.catalogue().get(code)
    if explained is None:
        raise Http404
    summary, _, advice = inspect.getdoc(explained).partition("\n\n")  # type: ignore[union-attr]
    return render(
        http, "developers/error.html", {"code": code, "summary": summary, "advice": advice}
    )
