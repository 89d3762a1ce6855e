"""The response if as many requests wait already as may. RFC 9110 §15.6.4.

It uses neither database, cache nor session: they are overloaded.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from foundation import branding
from foundation.outages import RETRY_AFTER


def too_busy(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Return the page that asks a user to try again in some seconds."""
    page = render_to_string("503.html", {"brand": branding.known()})
    return HttpResponse(
        page, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER)}
    )
