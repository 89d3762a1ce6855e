"""The response to an unexpected exception or an outage.

RFC 6749 §5.2, RFC 9110 §15.6.4. It uses neither database, cache nor session, since one of them may
have failed.
"""

import sys
from http import HTTPStatus

import structlog
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from foundation import branding, logs
from foundation.outages import RETRY_AFTER, part_out_of_order
from idp import policy
from idp.endpoints.wire import answer, error_members
from idp.protocol.errors import ServerError, TemporarilyUnavailable

log = structlog.get_logger(__name__)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return a page, or JSON with server_error for machines, with the request id as reference.

    The logged error has the same id. Django calls this while it handles the exception; an outage is
    answered with 503 and Retry-After, other errors with 500.
    """
    problem = sys.exception()
    part = part_out_of_order(problem)
    return _broken(request) if part is None else _out_of_order(request, part, problem)


def _broken(request: HttpRequest) -> HttpResponse:
    reference = logs.REQUEST_ID.get() or ""
    if request.path_info in policy.PROTOCOL_PATHS:
        error = ServerError("Something broke on our side. It has been recorded; try again later.")
        return answer(error_members(error, reference), error.status)
    page = render_to_string("500.html", {"reference": reference, "brand": branding.known()})
    return HttpResponse(page, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _out_of_order(request: HttpRequest, part: str, problem: BaseException | None) -> HttpResponse:
    """Answer that trying again helps; an outage is a line of the log for each request, no more."""
    log.error("unavailable", part=part, path=request.path, reason=type(problem).__name__)
    if request.path_info in policy.PROTOCOL_PATHS:
        error = TemporarilyUnavailable("Something is out of order here for now; try again soon.")
        reference = logs.REQUEST_ID.get() or ""
        response = answer(error_members(error, reference), error.status)
    else:
        page = render_to_string("unavailable.html", {"brand": branding.known()})
        response = HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE)
    response["Retry-After"] = str(RETRY_AFTER)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would add a traceback
    return response
