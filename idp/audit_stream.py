"""The audit stream: the worker passes events on, to a file, a syslog server or over HTTP.

Events are read from their table in the order of their numbers, behind a stored mark that moves once
the receiver has a batch. So nothing is lost by a crash or an outage of the receiver; a batch that
was under way may come twice.
"""

import os
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import structlog
from django.conf import settings

from foundation import posting
from idp.event_counts import SETTLES_WITHIN
from idp.event_lines import json_line
from idp.models import Event, EventMark

log = structlog.get_logger(__name__)
#: Takes events; raises OSError if it could not.
_Receiver = Callable[[str, Sequence[Event]], None]
_NAME = "audit stream"
_BATCH = 500
_SECONDS = 10
#: For how long a worker may pass on a batch until another one tries.
_LEASE = timedelta(seconds=60)
#: RFC 5424 §6.2.1: the facility “log audit” (13), the severity “informational” (6).
_PRIORITY = 13 * 8 + 6


def pass_on(now: datetime) -> int:
    """Pass on the next events that have settled; return how many.

    Logs that the receiver is out of order, and tries again at the next call.
    """
    if not settings.IDP_AUDIT_STREAM:
        return 0
    mark = _claimed(now)
    if mark is None:
        return 0
    following = Event.objects.filter(id__gt=mark.event_id).select_related("user", "actor")
    batch = following.order_by("id")[:_BATCH]
    events = list(takewhile(lambda event: event.at <= now - SETTLES_WITHIN, batch))
    sent = 0
    try:
        if events:
            _receiver(settings.IDP_AUDIT_STREAM)(settings.IDP_AUDIT_STREAM, events)
            sent = len(events)
    except OSError as problem:
        log.error("audit_stream_failed", reason=posting.reason_of(problem))  # noqa: TRY400  it is no fault
    last = events[-1].pk if sent else mark.event_id
    EventMark.objects.filter(pk=mark.pk).update(event_id=last, leased_until=now)
    return sent


def problem_with(address: str) -> str | None:
    """Return what is wrong with a setting, or None."""
    parts = urlsplit(address)
    if _RECEIVERS.get(parts.scheme) is None:
        return f"The scheme has to be one of {', '.join(_RECEIVERS)}."
    if parts.scheme == "file" and not parts.path.startswith("/"):
        return "The path of the file has to begin with /."
    if parts.scheme != "file" and not (parts.hostname and _has_sound_port(parts)):
        return "The host is missing, or the port is no number."
    return None


def _has_sound_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _claimed(now: datetime) -> EventMark | None:
    """Return the mark, claimed for this worker; None if another one has it.

    The first mark is the newest event: those before are not passed on.
    """
    mark = EventMark.objects.filter(name=_NAME).first()
    if mark is None:
        newest = Event.objects.order_by("-id").values_list("id", flat=True).first()
        defaults = {"event_id": newest or 0, "leased_until": now}
        mark, _ = EventMark.objects.get_or_create(name=_NAME, defaults=defaults)
    unclaimed = EventMark.objects.filter(pk=mark.pk, event_id=mark.event_id, leased_until__lte=now)
    return mark if unclaimed.update(leased_until=now + _LEASE) else None


def _receiver(address: str) -> _Receiver:
    return _RECEIVERS[urlsplit(address).scheme]


def _to_file(address: str, events: Sequence[Event]) -> None:
    """Append to a file, which is opened anew for each batch: programs may rotate it."""
    with Path(urlsplit(address).path).open("a", encoding="utf-8") as file:
        file.writelines(map(json_line, events))
        file.flush()
        os.fsync(file.fileno())


def _to_syslog(address: str, events: Sequence[Event]) -> None:
    """Send to a syslog server over TCP: RFC 5424 messages, framed by RFC 6587 §3.4.1."""
    parts = urlsplit(address)
    is_encrypted = parts.scheme == "syslog+tls"
    at = (parts.hostname or "", parts.port or (6514 if is_encrypted else 514))
    with socket.create_connection(at, _SECONDS) as connection:
        if not is_encrypted:
            connection.sendall(_framed(events))
            return
        context = ssl.create_default_context()
        with context.wrap_socket(connection, server_hostname=parts.hostname) as encrypted:
            encrypted.sendall(_framed(events))


def _framed(events: Sequence[Event]) -> bytes:
    host = socket.gethostname() or "-"
    messages = [
        f"<{_PRIORITY}>1 {event.at.isoformat()} {host} signet - {event.kind} - "
        f"{json_line(event).rstrip()}".encode()
        for event in events
    ]
    return b"".join(b"%d %s" % (len(message), message) for message in messages)


def _to_http(address: str, events: Sequence[Event]) -> None:
    """Post lines of JSON; any 2xx says that they arrived."""
    body = "".join(map(json_line, events)).encode()
    posting.post(address, body, "application/x-ndjson", settings.IDP_AUDIT_TOKEN)


_RECEIVERS: dict[str, _Receiver] = {
    "file": _to_file,
    "syslog": _to_syslog,
    "syslog+tls": _to_syslog,
    "http": _to_http,
    "https": _to_http,
}
