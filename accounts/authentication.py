"""Who is signed in at this browser, since when and how: the one question `idp` asks of accounts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from accounts.models import User
from accounts.sessions import session_of

#: What an authentication of one factor is called in `acr` (OIDC Core §2).
ACR_SINGLE_FACTOR = "urn:signet:acr:single-factor"
ACR_VALUES = (ACR_SINGLE_FACTOR,)

#: allauth's name of a method → its authentication method reference (RFC 8176 §2).
_AMR = {"password": "pwd", "password_reset": "otp", "code": "otp"}


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
    if session is None:
        return None
    return Authentication(
        user=session.user,
        session_id=session.pk,
        authenticated_at=session.authenticated_at,
        amr=authentication_methods(session.methods),
        acr=ACR_SINGLE_FACTOR,
    )


def authentication_methods(records: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the `amr` values of allauth's records, each once, in alphabetical order."""
    return tuple(sorted({_AMR[record["method"]] for record in records if record["method"] in _AMR}))
