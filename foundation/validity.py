"""Validity: whether a session, code or token may still be used. OIDC Core §11, RFC 7009 §2.

Facts in, a reason or None out. Statements and the ORM only fetch facts; sign-in, account, admin and
all endpoints use this rule, so that they agree.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q


class Invalid(StrEnum):
    """Why something may not be used, as the end of a sentence about it."""

    EXPIRED = "has expired"
    REVOKED = "has been revoked"
    SESSION_ENDED = "belongs to a session that has ended: the user has signed out, or it expired"
    CLIENT_DISABLED = "belongs to a client that has been disabled"
    USER_DISABLED = "belongs to a user whose account has been disabled"
    SUBJECT_CHANGED = "belongs to a user whom the client knows by another subject since"


class SessionFacts(NamedTuple):
    """The facts that decide whether a session has expired, for readers without the whole row."""

    ended_at: datetime | None
    last_seen_at: datetime
    authenticated_at: datetime
    #: Whether it lasts until the browser is closed.
    until_closed: bool


class Presented(Protocol):
    """A code, an access token or a refresh token, as the models above this module have it."""

    expires: datetime
    grant_id: int | None
    grant: Any

    @property
    def application(self) -> Any:
        """Its client."""


class GrantFacts(NamedTuple):
    """The facts about a grant that decide the validity of its codes and tokens."""

    revoked_at: datetime | None
    #: Whether it continues without its session.
    offline: bool
    #: Its row, SessionFacts, or None where there is none (any more).
    session: Any
    user_is_active: bool


class TokenFacts(NamedTuple):
    """The facts that decide the validity of an access token, a refresh token or a code."""

    expires: datetime
    client_is_enabled: bool
    #: None for a token that a client got for itself.
    grant: GrantFacts | None
    #: When it was used up, where it may be used once.
    used_at: datetime | None = None
    #: Whether the client knows the user by a subject.
    has_subject: bool = True


#: A grant that was deleted, with its user or by itself.
DELETED_GRANT = GrantFacts(revoked_at=None, offline=False, session=None, user_is_active=False)


def facts_of(token: Presented, used_at: datetime | None = None) -> TokenFacts:
    """Return the facts about a code or token instance; needs its client and grant.

    Either may have been deleted while the token was stored (idp.models.tokens).
    """
    client_is_enabled, of_grant = False, DELETED_GRANT if token.grant_id else None
    with suppress(ObjectDoesNotExist):
        client = token.application
        client_is_enabled = client is not None and client.enabled
        if grant := token.grant:
            of_grant = GrantFacts(
                grant.revoked_at, grant.offline, grant.session, grant.user.is_active
            )
            if client is not None and grant.client_id != client.pk:  # by an exchange
                client_is_enabled = client_is_enabled and grant.client.enabled
    return TokenFacts(token.expires, client_is_enabled, of_grant, used_at)


def grant_facts(grant: Any) -> GrantFacts:
    """Return the facts about a grant instance, for what is no token; needs its session and user."""
    return GrantFacts(grant.revoked_at, grant.offline, grant.session, grant.user.is_active)


def why_invalid(token: TokenFacts, now: datetime) -> Invalid | None:
    """Return why a token may not be used, or None if it may.

    Without offline access, codes and tokens of a grant end with its session (OIDC Core §11).
    """
    grant = token.grant
    if token.expires <= now:
        return Invalid.EXPIRED
    if token.used_at is not None:
        return Invalid.REVOKED
    if grant is not None:
        if grant.revoked_at is not None:
            return Invalid.REVOKED
        if not grant.offline and (grant.session is None or has_ended(grant.session, now)):
            return Invalid.SESSION_ENDED
        if not grant.user_is_active:
            return Invalid.USER_DISABLED
    if not token.client_is_enabled:
        return Invalid.CLIENT_DISABLED
    return None if token.has_subject else Invalid.SUBJECT_CHANGED


def has_ended(session: Any, now: datetime) -> bool:
    """Whether a session of a browser was ended, or has reached a limit. ASVS 7.3.1, 7.3.2.

    `session` is its row, or SessionFacts.
    """
    idle, absolute = _limits(until_closed=session.until_closed)
    return bool(
        session.ended_at is not None
        or now - session.last_seen_at >= idle
        or now - session.authenticated_at >= absolute
    )


def at_a_limit(now: datetime) -> Q:
    """Return the condition for sessions that have reached a limit."""
    found = Q()
    for until_closed in (True, False):
        idle, absolute = _limits(until_closed=until_closed)
        since = Q(last_seen_at__lte=now - idle) | Q(authenticated_at__lte=now - absolute)
        found |= Q(until_closed=until_closed) & since
    return found & Q(lasting=False)


@cache
def _limits(*, until_closed: bool) -> tuple[timedelta, timedelta]:
    """Return how long a session lasts since the last visit, and since the user authenticated."""
    idle, absolute = (
        (settings.IDP_SESSION_IDLE_HOURS, settings.IDP_SESSION_HOURS)
        if until_closed
        else (settings.IDP_STAY_SIGNED_IN_IDLE_HOURS, settings.IDP_STAY_SIGNED_IN_HOURS)
    )
    return timedelta(hours=idle), timedelta(hours=absolute)
