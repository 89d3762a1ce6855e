"""Exports that are too large for one request: the worker makes them, and they stay for some days.

A stored document is compressed and encrypted with the server's key.
"""

import gzip
import json
from datetime import datetime, timedelta

import structlog
from cryptography.fernet import InvalidToken
from django.db.models import F, Q, QuerySet

from accounts.models import User
from foundation import server_keys
from idp import policy
from idp.data_exports.document import document_of
from idp.models import DataExport

log = structlog.get_logger(__name__)
#: How long a worker may take before another one begins anew, and how often that happens.
_LEASE = timedelta(minutes=10)
_MOST_TRIES = 3
_PURPOSE = "data export"


def ask(user: User, now: datetime) -> None:
    """Have an export made, unless one is being made already."""
    if not of(user, now).filter(_is_due() | Q(begun_at__gt=now - _LEASE), ready_at=None).exists():
        DataExport.objects.create(user=user, asked_at=now)


def of(user: User, now: datetime) -> "QuerySet[DataExport]":
    """Return the exports of a user that are kept, the newest first."""
    kept = DataExport.objects.filter(user=user, asked_at__gt=now - policy.DATA_EXPORTS_KEPT_FOR)
    return kept.order_by("-asked_at")


def content_of(export: DataExport) -> bytes | None:
    """Return the document of an export; None if it is not ready, or no server key opens it."""
    if export.ready_at is None:
        return None
    try:
        return gzip.decompress(server_keys.unseal(export.content, _PURPOSE))
    except InvalidToken:
        return None


def has_failed(export: DataExport, now: datetime) -> bool:
    """Whether an export will not be made any more."""
    lease_over = export.begun_at is None or export.begun_at <= now - _LEASE
    return export.ready_at is None and export.tries >= _MOST_TRIES and lease_over


def make_next(now: datetime) -> bool:
    """Make the export that has waited longest; return whether there was one."""
    waiting = DataExport.objects.filter(_is_due(), Q(begun_at=None) | Q(begun_at__lte=now - _LEASE))
    export = waiting.select_related("user").order_by("asked_at").first()
    if export is None:
        return False
    mine = waiting.filter(pk=export.pk, begun_at=export.begun_at)
    if mine.update(begun_at=now, tries=F("tries") + 1):
        _make(export, now)
    return True


def as_json(document: object) -> bytes:
    """Return a document as the file that users get."""
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def _make(export: DataExport, now: datetime) -> None:
    try:
        content = gzip.compress(as_json(document_of(export.user, now)))
    except Exception:  # others' exports wait; this one is tried again
        log.exception("data_export_failed")
        return
    sealed = server_keys.seal(content, _PURPOSE)
    DataExport.objects.filter(pk=export.pk).update(content=sealed, ready_at=now)


def _is_due() -> Q:
    return Q(ready_at=None, tries__lt=_MOST_TRIES)
