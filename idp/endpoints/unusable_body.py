"""The response to a request whose body is too large or invalid. RFC 9110 §15.5.14."""

from http import HTTPStatus
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, requires_csrf_token

from idp import policy
from idp.endpoints.wire import refuse
from idp.protocol.errors import BodyTooLarge, InvalidRequest
from idp.protocol.rules import upholds

#: The key of the WSGI environment for the problem of a body: too large, or interrupted.
BODY_PROBLEM: Final = "signet.body_problem"
TOO_LARGE: Final = "too large"
BROKEN_OFF: Final = "broken off"


@csrf_exempt
def unusable_body(request: HttpRequest) -> HttpResponse:
    """Return a page, or JSON with the error for machines, instead of the view's response."""
    problem = request.META[BODY_PROBLEM]
    if request.path_info in policy.PROTOCOL_PATHS:
        try:
            _body_is_usable(problem)
        except InvalidRequest as error:
            return refuse(error, request)
    return _page(request, too_large=problem == TOO_LARGE)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the page for a form or an address that Django can't read."""
    return _page(request, too_large=isinstance(exception, RequestDataTooBig))


def _page(request: HttpRequest, *, too_large: bool) -> HttpResponse:
    if too_large:
        return render(request, "413.html", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return render(request, "400.html", status=HTTPStatus.BAD_REQUEST)


@upholds("RFC 9110 §15.5.14")
def _body_is_usable(problem: str) -> None:
    """RFC 9110 §15.5.14: the body of a request is small here, and arrives whole."""
    if problem == TOO_LARGE:
        raise BodyTooLarge("The body is larger than any request here has to be.")
    raise InvalidRequest("The body broke off on its way.")
