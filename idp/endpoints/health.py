"""Health, for whoever watches over this: alive, and ready to serve."""

from http import HTTPStatus

import structlog
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from idp import keys

log = structlog.get_logger(__name__)


@require_safe
@never_cache
def healthz(http: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Say that this process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(http: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Say whether database, cache and signing keys are there; 503 if one is not."""
    checks = {"database": connection.ensure_connection, "cache": _cache, "keys": keys.key_set}
    failed = {}
    for name, attempt in checks.items():
        try:
            attempt()
        except Exception as problem:  # noqa: BLE001  whatever it is, it is what we report
            log.warning("not_ready", part=name, reason=type(problem).__name__)
            failed[name] = "failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK
    return JsonResponse({"status": "unready" if failed else "ok", **failed}, status=status)


def _cache() -> None:
    cache.set("readyz", 1, 5)
    if cache.get("readyz") != 1:
        raise RuntimeError
