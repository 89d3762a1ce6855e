"""The frame in which a client's page checks whether the session has changed.

OIDC Session Management §3.2.
"""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.clickjacking import xframe_options_exempt

from idp.endpoints.wire import methods

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors *"
)


@methods("GET", "HEAD")
@xframe_options_exempt
def check_session(_request: HttpRequest) -> HttpResponse:
    """Return the page; its script alone does the work, in the browser."""
    response = HttpResponse(render_to_string("check_session.html"))
    response["Cache-Control"] = "public, max-age=300"
    response["Content-Security-Policy"] = _POLICY
    return response
