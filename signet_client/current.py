"""Tokens of a login that are valid now: the stored ones, or new ones by the refresh token.

RFC 6749 §6, RFC 9700 §4.14: refresh tokens work once, so that a lock lets one process refresh.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from signet_client import logins
from signet_client.logins import Login, purpose
from signet_client.problems import Problem
from signet_client.tokens import AccessToken, Tokens, expiry_of, lasts

_Token = TypeVar("_Token")


def access_token(issuer: str, scope: str, resources: Sequence[str], seconds: float) -> AccessToken:
    """Return an access token that lasts for so many seconds, or as long as the issuer lets it.

    `scope` and `resources` narrow it; empty: all that the user agreed to. Raises
    NotSignedInError, UnreachableError, Problem.
    """
    what = purpose(scope, resources)

    def held(login: Login) -> AccessToken | None:
        token = login.access_tokens.get(what)
        return token if token is not None and lasts(token.expires_at, seconds) else None

    def refreshed(login: Login) -> AccessToken:
        return _refresh(login, scope, resources).access_token

    return _valid(issuer, held, refreshed)


def id_token(issuer: str, seconds: float) -> str:
    """Return an ID token that lasts for so many seconds, or as long as the issuer lets it.

    Raises NotSignedInError, UnreachableError, Problem.
    """

    def held(login: Login) -> str | None:
        token = login.id_token
        return token if token is not None and lasts(expiry_of(token), seconds) else None

    def refreshed(login: Login) -> str:
        token = _refresh(login, "", ()).id_token
        if token is None:
            raise Problem(f"{issuer} gives no new ID token. Run: signet login {issuer}")
        return token

    return _valid(issuer, held, refreshed)


def _valid(
    issuer: str, held: Callable[[Login], _Token | None], refreshed: Callable[[Login], _Token]
) -> _Token:
    """Return the stored token if it is held, else a new one, which one process fetches."""
    found = held(logins.load(issuer))
    if found is not None:
        return found
    with logins.lock(issuer):
        login = logins.load(issuer)  # another process may have changed it meanwhile
        found = held(login)
        return found if found is not None else refreshed(login)


def _refresh(login: Login, scope: str, resources: Sequence[str]) -> Tokens:
    """Refresh; what that takes is loaded only where it is needed."""
    from signet_client.refreshing import refresh

    return refresh(login, scope, resources)
