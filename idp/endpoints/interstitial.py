"""The page between a form of ours and a client's address. CSP 3 §6.4.1.

Chromium applies a page's `form-action` to every redirect after the POST of its form, including
redirects of the client, which may lead to a loopback address or an app's own scheme. So a form's
POST never ends in a redirect to a client: this page redirects by script instead.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from idp import policy
from idp.clients.display import app_of
from idp.models import Client


def go_on_by_page(request: HttpRequest, response: HttpResponse, client: Client) -> HttpResponse:
    """Return a page that continues to a redirect's target; any other response unchanged.

    Redirects within our own pages need no page.
    """
    target = response.headers.get("Location", "/")
    if target.startswith(("/", f"{policy.ISSUER}/")):
        return response
    page = render(request, "interstitial.html", {"app": app_of(client, target), "target": target})
    # The page's own address names the request; the target carries the code.
    page["Referrer-Policy"] = "no-referrer"
    return page
