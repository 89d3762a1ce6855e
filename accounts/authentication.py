"""Who is signed in at this browser, since when and how: the one question `idp` asks of accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import session_of

#: What an authentication is called in `acr`, by how many different factors it had (OIDC Core §2).
ACR_SINGLE_FACTOR = "urn:signet:acr:single-factor"
ACR_MULTI_FACTOR = "urn:signet:acr:multi-factor"
ACR_VALUES = (ACR_SINGLE_FACTOR, ACR_MULTI_FACTOR)

#: allauth's name of a method → its authentication method reference (RFC 8176 §2). Its `mfa` is a
#: code of an authenticator app, or a recovery code.
_SECOND = "mfa"
_AMR = {"password": "pwd", "password_reset": "otp", "code": "otp", _SECOND: "otp"}


@dataclass(frozen=True)
class Authentication:
    """A person's authentication in one browser session."""

    user: User
    session_id: str
    authenticated_at: datetime
    amr: tuple[str, ...]
    acr: str


def authentication_of(http: HttpRequest) -> Authentication | None:
    """Return how the person at this browser is signed in, or None.

    What is reported is what was done, never what somebody asked for.
    """
    session = session_of(http)
    return None if session is None else authentication_in(session)


def authentication_in(session: Session) -> Authentication:
    """Return how the person of a session, which has its user, is signed in."""
    return Authentication(
        user=session.user,
        session_id=session.pk,
        authenticated_at=session.authenticated_at,
        amr=authentication_methods(session.methods),
        acr=ACR_MULTI_FACTOR if _two_factors(session.methods) else ACR_SINGLE_FACTOR,
    )


def authentication_methods(records: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the `amr` values of allauth's records, each once, in alphabetical order."""
    values = {_AMR[record["method"]] for record in records if record["method"] in _AMR}
    return tuple(sorted(values | {"mfa"} if _two_factors(records) else values))


def has_second_factor(http: HttpRequest) -> bool:
    """Whether the person at this browser signed in with two different factors."""
    session = session_of(http)
    return session is not None and _two_factors(session.methods)


def signed_in_recently(http: HttpRequest) -> bool:
    """Whether the person at this browser signed in within the last minutes, as settings say."""
    session = session_of(http)
    lately = timezone.now() - timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    return session is not None and session.authenticated_at > lately


def _two_factors(records: list[dict[str, Any]]) -> bool:
    """Whether the second factor was used, and something else before it."""
    methods = {record["method"] for record in records}
    return _SECOND in methods and len(methods) > 1
