"""Who is signed in at this browser, since when and how: all that `idp` reads of accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.allauth_door import sign_ins
from accounts.levels import (
    LEVELS,
    MULTI_FACTOR,
    PHISHING_RESISTANT,
    SINGLE_FACTOR,
    highest,
    reaches,
)
from accounts.models import Session, User
from accounts.sessions import session_of

#: allauth's name of a method → its authentication method references (RFC 8176 §2). Its `mfa` is a
#: code of an authenticator app or a recovery code, but of the type below it is a passkey.
_SECOND, _PASSKEY = "mfa", "webauthn"
_AMR = {"password": "pwd", "password_reset": "otp", "code": "otp", _SECOND: "otp"}
#: A key was used and a user was present. Where it is stored is unknown, so neither hwk nor swk.
_AMR_OF_PASSKEY = ("pop", "user")


@dataclass(frozen=True)
class Authentication:
    """A user's authentication in one browser session."""

    user: User
    session_id: str
    authenticated_at: datetime
    amr: tuple[str, ...]
    acr: str


def authentication_of(request: HttpRequest) -> Authentication | None:
    """Return how this browser's user is signed in, or None.

    Reports the authentication that was done, not the one that was requested.
    """
    session = session_of(request)
    return None if session is None else authentication_in(session)


def authentication_in(session: Session) -> Authentication:
    """Return how the user of a session, which has its user loaded, is signed in."""
    return Authentication(
        user=session.user,
        session_id=session.pk,
        authenticated_at=session.authenticated_at,
        amr=authentication_methods(session.methods),
        acr=authentication_level(session.methods),
    )


def authentication_methods(records: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the `amr` values of allauth's records, each once, in alphabetical order."""
    values: set[str] = set()
    for record in records:
        if _is_passkey(record):
            values.update(_AMR_OF_PASSKEY)
        elif record["method"] in _AMR:
            values.add(_AMR[record["method"]])
    if reaches(authentication_level(records), MULTI_FACTOR):
        values.add("mfa")
    return tuple(sorted(values))


def authentication_level(records: list[dict[str, Any]]) -> str:
    """Return the level of an authentication, one of `accounts.levels`.

    A passkey counts as two factors: `accounts.passkeys` requires user verification.
    """
    if any(map(_is_passkey, records)):
        return PHISHING_RESISTANT
    methods = {record["method"] for record in records}
    here = MULTI_FACTOR if _SECOND in methods and len(methods) > 1 else SINGLE_FACTOR
    return highest([here, *(record["level"] for record in records if _has_level(record))])


def method_in_words(records: list[dict[str, Any]]) -> str:
    """Return how a user authenticated, in words that follow “signed in”."""
    methods = {record["method"] for record in records}
    if any(map(_is_passkey, records)):
        return _("with a password and a passkey") if "password" in methods else _("with a passkey")
    if sign_ins.UPSTREAM in methods:
        return _("at an identity provider")
    if "password" in methods and _SECOND in methods:
        return _("with a password and a code")
    return _("with a password") if "password" in methods else _("with a mailed code")


def has_second_factor(request: HttpRequest) -> bool:
    """Whether this browser's user signed in with two different factors."""
    session = session_of(request)
    return session is not None and reaches(authentication_level(session.methods), MULTI_FACTOR)


def signed_in_recently(request: HttpRequest) -> bool:
    """Whether this browser's user signed in within the last minutes, as in settings."""
    session = session_of(request)
    lately = timezone.now() - timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    return session is not None and session.authenticated_at > lately


def _is_passkey(record: dict[str, Any]) -> bool:
    return bool(record["method"] == _SECOND and record.get("type") == _PASSKEY)


def _has_level(record: dict[str, Any]) -> bool:
    """Whether it is of an upstream, with the level that an operator declared for its word."""
    return record["method"] == sign_ins.UPSTREAM and record.get("level") in LEVELS
