"""Middleware as an operator or a package for tracing has it: it logs what it sees.

A view breaks when it asks the request for the attribute that the header X-Break names.
"""

from collections.abc import Callable
from typing import Any

import structlog
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception, request_finished, request_started
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch

log = structlog.get_logger(__name__)


def _breaking(attribute: str) -> type[WSGIRequest]:
    """Return a class of requests that break the view that asks for this attribute."""

    def fail(_request: WSGIRequest) -> None:
        raise RuntimeError("broken by a test")

    return type("Breaking", (WSGIRequest,), {attribute: property(fail)})


class Watching:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        request_started.connect(_started, dispatch_uid="watching")
        request_finished.connect(_finished, dispatch_uid="watching")
        got_request_exception.connect(_broke, dispatch_uid="watching")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        log.info("answered", path=request.path, route=_route(request))
        return response

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> None:
        log.info("view", path=request.path, view=view.__name__)
        if attribute := request.META.get("HTTP_X_BREAK"):
            request.__class__ = _breaking(attribute)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        request.__class__ = WSGIRequest
        log.info("exception", path=request.path, reason=str(exception))


def _route(request: HttpRequest) -> str:
    match: ResolverMatch | None = request.resolver_match
    return match.route if match else ""


def _started(environ: dict[str, Any], **_: Any) -> None:
    log.info("started", path=environ["PATH_INFO"])


def _finished(**_: Any) -> None:
    log.info("finished")


def _broke(request: HttpRequest, **_: Any) -> None:
    log.info("broke", path=request.path)
