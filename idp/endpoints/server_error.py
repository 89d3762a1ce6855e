"""The answer when something breaks that no code expects. RFC 6749 §5.2.

It asks neither database, cache nor session: one of them may be what broke.
"""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache

from idp import logs, policy
from idp.endpoints.wire import answer, error_members
from idp.protocol.errors import ServerError


@never_cache
def server_error(http: HttpRequest) -> HttpResponse:
    """Return the page, or to a machine the protocol's words, with a reference: the request's id.

    The line of the log that tells what happened has the same one.
    """
    reference = logs.REQUEST_ID.get() or ""
    if http.path in policy.PROTOCOL_PATHS:
        error = ServerError("Something broke on our side. It has been recorded; try again later.")
        return answer(error_members(error, reference), error.status)
    page = render_to_string("500.html", {"reference": reference})
    return HttpResponse(page, status=HTTPStatus.INTERNAL_SERVER_ERROR)
