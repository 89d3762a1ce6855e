"""Token requests and their answers. RFC 6749 §5."""

import time
from collections.abc import Sequence
from typing import Any

from signet_client import web
from signet_client.issuers import Issuer
from signet_client.problems import Problem, RefusedError, printable
from signet_client.tokens import AccessToken, Tokens

#: Seconds that an access token is believed to live if the issuer does not say. RFC 6749 §5.1.
_UNSAID_LIFETIME = 300


def request_tokens(
    issuer: Issuer, form: Sequence[tuple[str, str]], basic: tuple[str, str] | None = None
) -> Tokens:
    """Ask the token endpoint. Raises RefusedError, Problem and UnreachableError."""
    asked_at = time.time()
    response = web.post(issuer.endpoint("token_endpoint"), form, basic)
    members = response.object()
    if not response.is_success:
        raise refused(issuer, members)
    return _read(members, asked_at, dict(form).get("scope", ""))


def refused(issuer: Issuer, members: dict[str, Any]) -> RefusedError:
    """Return the error that an endpoint answered with. RFC 6749 §5.2."""
    description = members.get("error_description")
    said = description if isinstance(description, str) else None
    return RefusedError(issuer.identifier, str(members.get("error", "no reason given")), said)


def _read(members: dict[str, Any], asked_at: float, asked_scope: str) -> Tokens:
    token, kind = members.get("access_token"), members.get("token_type")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise Problem("The issuer’s answer has no access token.")
    if str(kind).lower() != "bearer":
        raise Problem(f"The issuer gave an access token of another kind: {printable(kind)}.")
    lifetime = members.get("expires_in", _UNSAID_LIFETIME)
    seconds = float(lifetime) if str(lifetime).isdecimal() else _UNSAID_LIFETIME
    access = AccessToken(token, asked_at + seconds, str(members.get("scope", asked_scope)))
    return Tokens(access, _text(members, "refresh_token"), _text(members, "id_token"))


def _text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    return value if isinstance(value, str) and value else None
