"""The WSGI entrance: what machines ask takes short ways, everything else is Django's.

Discovery and keys are prepared bytes. Protocol endpoints are called by machines that carry no
cookie of ours, so what Django does for browsers would only cost time there, and a cookie that
doesn't exist can't be abused.
"""

import os
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import ResolverMatch, resolve
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
_django = get_wsgi_application()

from idp import policy  # noqa: E402  after Django is set up
from idp.endpoints.metadata import published  # noqa: E402


@cache
def _view_of(path: str) -> ResolverMatch:
    """Return the view of one of `policy.PROTOCOL_PATHS`."""
    return resolve(path)


class ProtocolHandler(WSGIHandler):
    """Django with the middleware of protocol endpoints alone, and their few addresses known."""

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Wrap the views in `IDP_PROTOCOL_MIDDLEWARE`, which has no hooks of views."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]
        for path in reversed(settings.IDP_PROTOCOL_MIDDLEWARE):
            handler = convert_exception_to_response(import_string(path)(handler))
        self._middleware_chain = handler

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view, and note it on the request as Django does."""
        request.resolver_match = match = _view_of(request.path_info)
        return match


_protocol = ProtocolHandler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer GET and HEAD of the published documents; hand the rest on."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    document = published(path) if method in {"GET", "HEAD"} else None
    if document is None:
        handler = _protocol if path in policy.PROTOCOL_PATHS else _django
        return handler(environ, start_response)
    if environ.get("HTTP_IF_NONE_MATCH") == document.etag:
        start_response("304 Not Modified", list(document.headers))
        return [b""]
    length = ("Content-Length", str(len(document.body)))
    start_response("200 OK", [*document.headers, length])
    return [b"" if method == "HEAD" else document.body]
