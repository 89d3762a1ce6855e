"""The WSGI entrance: what apps ask takes short ways, everything else is Django's.

Discovery and keys are prepared bytes. Protocol endpoints are called by machines that carry no
cookie of ours, so what Django does for browsers would only cost time there, and a cookie that
doesn't exist can't be abused. The authorization endpoint has what its browser needs and no more:
with single sign-on, all that people see of it is where it sends them.

Each request is worked on within a slot; too many pages at once are refused (foundation.slots).
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connections
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
_django = get_wsgi_application()

from foundation.outages import part_out_of_order  # noqa: E402  after Django is set up
from foundation.postgresql.waits import StalledError  # noqa: E402
from foundation.request_bodies import read_body  # noqa: E402
from foundation.slots import NoPlaceError, place, prepare, slot  # noqa: E402
from idp import policy  # noqa: E402
from idp.endpoints.metadata import Document, published  # noqa: E402
from idp.endpoints.too_busy import too_busy  # noqa: E402

_Environ = dict[str, Any]


class ShortHandler:
    """Answers by Django's views within a few middlewares, and nothing around."""

    def __init__(
        self, middleware: Sequence[str], view: Callable[[HttpRequest], HttpResponse] | None = None
    ) -> None:
        answer = convert_exception_to_response(view or _view)
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


def _refuse(_request: HttpRequest) -> HttpResponse:
    raise StalledError("The database does not answer.")


prepare()
_protocol = ShortHandler(settings.IDP_PROTOCOL_MIDDLEWARE)
_authorize = ShortHandler(settings.IDP_AUTHORIZE_MIDDLEWARE)
_too_busy = ShortHandler(settings.IDP_TOO_BUSY_MIDDLEWARE, too_busy)
_stalled = ShortHandler(settings.IDP_TOO_BUSY_MIDDLEWARE, _refuse)
_stalled_protocol = ShortHandler(settings.IDP_PROTOCOL_MIDDLEWARE, _refuse)


#: The largest file that the administration takes, with the form around it, in bytes.
_LARGEST_UPLOAD = 1024 * 1024


def _largest_body(environ: _Environ) -> int:
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
    finally:
        connections.close_all()  # a thread without a slot keeps none


def application(environ: _Environ, start_response: Any) -> Iterable[bytes]:
    """Answer GET and HEAD of the published documents; hand the rest on."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    read_body(environ, _largest_body(environ))
    document = _published(path) if method in {"GET", "HEAD"} else None
    if document is None:
        return _answer(environ, start_response)
    if environ.get("HTTP_IF_NONE_MATCH") == document.etag:
        start_response("304 Not Modified", list(document.headers))
        return [b""]
    length = ("Content-Length", str(len(document.body)))
    start_response("200 OK", [*document.headers, length])
    return [b"" if method == "HEAD" else document.body]


def _answer(environ: _Environ, start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path in policy.HEALTH_PATHS:  # these have to answer when no slot is free
        return _protocol(environ, start_response)
    if path in policy.PROTOCOL_PATHS:
        try:
            with slot(page=False):
                return _protocol(environ, start_response)
        except StalledError:
            return _stalled_protocol(environ, start_response)
    if path.startswith(settings.STATIC_URL):
        return _django(environ, start_response)
    try:
        with place(), slot(page=True):
            if path == policy.PATHS["authorization_endpoint"]:
                return _authorize(environ, start_response)
            return _whole(_django(environ, start_response))
    except NoPlaceError:
        return _too_busy(environ, start_response)
    except StalledError:
        return _stalled(environ, start_response)


def _whole(response: Any) -> Iterable[bytes]:
    """Return an answer that needs its slot no more.

    One that streams goes on with a connection of its own.
    """
    if response.streaming:
        return _streamed(response)
    body = list(response)
    response.close()
    return body


def _streamed(response: Any) -> Iterable[bytes]:
    try:
        yield from response
    finally:
        response.close()
        connections.close_all()
