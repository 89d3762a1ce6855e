"""Sign in with a browser of this machine: authorization code, PKCE, loopback. RFC 8252 §4.1."""

import hashlib
import secrets
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlencode

from signet_client import web
from signet_client.issuers import Issuer
from signet_client.loopback import REGISTERED, Loopback
from signet_client.problems import Problem, refusal
from signet_client.token_endpoint import request_tokens
from signet_client.tokens import Tokens


@dataclass(frozen=True)
class Wish:
    """What a login asks for."""

    client_id: str
    scope: str
    resources: Sequence[str]

    @property
    def form(self) -> list[tuple[str, str]]:
        """Return it as parameters. RFC 6749 §4.1.1, RFC 8707 §2.1."""
        resources = [("resource", each) for each in self.resources]
        return [("client_id", self.client_id), ("scope", self.scope), *resources]


def sign_in(
    issuer: Issuer, wish: Wish, tell: Callable[[str], None], *, open_browser: bool
) -> tuple[Tokens, dict[str, Any]]:
    """Let the user sign in; return tokens, and the claims of the ID token.

    Raises Problem, UnreachableError.
    """
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    with Loopback(state) as loopback:
        redirect_uri = loopback.redirect_uri
        address = _address(issuer, wish, redirect_uri, state, nonce, verifier)
        if open_browser:
            tell(f"Sign in with your browser. If none opens, go to:\n\n  {address}\n")
            # A browser in the terminal ends only when its user leaves it.
            Thread(target=_open, args=(address,), daemon=True).start()
        else:
            tell(f"Sign in with a browser of this machine, at:\n\n  {address}\n")
        code = _code(issuer, loopback.answer())
    form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)]
    form += [("client_id", wish.client_id), ("code_verifier", verifier)]
    tokens = request_tokens(issuer, form)
    return tokens, _claims(issuer, wish, tokens, nonce)


def _open(address: str) -> None:
    with suppress(webbrowser.Error):  # the address is on the screen
        webbrowser.open(address)


def _address(
    issuer: Issuer, wish: Wish, redirect_uri: str, state: str, nonce: str, verifier: str
) -> str:
    """Return the address of the authorization request. OIDC Core §3.1.2.1, RFC 7636 §4.3."""
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    parameters = [
        *wish.form,
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("state", state),
        ("nonce", nonce),
        ("code_challenge", challenge.decode()),
        ("code_challenge_method", "S256"),
    ]
    return _with(issuer.endpoint("authorization_endpoint"), parameters)


def _with(endpoint: str, parameters: list[tuple[str, str]]) -> str:
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"


def _code(issuer: Issuer, came: dict[str, str]) -> str:
    """Return the code of an authorization response. Raises Problem for an error, or a mix-up.

    RFC 9207 §2.4: the answer has to be of the issuer that was asked, errors, too.
    """
    said = came.get("iss")
    promised = issuer.offers("authorization_response_iss_parameter_supported")
    if said != issuer.identifier and (said is not None or promised):
        raise Problem(
            f"The answer is not from {issuer.identifier}, where the sign-in began. "
            "Somebody may have mixed up two sign-ins; nothing was sent anywhere."
        )
    if "error" in came:
        raise Problem(refusal(issuer.identifier, came["error"], came.get("error_description")))
    if not came.get("code"):
        raise Problem("The issuer’s answer has no code.")
    return came["code"]


def _claims(issuer: Issuer, wish: Wish, tokens: Tokens, nonce: str) -> dict[str, Any]:
    if tokens.id_token is None:
        if "openid" in wish.scope.split():
            raise Problem("The issuer gave no ID token, although the scope has openid.")
        return {}
    from signet_client.id_tokens import verified_claims  # which takes a while to load

    access = tokens.access_token.value
    return verified_claims(
        issuer, tokens.id_token, wish.client_id, nonce=nonce, access_token=access
    )


def is_known(issuer: Issuer, client_id: str) -> bool:
    """Whether the issuer would send an answer to our redirect URI: it knows the client and that.

    Else the browser would show an error and we would wait for nothing. The question is an
    authorization request that may show no page: without cookies it comes back with an error.
    """
    asked = [
        *Wish(client_id, "openid", ()).form,
        ("response_type", "code"),
        ("redirect_uri", REGISTERED),
        ("prompt", "none"),
        ("code_challenge", secrets.token_urlsafe(32)),
        ("code_challenge_method", "S256"),
    ]
    address = _with(issuer.endpoint("authorization_endpoint"), asked)
    return web.get(address).status not in {400, 401, 403, 404}
