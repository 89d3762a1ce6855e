"""`signet whoami`: who is signed in, as the issuer says now."""

import json
from argparse import Namespace
from typing import Any

from signet_client import current, logins, web
from signet_client.choosing import issuer_of_login
from signet_client.issuers import discover
from signet_client.login import name_of
from signet_client.logins import Login
from signet_client.problems import NotSignedInError, Problem, printable

_REFUSED = (401, 403)
#: Seconds that the token has to last: it is used at once.
_MOMENT = 10


def run(options: Namespace) -> int:
    """Ask UserInfo, and print what it says."""
    issuer = issuer_of_login(options.issuer)
    token = current.access_token(issuer, "", (), _MOMENT)
    login = logins.load(issuer)
    claims = _claims(login, token.value)
    if options.format == "json":
        print(json.dumps({"iss": issuer, **claims}))
        return 0
    stored = "sealed, with its key in the keyring" if login.storage == logins.KEYRING else "a file"
    lines = {
        "issuer": issuer,
        "subject": claims.get("sub", ""),
        "app": login.client_id,
        "scopes": token.scope or login.scope,
        "tokens": stored,
    }
    print(name_of(claims))
    for name, value in lines.items():
        print(f"  {name:8}{printable(value)}")
    return 0


def _claims(login: Login, token: str) -> dict[str, Any]:
    """Return what UserInfo says; where the token is for APIs alone, what the sign-in said.

    OIDC Core §5.3.
    """
    issuer = login.issuer
    if login.resources or "openid" not in login.scope.split():
        return login.claims
    response = web.get(discover(issuer).endpoint("userinfo_endpoint"), token)
    if response.status in _REFUSED:
        raise NotSignedInError(f"Your login at {issuer} has ended. Run: signet login {issuer}")
    if not response.is_success:
        raise Problem(f"{issuer} did not say who you are ({response.status}).")
    claims = response.object()
    if claims.get("sub") != login.claims.get("sub"):  # OIDC Core §5.3.2
        raise Problem(f"{issuer} answered about another user.")
    return claims
