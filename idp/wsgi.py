"""The WSGI application: Django's handler, with a list of middleware for each kind of endpoint.

Machines call the protocol endpoints without a cookie of ours, so Django's middleware for browsers
would only cost time there, and a cookie that doesn't exist can't be abused. The authorization
endpoint has the middleware that its redirects need. All other pages have settings.MIDDLEWARE.
Discovery and keys are prepared bytes.

A body is read before anything else. Each request runs within a slot; too many pages at once are
refused (foundation.slots).
"""

import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import django
from django.conf import settings
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections, reset_queries
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, resolve

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
django.setup(set_prefix=False)

from foundation import metrics, traces  # noqa: E402  after Django is set up
from foundation.outages import part_out_of_order  # noqa: E402
from foundation.postgresql.waits import StalledError  # noqa: E402
from foundation.slots import NoPlaceError, place, prepare, slot  # noqa: E402
from idp import policy  # noqa: E402
from idp.endpoints.metadata import Document, published  # noqa: E402
from idp.endpoints.too_busy import too_busy  # noqa: E402
from idp.endpoints.unusable_body import (  # noqa: E402
    BODY_PROBLEM,
    BROKEN_OFF,
    TOO_LARGE,
    unusable_body,
)
from idp.measuring import measured  # noqa: E402
from idp.mounting import at_old_addresses, mounted  # noqa: E402
from idp.tracing import ROUTE, traced  # noqa: E402

_Environ = dict[str, Any]
_PUBLISHED = frozenset({*policy.DISCOVERY_PATHS, policy.PATHS["jwks_uri"]})
#: The largest file that the administration takes, with the form around it, in bytes.
_LARGEST_UPLOAD = 1024 * 1024
#: How large a picture may arrive. The page refuses it from 2 MB on, and says so beside its field.
_LARGEST_PICTURE = 8 * 1024 * 1024
_CHUNK = 64 * 1024
#: How much of a too large body is read and discarded, in bytes, and for how long, in seconds. After
#: that the connection is closed.
_DISCARDED = 16 * 1024 * 1024
_DISCARDING_SECONDS = 5.0
_UNUSABLE_BODY = ResolverMatch(unusable_body, (), {})
#: Middleware that an operator or a tracing package added to settings.MIDDLEWARE.
_ADDED = [path for path in settings.MIDDLEWARE if path not in settings.IDP_PAGE_MIDDLEWARE]


class Handler(WSGIHandler):
    """Django's handler with a list of middleware, and maybe with one view for all requests."""

    def __init__(
        self, middleware: Sequence[str], view: Callable[[HttpRequest], HttpResponse] | None = None
    ) -> None:
        self._middleware = middleware
        self._match = ResolverMatch(view, (), {}) if view else None
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:  # noqa: FBT001, FBT002  as Django's
        """Load the list as Django loads settings.MIDDLEWARE."""
        of_pages = settings.MIDDLEWARE
        settings.MIDDLEWARE = self._middleware
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = of_pages

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """Return the view; a protocol endpoint's is looked up in the URLconf once."""
        match = self._match
        if match is None and BODY_PROBLEM in request.META:
            match = _UNUSABLE_BODY
        elif match is None and request.path_info in policy.PROTOCOL_PATHS:
            match = _protocol_endpoint(request.path_info)
        if match is None:
            match = super().resolve_request(request)
            request.META[ROUTE] = f"/{match.route}"
            return match
        request.resolver_match = match
        return match


@cache
def _protocol_endpoint(path: str) -> ResolverMatch:
    return resolve(path)


def _short(middleware: Sequence[str], view: Any = None) -> Handler:
    """Return a handler with a shorter list than that of pages, plus the added middleware."""
    identify, *others = middleware
    return Handler([identify, *_ADDED, *others], view)


def _refuse(_request: HttpRequest) -> HttpResponse:
    raise StalledError("The database does not answer.")


# Receivers without work. A slot checks its connection when it is given back, statements are only
# recorded if settings.DEBUG is on, no cache here has anything to close, and each request begins
# with setting the URLconf.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)
request_finished.disconnect(close_old_connections)
request_finished.disconnect(close_caches)
request_finished.disconnect(reset_urlconf)
prepare()
PAGES = Handler(settings.MIDDLEWARE)
_protocol = _short(settings.IDP_PROTOCOL_MIDDLEWARE)
_too_busy = _short(settings.IDP_TOO_BUSY_MIDDLEWARE, too_busy)
_stalled = _short(settings.IDP_TOO_BUSY_MIDDLEWARE, _refuse)
_stalled_protocol = _short(settings.IDP_PROTOCOL_MIDDLEWARE, _refuse)


#: The handlers of paths that have one of their own; the others' is PAGES.
HANDLERS = {
    **dict.fromkeys(policy.PROTOCOL_PATHS, _protocol),
    policy.PATHS["authorization_endpoint"]: _short(settings.IDP_AUTHORIZE_MIDDLEWARE),
}


