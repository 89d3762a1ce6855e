"""Health, for whoever watches over this: alive, and ready to serve."""

import time
import uuid
from collections.abc import Callable
from http import HTTPStatus

import structlog
from django.core.cache import cache, caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import close_old_connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from foundation.models import RateCount
from foundation.probes import Probe, Problems
from foundation.schema import missing_migrations
from idp import keys

log = structlog.get_logger(__name__)
#: Seconds within which `/readyz` answers, whatever hangs.
_ANSWERS_WITHIN = 1.5
#: What requests do without, as well as they can: this alone takes no process out of service.
_DISPENSABLE = frozenset({"cache"})


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Say that this process answers, whatever becomes of all else."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Say whether requests can be served, and what is out of order: 503 where they can't."""
    ends_at = time.monotonic() + _ANSWERS_WITHIN
    problems: Problems = {}
    for probe in _PROBES:
        problems |= probe.problems(ends_at - time.monotonic())
    for part, reason in problems.items():
        log.warning("not_ready", part=part, reason=reason)
    unready = problems.keys() - _DISPENSABLE
    status = HTTPStatus.SERVICE_UNAVAILABLE if unready else HTTPStatus.OK
    return JsonResponse({"status": "unready" if unready else "ok", **problems}, status=status)


def _storage() -> Problems:
    """Check what is in the database, one after the other: without it, no more is known."""
    problems = _problem("database", _write)
    if not problems:
        problems = _problem("schema", _find_tables) | _problem("keys", keys.check)
    close_old_connections()
    return problems


def _problem(part: str, attempt: Callable[[], object]) -> Problems:
    try:
        attempt()
    except Exception as problem:  # noqa: BLE001  whatever it is, it is what we report
        return {part: type(problem).__name__}
    return {}


def _write() -> None:
    """Write a row as a request would, and take it back."""
    with transaction.atomic():
        RateCount.objects.create(key=f"readyz:{uuid.uuid4()}", count=0, ends_at=timezone.now())
        transaction.set_rollback(True)


def _find_tables() -> None:
    if missing_migrations():
        raise SchemaBehindError


def _shared() -> Problems:
    """Check the cache, where it is not in the database."""
    return {} if isinstance(caches["default"], BaseDatabaseCache) else _problem("cache", _keep)


def _keep() -> None:
    cache.set("readyz", 1, 5)
    if cache.get("readyz") != 1:
        raise LookupError


class SchemaBehindError(Exception):
    """`manage.py migrate` has to run."""


_PROBES = (Probe("database", _storage), Probe("cache", _shared))
