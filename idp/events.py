"""Record events in the audit log: each denial has its exact reason and a reference number.

An event is a row, for operators and the users it concerns, and a line of the log. Secrets are
masked here, so that neither ever holds one.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Session, User
from foundation import metrics
from foundation.client_address import client_address
from foundation.logs import MASK, REQUEST_ID
from foundation.outages import transaction_is_lost
from foundation.plain_text import made_visible
from idp.client_metadata import MEMBERS
from idp.models import Client, Event
from idp.models.event import new_reference
from idp.protocol.errors import ProtocolError, printable
from idp.protocol.parameters import Parameters
from idp.protocol.rules import rule_broken

log = structlog.get_logger(__name__)
Kind = Event.Kind

#: Maximum rows of a kind that one IP address, and one client, can cause in a minute. Further events
#: are counted on the newest of them, so that a flood does not fill the table.
ROWS_A_MINUTE = {"ip_address": 60, "client_id": 300}
_UNAUTHENTICATED = frozenset({Kind.DENIED, Kind.SIGN_IN_FAILED, Kind.REUSED})

#: Parameters that explain a denial and are no secrets. Of any other, only the length is stored.
_UNMASKED = frozenset(
    {
        *("acr_values", "audience", "client_id", "code_challenge_method", "display", "grant_type"),
        *("max_age", "post_logout_redirect_uri", "prompt", "redirect_uri", "request_uri"),
        *("resource", "response_mode", "response_type", "scope", "token_type_hint", "ui_locales"),
        *(member.name for member in MEMBERS if not member.masked),
    }
)
#: Parameters that an earlier response left in a URL: clients send `redirect_uri=window.location`.
_LEFT_IN_ADDRESS = re.compile(
    r"([?&#]\w*(?:assertion|code|hint|password|secret|token)\w*=)[^&#\s]+", re.IGNORECASE
)
#: An unknown client_id that is longer may be a secret: id and secret are easily swapped.
_LONGEST_SHOWN_OF_UNKNOWN = 31
_MOST_PARAMETERS = 40
_LONGEST_VALUE = 500
_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,40}")


def record(
    kind: Event.Kind,
    request: HttpRequest | None = None,
    *,
    user: User | None = None,
    actor: User | None = None,
    client_id: str = "",
    target: str = "",
    error: str = "",
    reason: str = "",
    **details: Any,
) -> str:
    """Record an event and return its reference number; it must not have secrets.

    Call it outside of transactions that may be rolled back, unless the event is about their
    changes.
    """
    if user is not None and actor not in {None, user}:
        details = {"by": "operator", **details}
    story = {**details, "request_id": REQUEST_ID.get()}
    event = Event(
        kind=kind,
        user=user,
        actor=actor,
        client_id=client_id[:255],
        target=target[:340],
        session=_session_in(request),
        ip_address=client_address(request) if request else None,
        error=error,
        reason=reason,
        details={name: value for name, value in story.items() if value not in (None, "", {}, [])},
    )
    try:
        counted = _counted_on(event)
        if counted is None:
            _insert(event)
        else:
            event = counted
    except DatabaseError:
        # The log still has the event; but what it is about must not be lost with it.
        log.exception("event_not_stored", reference=event.reference)
        if transaction_is_lost():
            raise
    if metrics.instruments:
        _measure(event, metrics.instruments)
    log.log(
        logging.WARNING if kind in _UNAUTHENTICATED else logging.INFO,
        kind.value,
        reference=event.reference,
        user=user.sub if user else None,
        actor=actor.sub if actor else None,
        client_id=client_id or None,
        target=target or None,
        ip_address=event.ip_address,
        error=error or None,
        reason=reason or None,
        **{name: details[name] for name in ("at", "check", "section") if details.get(name)},
    )
    return event.reference


def _measure(event: Event, instruments: metrics.Instruments) -> None:
    if event.kind == Kind.DENIED:
        instruments.denials.labels(event.error).inc()
    elif event.kind == Kind.SIGNED_IN:
        methods = "+".join(event.details.get("methods", []))
        instruments.sign_ins.labels("success", methods).inc()
    elif event.kind == Kind.SIGN_IN_FAILED:
        instruments.sign_ins.labels("failure", "").inc()


def _session_in(request: HttpRequest | None) -> str | None:
    """Return the id of a request's session where that was read already; no statement for it."""
    session: Session | None = getattr(request, "signed_in_session", None)
    return session.pk if session is not None else None