def application(environ: _Environ, start_response: Any) -> Iterable[bytes]:
    """Answer a request within a slot, if it needs one."""
    if (  # headers that announce a body (RFC 9112 §6.3)
        environ.get("CONTENT_LENGTH")
        or "HTTP_TRANSFER_ENCODING" in environ
        or environ.get("SERVER_PROTOCOL") == "HTTP/2.0"
    ):
        _read_body(environ, _largest_body(environ))
    path = environ["PATH_INFO"]
    document = _published(environ) if path in _PUBLISHED else None
    if document is not None:
        return _sent(document, environ, start_response)
    handler = _protocol if path.startswith("/picture/") else HANDLERS.get(path, PAGES)
    if path in policy.HEALTH_PATHS:  # these have to answer when no slot is free
        return _answer(handler, environ, start_response)
    if path.startswith("/static/"):
        return handler(environ, start_response)
    try:
        if handler is _protocol:
            with slot(page=False):
                return _answer(handler, environ, start_response)
        with place(), slot(page=True):
            return _answer(handler, environ, start_response)
    except NoPlaceError:
        return _answer(_too_busy, environ, start_response)
    except StalledError:
        stalled = _stalled_protocol if handler is _protocol else _stalled
        return _answer(stalled, environ, start_response)


def _largest_body(environ: _Environ) -> int:
    """Return how many bytes the body of this request may have."""
    is_upload = environ.get("CONTENT_TYPE", "").startswith("multipart/form-data")
    if is_upload and environ["PATH_INFO"].startswith("/admin/"):
        return _LARGEST_UPLOAD
    if is_upload and environ["PATH_INFO"] == "/account/profile/picture/":
        return _LARGEST_PICTURE
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _read_body(environ: _Environ, limit: int) -> None:
    """Read a body of at most `limit` bytes into memory; for any other, set BODY_PROBLEM.

    A server that answers and closes while a body is still arriving resets the connection, and a
    reverse proxy then reports 502. A body without Content-Length (chunked, HTTP/2) has one
    afterwards: Django reads no other. RFC 9110 §15.5.14, RFC 9112 §9.6.
    """
    length, stream = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
    announced = int(length) if length.isascii() and length.isdigit() else None
    body, problem = b"", TOO_LARGE
    if length and announced is None:
        problem = BROKEN_OFF
    elif announced is None or announced <= limit:
        body, problem = _read(stream, limit, announced)
    elif environ.get("HTTP_EXPECT", "").lower() != "100-continue":
        # A client that waits for 100 Continue has sent nothing yet (RFC 9110 §10.1.1).
        _discard(stream)
    if problem:
        environ[BODY_PROBLEM] = problem
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _read(stream: Any, limit: int, announced: int | None) -> tuple[bytes, str]:
    """Return the body and its problem, if any."""
    chunks, length = [], 0
    while chunk := stream.read(_CHUNK):
        chunks.append(chunk)
        length += len(chunk)
        if length > limit:
            _discard(stream)
            return b"", TOO_LARGE
    if announced is not None and length != announced:
        return b"", BROKEN_OFF
    return b"".join(chunks), ""


def _discard(stream: Any) -> None:
    """Read on for a while, so that the sender can finish and read the answer."""
    until = time.monotonic() + _DISCARDING_SECONDS
    left = _DISCARDED
    while left > 0 and time.monotonic() < until and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)


def _published(environ: _Environ) -> Document | None:
    """Return the document to send; None where its view has to answer.

    That is for other methods, where something is amiss, and where added middleware wants to see it.
    """
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"} or _ADDED:
        return None
    try:
        return published(environ["PATH_INFO"])
    except Exception as problem:
        if part_out_of_order(problem) is None:
            raise
        return None
    finally:
        connections.close_all()  # a thread without a slot keeps none


def _sent(document: Document, environ: _Environ, start_response: Any) -> list[bytes]:
    if environ.get("HTTP_IF_NONE_MATCH") == document.etag:
        start_response("304 Not Modified", list(document.headers))
        return [b""]
    length = ("Content-Length", str(len(document.body)))
    start_response("200 OK", [*document.headers, length])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else document.body]


def _answer(handler: Handler, environ: _Environ, start_response: Any) -> Iterable[bytes]:
    """Return a response that needs its slot no more; one that streams gets its own connection."""
    response: Any = handler(environ, start_response)
    if response.streaming:
        return _streamed(response)
    body = list(response)
    response.close()
    return body


def _streamed(response: Any) -> Iterator[bytes]:
    try:
        yield from response
    finally:
        response.close()
        connections.close_all()


if metrics.instruments:
    application = measured(application, metrics.instruments)  # type: ignore[assignment]
if traces.tracer:
    application = traced(application)  # type: ignore[assignment]
if policy.OLD_ADDRESSES:
    application = at_old_addresses(  # type: ignore[assignment]
        application, policy.OLD_ADDRESSES, policy.BROWSER_PATHS, policy.ISSUER
    )
if settings.IDP_PATH:
    application = mounted(application, settings.IDP_PATH)  # type: ignore[assignment]
