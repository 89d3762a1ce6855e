"""Sessions: their beginning at sign-in, recognition at each request, and end.

Ending is one UPDATE, here and nowhere else: a browser whose `Session` has ended is anonymous at
its next request, whatever cookie it holds.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.signals import pre_delete
from django.dispatch import Signal
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts import known_browsers
from accounts.allauth_door import sign_ins
from accounts.allauth_door.signals import password_reset, signed_up
from accounts.models import Session, UpstreamSession, User
from foundation.client_address import client_address
from foundation.statements import Columns, instances, one
from foundation.validity import at_a_limit, has_ended

#: Sent inside the transaction that ends sessions, with `sessions` (a list) and `ending`.
sessions_ended = Signal()

#: Where the browser session names it.
KEY = "accounts_session"
_SEEN_EVERY = timedelta(minutes=5)
#: How many sessions end in one transaction, where there may be very many.
_BATCH = 500


class Ending(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed-out"
    SIGNED_OUT_ELSEWHERE = "signed-out-elsewhere"
    SIGNED_OUT_UPSTREAM = "signed-out-upstream"
    NOT_ME = "not-me"
    OPERATOR = "operator"
    KEY_REPLACED = "key-replaced"
    ACCOUNT_DISABLED = "account-disabled"
    NEW_PASSWORD_REQUIRED = "new-password-required"
    ANOTHER_USER = "another-user"
    PASSWORD_CHANGED = "password-changed"
    PASSWORD_RESET = "password-reset"
    FACTOR_REMOVED = "second-factor-removed"
    DELETION_ASKED = "deletion-asked"
    ACCOUNT_DELETED = "account-deleted"
    EMAIL_CHANGED = "email-changed"
    EMAIL_RESTORED = "email-restored"
    EXPIRED = "expired"


def connect() -> None:
    """Connect Django's and allauth's signals that begin and end sessions."""
    user_logged_in.connect(_begin, dispatch_uid="accounts.begin")
    user_logged_out.connect(_signed_out, dispatch_uid="accounts.signed_out")
    signed_up.connect(_signed_up, dispatch_uid="accounts.signed_up")
    pre_delete.connect(_deleted, sender=User, dispatch_uid="accounts.deleted")
    password_reset.connect(_password_was_reset, dispatch_uid="accounts.password_reset")


#: The columns of a session and its user, for statements that read more along with them.
SESSION, USER = Columns(Session, "s"), Columns(User, "u")


def by_id(session_id: str) -> Session | None:
    """Return the session of this id with its user, valid or not.

    The statement has no further conditions: with more, PostgreSQL chooses other indexes on new
    tables.
    """
    row = one(
        f"""
        SELECT {SESSION.sql}, {USER.sql}
        FROM accounts_session s JOIN accounts_user u ON u.id = s.user_id WHERE s.id = %s
        """,
        [session_id],
    )
    return None if row is None else session_in(row)


def session_in(row: Sequence[Any]) -> Session:
    """Return the session that the first columns of a row are, `SESSION`'s and `USER`'s."""
    session: Session
    session, session.user = instances(row, SESSION, USER)
    return session


def session_id_of(request: HttpRequest) -> str | None:
    """Return the id of the session that this browser names, valid or not."""
    named = request.session.get(KEY)
    return named if isinstance(named, str) else None


def session_of(request: HttpRequest) -> Session | None:
    """Return the live session of this browser, with its user, or None; one statement a request."""
    if not hasattr(request, "signed_in_session"):
        named = session_id_of(request)
        recognize(request, by_id(named) if named else None)
    return request.signed_in_session  # type: ignore[attr-defined, no-any-return]


def recognize(request: HttpRequest, named: Session | None) -> Session | None:
    """Return the session that this browser names if it is valid, and cache it for `session_of`.

    `named` has its user loaded, by a statement that read more along with it.
    """
    live = named if named is not None and _is_live(request, named) else None
    request.signed_in_session = live  # type: ignore[attr-defined]
    return live


def begin_without_browser(request: HttpRequest, user: User, now: datetime) -> Session:
    """Return a new session of a user whose password a client has sent; it ends as any other."""
    return Session.objects.create(
        user=user,
        authenticated_at=now,
        methods=[{"method": "password", "at": now.timestamp()}],
        user_agent=request.headers.get("User-Agent", "")[:400],
        ip_address=client_address(request),
        last_seen_at=now,
    )


def begin_at_device(
    approving: Session, ip_address: str | None, user_agent: str, now: datetime
) -> Session:
    """Return a new session of an app on a device, which a user has approved in another session.

    It has no limits of time: it ends with what the app was given there. The sign-in is the user's:
    an upstream's logout token that ends the one ends the other.
    """
    begun = Session.objects.create(
        user=approving.user,
        authenticated_at=approving.authenticated_at,
        methods=approving.methods,
        user_agent=user_agent,
        browser=known_browsers.new_id(),
        ip_address=ip_address,
        until_closed=False,
        lasting=True,
        last_seen_at=now,
    )
    for noted in UpstreamSession.objects.filter(session=approving):
        UpstreamSession.objects.create(
            session=begun, upstream_id=noted.upstream_id, subject=noted.subject, sid=noted.sid
        )
    return begun


def add_step(request: HttpRequest) -> None:
    """Add the factor that this browser's user has just used to their session.

    The start of the session stays as it was.
    """
    session = session_of(request)
    if session is not None:
        session.methods = [*session.methods, *sign_ins.records_of(request, session.user)[-1:]]
        session.save(update_fields=["methods"])


def end_sessions(sessions: Iterable[Session], ending: Ending) -> None:
    """End valid sessions, all or none of them. All sessions end here."""
    known = {session.pk: session for session in sessions}
    # In one order, so that concurrent calls for the same sessions do not deadlock.
    keys = sorted(known)
    with transaction.atomic():
        for begin in range(0, len(keys), _BATCH):
            _end(known, keys[begin : begin + _BATCH], ending)


def _end(known: dict[str, Session], keys: list[str], ending: Ending) -> None:
    live = Session.objects.select_for_update().filter(pk__in=keys, ended_at=None)
    ended = [known[pk] for pk in live.order_by("pk").values_list("pk", flat=True)]
    if ended:
        Session.objects.filter(pk__in=[session.pk for session in ended]).update(
            ended_at=timezone.now(), ending=ending
        )
        sessions_ended.send(sender=Session, sessions=ended, ending=ending)


def end_in_batches(
    sessions: QuerySet[Session],
    ending: Ending,
    failed: Callable[[Session, Exception], None] | None = None,
) -> int:
    """End the valid ones of these sessions in batches; return the number ended.

    Each batch is its own transaction: an interrupted call has ended some sessions, each completely.
    `failed`, if given, is called with each session that can't be ended, and the others are ended.
    """
    live = sessions.filter(ended_at=None).select_related("user").order_by("last_seen_at")
    ended, skipped = 0, 0
    while batch := list(live[skipped : skipped + _BATCH]):
        try:
            end_sessions(batch, ending)
        except Exception:
            if failed is None:
                raise
            unable = sum(not _ended_alone(session, ending, failed) for session in batch)
            skipped += unable
            ended -= unable
        ended += len(batch)
    return ended


def _ended_alone(
    session: Session, ending: Ending, failed: Callable[[Session, Exception], None]
) -> bool:
    try:
        end_sessions([session], ending)
    except Exception as problem:  # noqa: BLE001  whatever it is, the others have nothing to do with it
        failed(session, problem)
        return False
    return True


def end_expired(now: datetime, failed: Callable[[Session, Exception], None]) -> int:
    """End sessions that have reached a limit, so that clients are notified.

    `failed` is called with each session that can't be ended.
    """
    return end_in_batches(Session.objects.filter(at_a_limit(now)), Ending.EXPIRED, failed)


def is_valid(session: Session, now: datetime) -> bool:
    """Whether a session has not ended, and its user may have one; needs its user."""
    return not has_ended(session, now) and _may_have_one(session.user)


def _may_have_one(user: User) -> bool:
    """Whether a user's account is active, and no new password has to be set first."""
    return user.is_active and not user.password_change_required