def record_sessions_ended(sessions: Sequence[Session], ending: str) -> None:
    """Record the end of sessions, an event each, in one statement."""
    kind, reason = Kind.SESSION_ENDED, f"Ended because: {ending}."
    details = [_of_session(session, ending) for session in sessions]
    rows = [
        Event(
            kind=kind,
            user=session.user,
            session=session.pk,
            reason=reason,
            details={**known, **({"request_id": REQUEST_ID.get()} if REQUEST_ID.get() else {})},
        )
        for session, known in zip(sessions, details, strict=True)
    ]
    try:
        with transaction.atomic():
            Event.objects.bulk_create(rows)
    except DatabaseError:  # one's reference is taken, or worse: the others are stored
        for session, known in zip(sessions, details, strict=True):
            record(kind, user=session.user, reason=reason, **known)
        return
    for row, session in zip(rows, sessions, strict=True):
        log.info(kind.value, reference=row.reference, user=session.user.sub, reason=reason)


def record_created(
    users: Sequence[tuple[User, str, Mapping[str, tuple[Any, Any]]]], by: str
) -> None:
    """Record that users were created: an event each, in one statement, and one line of the log.

    Each has a name as target, and its fields. Call it in the transaction that creates them.
    """
    Event.objects.bulk_create(
        Event(
            kind=Kind.CREATED,
            user=user,
            target=target[:340],
            details={"by": by, "changes": masked(fields)},
        )
        for user, target, fields in users
    )
    if users:
        log.info("users_created", by=by, number=len(users))


def _of_session(session: Session, ending: str) -> dict[str, Any]:
    """Return what the user recognizes an ended session by."""
    return {"ending": str(ending), "user_agent": session.user_agent}


def denied(
    error: ProtocolError,
    request: HttpRequest,
    *,
    client_id: str | None = None,
    parameters: Parameters | None = None,
    user: User | None = None,
) -> str:
    """Record that a request was denied, with all of its story; return the reference."""
    rule = rule_broken(error)
    named = _named(client_id) if client_id else ""
    reason = error.description
    if client_id and named != client_id:
        reason = reason.replace(printable(client_id), named)
    return record(
        Kind.DENIED,
        request,
        user=user,
        client_id=named,
        error=error.code,
        reason=_shown(reason),
        at=request.path,
        method=request.method,
        check=rule.check,
        section=rule.section,
        parameters=without_secrets(parameters) if parameters else None,
        repeated=sorted(map(_name, parameters.repeated))[:_MOST_PARAMETERS] if parameters else None,
    )


def without_secrets(parameters: Parameters) -> dict[str, str]:
    """Return the parameters for display: of possible secrets only the length."""
    shown: dict[str, str] = {}
    for name, value in sorted(parameters.values.items())[:_MOST_PARAMETERS]:
        if name == "client_id":
            value = _named(value)
        shown[_name(name)] = _shown(value) if name in _UNMASKED else _measured(value)
    if len(parameters.resources) > 1:
        shown["resource"] = _shown(" ".join(parameters.resources))
    return shown


def _name(name: str) -> str:
    """Return a parameter's name, or its length where it looks like no name: it may be a value."""
    return name if _NAME.fullmatch(name) else f"{MASK} (a name of {len(name)} characters)"


def _shown(value: str) -> str:
    return made_visible(_LEFT_IN_ADDRESS.sub(rf"\1{MASK}", value)[:_LONGEST_VALUE])


def _measured(value: str) -> str:
    return f"{MASK} ({len(value)} characters)"


def _named(client_id: str) -> str:
    """Return the client_id that a request named, unless it could be a secret."""
    if len(client_id) <= _LONGEST_SHOWN_OF_UNKNOWN:
        return client_id
    try:
        known = Client.objects.filter(client_id=client_id).exists()
    except DatabaseError:
        if transaction_is_lost():
            raise
        known = False
    return client_id if known else _measured(client_id)


def masked(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    """Return changes, before and after, for an event's details, with secrets masked."""
    return {name: [before, after] for name, (before, after) in changes.items()}


def _counted_on(event: Event) -> Event | None:
    """Return the row that an event was counted on because there are many like it, or None."""
    if event.kind not in _UNAUTHENTICATED:
        return None
    lately = Event.objects.filter(kind=event.kind, at__gt=timezone.now() - timedelta(minutes=1))
    for column, most in ROWS_A_MINUTE.items():
        cause = getattr(event, column)
        if not cause:
            continue
        alike = lately.filter(**{column: cause}).order_by("-id")
        if alike.values("id")[most - 1 : most]:
            newest = alike.only("id", "reference", "ip_address").first()
            if newest is not None:
                Event.objects.filter(pk=newest.pk).update(times=F("times") + 1)
                return newest
    return None


def _insert(event: Event) -> None:
    for _ in range(3):
        try:
            with transaction.atomic():
                event.save(force_insert=True)
        except IntegrityError:  # the reference is taken: once in a lifetime
            event.reference = new_reference()
        else:
            return
