"""The frame that a client's page asks whether the session has changed.

OIDC Session Management §3.2.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt

from idp.endpoints.wire import methods


@methods("GET", "HEAD")
@xframe_options_exempt
def check_session(http: HttpRequest) -> HttpResponse:
    """Return the page; its script alone does the work, in the browser."""
    response = render(http, "check_session.html")
    response["Cache-Control"] = "public, max-age=300"
    response._csp_replace = {  # type: ignore[attr-defined]
        "frame-ancestors": ["*"],
        "connect-src": ["'none'"],
        "form-action": ["'none'"],
    }
    return response