def is_unchanged(signed_in_with: str, user: User) -> bool:
    """Whether the password is the one that a sign-in began with (as Django's get_user)."""
    candidates = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(signed_in_with, candidate) for candidate in candidates)


def _is_live(request: HttpRequest, session: Session) -> bool:
    """Whether a session is valid and is this browser's; records the visit."""
    if session.ended_at is not None or not _may_have_one(session.user):
        return False
    if not is_unchanged(request.session.get(HASH_SESSION_KEY, ""), session.user):
        return False
    now = timezone.now()
    known, session.until_closed = (
        session.until_closed,
        request.session.get_expire_at_browser_close(),
    )
    if has_ended(session, now):
        end_sessions([session], Ending.EXPIRED)
        return False
    if now - session.last_seen_at > _SEEN_EVERY or session.until_closed != known:
        session.last_seen_at = now
        session.save(update_fields=["last_seen_at", "until_closed"])
    return True


def _begin(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Record a sign-in: a new session, or a later authentication in this user's present one."""
    records = _of_this_sign_in(sign_ins.records_of(request, user))
    now = timezone.now()
    at = max((datetime.fromtimestamp(record["at"], UTC) for record in records), default=now)
    named = session_id_of(request)
    known = Session.objects.filter(pk=named, user=user, ended_at=None)
    if named and known.update(authenticated_at=at, methods=records, last_seen_at=now):
        session = known.select_related("user").get()
    else:
        session = Session.objects.create(
            user=user,
            authenticated_at=at,
            methods=records,
            user_agent=request.headers.get("User-Agent", "")[:400],
            browser=known_browsers.known_browser(request, user) or known_browsers.new_id(),
            ip_address=client_address(request),
            last_seen_at=now,
        )
    if named:  # else Django has given the browser session a new key already
        request.session.cycle_key()
    request.session[KEY] = session.pk
    request.signed_in_session = session  # type: ignore[attr-defined]


def _of_this_sign_in(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest first factor and the factors after it; earlier sign-ins don't count.

    A passkey without a password before it is a first factor, too.
    """
    firsts = [index for index, record in enumerate(records) if is_first(record)]
    return records[firsts[-1] :] if firsts else records


def is_first(record: dict[str, Any]) -> bool:
    """Whether this record of allauth's is a first factor."""
    return record["method"] != "mfa" or record.get("passwordless", False) is True


def first_method(records: list[dict[str, Any]]) -> str:
    """Return allauth's name of the newest first factor; empty without one."""
    firsts = list(filter(is_first, records))
    return str(firsts[-1]["method"]) if firsts else ""


def _signed_up(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Record a sign-up with a password as authentication by it."""
    if user.has_usable_password():
        sign_ins.record_password(request, user)


def _signed_out(*, request: HttpRequest, user: User | None, **_: Any) -> None:
    session = session_of(request)
    if session is not None and user is not None:
        end_sessions([session], Ending.SIGNED_OUT)
    request.signed_in_session = None  # type: ignore[attr-defined]


def _deleted(*, instance: User, **_: Any) -> None:
    """End the sessions of a user who is deleted first, so that clients can still be notified."""
    end_sessions(instance.sessions.filter(ended_at=None), Ending.ACCOUNT_DELETED)


def _password_was_reset(*, request: HttpRequest, user: User, **_: Any) -> None:
    """End all sessions after a password reset (ASVS 7.4.3)."""
    end_sessions(Session.objects.filter(user=user, ended_at=None), Ending.PASSWORD_RESET)
    vars(request).pop("signed_in_session", None)  # it may be one of them
