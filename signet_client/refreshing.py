"""Refreshing: the refresh token works once, and its successor is stored before all else.

RFC 6749 §6, OIDC Core §12, RFC 9700 §4.14.
"""

from collections.abc import Sequence

from signet_client import logins
from signet_client.issuers import discover
from signet_client.logins import Login, purpose
from signet_client.problems import NotSignedInError, Problem, RefusedError
from signet_client.token_endpoint import request_tokens
from signet_client.tokens import Tokens


def refresh(login: Login, scope: str, resources: Sequence[str]) -> Tokens:
    """Use the refresh token of a login under its lock, store what it gives, and return that.

    Raises NotSignedInError, UnreachableError, Problem.
    """
    if login.refresh_token is None:
        raise _ended(login, "It has expired, and the issuer gave no refresh token")
    issuer = discover(login.issuer)
    form = [("grant_type", "refresh_token"), ("refresh_token", login.refresh_token)]
    form += [("client_id", login.client_id), *([("scope", scope)] if scope else [])]
    form += [("resource", each) for each in resources]
    try:
        tokens = request_tokens(issuer, form)
    except RefusedError as refusal:
        if refusal.error in {"invalid_scope", "invalid_target"}:
            raise Problem(
                f"{refusal} Sign in with what you need: signet login {login.issuer} "
                "--scope SCOPES, or --resource URL for an API without scopes."
            ) from refusal
        if refusal.error != "invalid_grant":
            raise
        login.refresh_token, login.id_token, login.access_tokens = None, None, {}
        logins.save(login)
        raise _ended(login, str(refusal).rstrip(".")) from refusal
    login.refresh_token = tokens.refresh_token or login.refresh_token
    login.access_tokens[purpose(scope, resources)] = tokens.access_token
    logins.save(login)
    if tokens.id_token is not None:
        from signet_client.id_tokens import verified_claims  # which takes a while to load

        access = tokens.access_token.value
        claims = verified_claims(issuer, tokens.id_token, login.client_id, access_token=access)
        _is_same_user(login, claims["sub"])
        login.id_token, login.claims = tokens.id_token, claims
        logins.save(login)
    return tokens


def _is_same_user(login: Login, subject: str) -> None:
    """OIDC Core §12.2: a refresh is about the user who signed in."""
    if login.claims.get("sub", subject) != subject:
        raise Problem("The issuer’s ID token was not accepted: it is another user’s.")


def _ended(login: Login, why: str) -> NotSignedInError:
    issuer = login.issuer
    return NotSignedInError(f"Your login at {issuer} has ended. {why}. Run: signet login {issuer}")
