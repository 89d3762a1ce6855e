"""What may still be used, and why not: each fact alone, on both sides of its limit."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from foundation.validity import GrantFacts, Invalid, SessionFacts, TokenFacts, why_invalid

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
IDLE = timedelta(hours=settings.IDP_SESSION_IDLE_HOURS)
ABSOLUTE = timedelta(hours=settings.IDP_SESSION_HOURS)
STAY_IDLE = timedelta(hours=settings.IDP_STAY_SIGNED_IN_IDLE_HOURS)
STAY_ABSOLUTE = timedelta(hours=settings.IDP_STAY_SIGNED_IN_HOURS)

SESSION = SessionFacts(None, last_seen_at=NOW, authenticated_at=NOW, until_closed=True)
STAYING = SESSION._replace(until_closed=False)
GRANT = GrantFacts(None, offline=False, session=SESSION, user_is_active=True)
TOKEN = TokenFacts(expires=NOW + MOMENT, client_is_enabled=True, grant=GRANT)


def seen(ago: timedelta, session: SessionFacts = SESSION) -> GrantFacts:
    return GRANT._replace(session=session._replace(last_seen_at=NOW - ago))


def authenticated(ago: timedelta, session: SessionFacts = SESSION) -> GrantFacts:
    return GRANT._replace(session=session._replace(authenticated_at=NOW - ago))


GRANTS: list[tuple[str, GrantFacts, Invalid | None]] = [
    ("a grant", GRANT, None),
    ("revoked", GRANT._replace(revoked_at=NOW), Invalid.REVOKED),
    ("revoked, offline", GRANT._replace(revoked_at=NOW, offline=True), Invalid.REVOKED),
    ("signed out", GRANT._replace(session=SESSION._replace(ended_at=NOW)), Invalid.SESSION_ENDED),
    ("without a session", GRANT._replace(session=None), Invalid.SESSION_ENDED),
    ("offline without a session", GRANT._replace(session=None, offline=True), None),
    ("nearly idle", seen(IDLE - MOMENT), None),
    ("idle", seen(IDLE), Invalid.SESSION_ENDED),
    ("idle, offline", seen(IDLE)._replace(offline=True), None),
    ("idle while staying signed in", seen(IDLE, STAYING), None),
    ("too idle while staying signed in", seen(STAY_IDLE, STAYING), Invalid.SESSION_ENDED),
    ("nearly too long", authenticated(ABSOLUTE - MOMENT), None),
    ("too long", authenticated(ABSOLUTE), Invalid.SESSION_ENDED),
    ("long while staying", authenticated(ABSOLUTE, STAYING), None),
    ("too long while staying", authenticated(STAY_ABSOLUTE, STAYING), Invalid.SESSION_ENDED),
    ("user disabled", GRANT._replace(user_is_active=False), Invalid.USER_DISABLED),
    (
        "user disabled, offline",
        GRANT._replace(user_is_active=False, offline=True),
        Invalid.USER_DISABLED,
    ),
]
TOKENS: list[tuple[str, TokenFacts, Invalid | None]] = [
    ("a token", TOKEN, None),
    ("expired", TOKEN._replace(expires=NOW), Invalid.EXPIRED),
    ("used", TOKEN._replace(used_at=NOW - MOMENT), Invalid.REVOKED),
    ("of a disabled client", TOKEN._replace(client_is_enabled=False), Invalid.CLIENT_DISABLED),
    ("without a subject", TOKEN._replace(has_subject=False), Invalid.SUBJECT_CHANGED),
    ("of a client for itself", TOKEN._replace(grant=None), None),
    (
        "of a disabled client for itself",
        TOKEN._replace(grant=None, client_is_enabled=False),
        Invalid.CLIENT_DISABLED,
    ),
]


@pytest.mark.parametrize(
    ("grant", "reason"), [it[1:] for it in GRANTS], ids=[it[0] for it in GRANTS]
)
def test_grants_and_their_tokens(grant: GrantFacts, reason: Invalid | None) -> None:
    assert why_invalid(TOKEN._replace(grant=grant), NOW) == reason


@pytest.mark.parametrize(
    ("token", "reason"), [it[1:] for it in TOKENS], ids=[it[0] for it in TOKENS]
)
def test_tokens(token: TokenFacts, reason: Invalid | None) -> None:
    assert why_invalid(token, NOW) == reason
