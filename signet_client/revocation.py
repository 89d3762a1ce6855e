"""Telling an issuer that a login is over. RFC 7009."""

from contextlib import suppress

from signet_client import registration, web
from signet_client.issuers import Issuer
from signet_client.logins import Login
from signet_client.problems import Problem, UnreachableError


def revoke(issuer: Issuer, login: Login) -> None:
    """Revoke what a login has. Raises Problem, UnreachableError.

    The refresh token is enough: its access tokens end with it (RFC 7009 §2.1). A client that
    registered itself for the login is deleted.
    """
    tokens = [(token.value, "access_token") for token in login.access_tokens.values()]
    if login.refresh_token is not None:
        tokens = [(login.refresh_token, "refresh_token"), *tokens]
    endpoint = issuer.endpoint("revocation_endpoint")
    for token, hint in tokens:
        form = [("token", token), ("token_type_hint", hint), ("client_id", login.client_id)]
        response = web.post(endpoint, form)
        if not response.is_success:
            raise Problem(f"{issuer.identifier} did not revoke a token ({response.status}).")
    if login.registration is not None:
        registration.unregister(login.registration)


def revoke_quietly(issuer: Issuer, login: Login) -> None:
    """Revoke what an earlier login has, which the user no longer has a use for."""
    with suppress(Problem, UnreachableError):
        revoke(issuer, login)
