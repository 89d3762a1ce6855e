"""The WSGI entrance: what apps ask takes short ways, everything else is Django's.

Discovery and keys are prepared bytes. Protocol endpoints are called by machines that carry no
cookie of ours, so what Django does for browsers would only cost time there, and a cookie that
doesn't exist can't be abused. The authorization endpoint has what its browser needs and no more:
with single sign-on, all that people see of it is where it sends them.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
_django = get_wsgi_application()

from foundation.outages import part_out_of_order  # noqa: E402  after Django is set up
from foundation.request_bodies import read_body  # noqa: E402
from idp import policy  # noqa: E402
from idp.endpoints.metadata import Document, published  # noqa: E402


class ShortHandler:
    """Answers by Django's views within a few middlewares, and nothing around."""

    def __init__(self, middleware: Sequence[str]) -> None:
        answer = convert_exception_to_response(_view)
        for path in reversed(middleware):
            answer = convert_exception_to_response(import_string(path)(answer))
        self._answer: Callable[[HttpRequest], Any] = answer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Answer one request; a connection that broke or is too old is closed, as Django does."""
        try:
            response = self._answer(WSGIRequest(environ))
        finally:
            close_old_connections()
        body = response.content
        headers = list(response.items())
        headers += [("Set-Cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        headers.append(("Content-Length", str(len(body))))
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [body]


def _view(request: HttpRequest) -> HttpResponse:
    return _view_of(request.path_info)(request)


@cache
def _view_of(path: str) -> Callable[[HttpRequest], HttpResponse]:
    return resolve(path).func


_protocol = ShortHandler(settings.IDP_PROTOCOL_MIDDLEWARE)
_handlers = dict.fromkeys(policy.PROTOCOL_PATHS, _protocol) | {
    policy.PATHS["authorization_endpoint"]: ShortHandler(settings.IDP_AUTHORIZE_MIDDLEWARE)
}


#: The largest file that the administration takes, with the form around it, in bytes.
_LARGEST_UPLOAD = 1024 * 1024


def _largest_body(environ: dict[str, Any]) -> int:
    """Return how many bytes the body of this request may have."""
    is_upload = environ.get("CONTENT_TYPE", "").startswith("multipart/form-data")
    if is_upload and environ["PATH_INFO"].startswith("/admin/"):
        return _LARGEST_UPLOAD
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _published(path: str) -> Document | None:
    """Return the document at this path, or None; its view answers where something is amiss."""
    try:
        return published(path)
    except Exception as problem:
        if part_out_of_order(problem) is None:
            raise
        return None


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer GET and HEAD of the published documents; hand the rest on."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    read_body(environ, _largest_body(environ))
    document = _published(path) if method in {"GET", "HEAD"} else None
    if document is None:
        return _handlers.get(path, _django)(environ, start_response)
    if environ.get("HTTP_IF_NONE_MATCH") == document.etag:
        start_response("304 Not Modified", list(document.headers))
        return [b""]
    length = ("Content-Length", str(len(document.body)))
    start_response("200 OK", [*document.headers, length])
    return [b"" if method == "HEAD" else document.body]
