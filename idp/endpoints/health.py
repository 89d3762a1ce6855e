"""Health checks for monitoring: liveness and readiness."""

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
from django.views.decorators.http import require_safe

from foundation.models import Mail, RateCount
from foundation.outbox import late
from foundation.probes import Probe, Problems
from foundation.schema import missing_migrations
from idp import keys
from idp.models import BackchannelNotification, Delivery

log = structlog.get_logger(__name__)
#: Seconds within which `/readyz` answers, even if a dependency hangs.
_ANSWERS_WITHIN = 1.5
#: Without these, requests still work, with limits: they make it degraded and not unready.
_DISPENSABLE = frozenset({"cache", "email", "deliveries"})


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer that this process is alive, independent of any dependency."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Answer whether requests can be served, with the failing checks: 503 if they can't.

    Without what is dispensable the status is `degraded`, and the process stays in service.
    """
    ends_at = time.monotonic() + _ANSWERS_WITHIN
    problems: Problems = {}
    for probe in _PROBES:
        problems |= probe.problems(ends_at - time.monotonic())
    for part, reason in problems.items():
        log.warning("not_ready", part=part, reason=reason)
    unready = problems.keys() - _DISPENSABLE
    status = HTTPStatus.SERVICE_UNAVAILABLE if unready else HTTPStatus.OK
    word = "unready" if unready else "degraded" if problems else "ok"
    return JsonResponse({"status": word, **problems}, status=status)


def _storage() -> Problems:
    """Check the database and its content in order; later checks need earlier ones."""
    problems = _problem("database", _write)
    if not problems:
        problems = _problem("schema", _find_tables) | _problem("keys", keys.check)
    if not problems:
        problems = _problem("email", _find_late_mail) | _problem("deliveries", _find_late_delivery)
    close_old_connections()
    return problems


def _problem(part: str, attempt: Callable[[], object]) -> Problems:
    try:
        attempt()
    except Exception as problem:  # noqa: BLE001  whatever it is, it is what we report
        return {part: type(problem).__name__}
    return {}


def _write() -> None:
    """Write a row as a request would, take it back, and commit: a full disk shows at the commit."""
    with transaction.atomic():
        key = f"readyz:{uuid.uuid4()}"
        RateCount.objects.create(key=key, count=0, ends_at=timezone.now()).delete()


def _find_tables() -> None:
    if missing_migrations():
        raise SchemaBehindError


def _find_late_mail() -> None:
    if late(Mail.objects, timezone.now()).exists():
        raise LateError


def _find_late_delivery() -> None:
    now = timezone.now()
    if late(Delivery.objects, now).exists() or late(BackchannelNotification.objects, now).exists():
        raise LateError


def _shared() -> Problems:
    """Check the cache, where it is not in the database."""
    return {} if isinstance(caches["default"], BaseDatabaseCache) else _problem("cache", _keep)


def _keep() -> None:
    cache.set("readyz", 1, 5)
    if cache.get("readyz") != 1:
        raise LookupError


class SchemaBehindError(Exception):
    """`manage.py migrate` has to run."""


class LateError(Exception):
    """An outbox has rows that are not sent: no worker runs, or it can't keep up."""


_PROBES = (Probe("database", _storage), Probe("cache", _shared))
