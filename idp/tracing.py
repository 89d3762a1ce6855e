"""Trace requests: a span for each, named by its endpoint, as part of the reverse proxy's trace."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from django.conf import settings

from foundation import traces
from idp import policy
from idp.measuring import Start, endpoint_of

_Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
#: In the environ: the route of the view, in which parts of the path have names.
ROUTE: Final = "signet.route"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Requests that say nothing about users and apps, and are many.
_UNTRACED: Final = ("/static/", *policy.HEALTH_PATHS)


def traced(application: _Wsgi) -> _Wsgi:
    """Return an application whose requests are spans."""
    from opentelemetry.trace import get_current_span

    follow = settings.IDP_TRUSTED_PROXY_COUNT > 0

    def traced_application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if path.startswith(_UNTRACED):
            return application(environ, start_response)
        method = method if method in _METHODS else "_OTHER"
        parent = environ.get("HTTP_TRACEPARENT", "") if follow else ""
        start = Start(start_response)
        with traces.span(f"{method} {endpoint_of(path)}", "SERVER", parent) as found:
            response = application(environ, start)
            route = environ.get(ROUTE) or endpoint_of(path)
            get_current_span().update_name(f"{method} {route}")
            found["http.request.method"] = method
            found["http.route"] = route
            found["http.response.status_code"] = int(start.status)
            if start.status >= "500":
                found["error.type"] = start.status
        return response

    return traced_application
