"""Redeem an upstream's code for tokens, and ask who the user is. OIDC Core §3.1.3, §5.3."""

import hashlib
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus, urlencode

from django.core.cache import cache

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError, UpstreamRefusedError
from idp import fetching, keys, outbound, policy
from idp.outbound import Answer, Bounds
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest, TemporarilyUnavailable, printable
from idp.upstream.discovery import Discovered, party_of

ClientAuth = Upstream.ClientAuth
_JSON = ("application/json",)
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds for which our assertion may be used.
_LIVES = 60
#: Seconds for which we know which audience an upstream takes.
_NOTED_FOR = 24 * 3600
#: RFC 6750 §2.1: nothing else may be in a header of ours.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def redeem(
    upstream: Upstream,
    found: Discovered,
    code: str,
    code_verifier: str,
    redirect_uri: str,
    secret: str | None = None,
) -> dict[str, Any]:
    """Return the token response for a code. Raises UpstreamRefusedError. RFC 6749 §4.1.3.

    `secret` is sent in the form by kinds that know one way to authenticate only. Others do as the
    operator has chosen (`Upstream.client_auth`).
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": code_verifier,
    }
    response: dict[str, Any] = {}
    for audience in _audiences(upstream, found) if secret is None else [""]:
        proof, authorization = (
            _proof(upstream, found, audience)
            if secret is None
            else (_in_form(upstream.client_id, secret), "")
        )
        answer = _sent(upstream, found, {**form, **proof}, authorization)
        response = _object(answer, "The token response")
        if answer.status == 200 and "error" not in response:  # GitHub answers errors with 200.
            _note(upstream, audience)
            return response
        if response.get("error") != "invalid_client":
            break
    error = printable(str(response.get("error", "")))[:100]
    raise UpstreamRefusedError(f"The token endpoint answered with the error {error!r}.")


def _sent(
    upstream: Upstream, found: Discovered, form: dict[str, str], authorization: str
) -> Answer:
    body = urlencode(form)

    def send(bounds: Bounds) -> Answer:
        return outbound.ask_by_form(
            found.token_endpoint, body, _JSON, bounds, authorization=authorization
        )

    return _asked(found.token_endpoint, upstream, send)


def _audiences(upstream: Upstream, found: Discovered) -> list[str]:
    """Return whom our assertion is for, the likeliest first; one, of no meaning, without any.

    Some take the issuer alone, as RFC 7523bis §4 wants it, some the very address that it is sent to
    (OIDC Core §9). What was taken last is tried first.
    """
    if upstream.client_auth != ClientAuth.PRIVATE_KEY:
        return [""]
    taken = cache.get(_key(upstream), "")
    return sorted((found.issuer, found.token_endpoint), key=lambda audience: audience != taken)


def _note(upstream: Upstream, audience: str) -> None:
    if audience and cache.get(_key(upstream)) != audience:
        cache.set(_key(upstream), audience, _NOTED_FOR)


def _key(upstream: Upstream) -> str:
    return f"upstream-audience:{hashlib.sha256(upstream.issuer.encode()).hexdigest()}"


def user_info(upstream: Upstream, found: Discovered, access_token: Any) -> dict[str, Any]:
    """Return the claims of UserInfo. Raises UpstreamRefusedError. OIDC Core §5.3."""
    answer = _with_token(upstream, found.userinfo_endpoint, access_token)
    return _object(answer, "What UserInfo says")


def listed(upstream: Upstream, address: str, access_token: Any) -> list[Any]:
    """Return the JSON array that an address answers a token with. Raises UpstreamRefusedError."""
    answer = _with_token(upstream, address, access_token)
    try:
        return json_objects.parse_list(answer.body.decode(), "The answer")
    except (InvalidRequest, UnicodeDecodeError):
        raise UpstreamRefusedError(f"What {address} answers is not a JSON array.") from None


def _with_token(upstream: Upstream, address: str, access_token: Any) -> Answer:
    if not isinstance(access_token, str) or _BEARER.fullmatch(access_token) is None:
        raise UpstreamRefusedError("The token response has no usable access token.")

    def send(bounds: Bounds) -> Answer:
        return outbound.ask(address, _JSON, bounds, bearer=access_token)

    return _asked(address, upstream, send)


def _asked(url: str, upstream: Upstream, send: Callable[[Bounds], Answer]) -> Answer:
    try:
        return fetching.talk(url, party_of(upstream, "tokens"), send)
    except outbound.UnwantedAnswerError as problem:
        raise UpstreamRefusedError(str(problem)) from None
    except (outbound.OutboundError, TemporarilyUnavailable) as problem:
        raise UnreachableError(str(problem)) from None


def _object(answer: Answer, name: str) -> dict[str, Any]:
    try:
        return json_objects.parse(answer.body.decode(), name)
    except (InvalidRequest, UnicodeDecodeError):
        raise UpstreamRefusedError(f"{name} is not a JSON object.") from None


def _proof(upstream: Upstream, found: Discovered, audience: str) -> tuple[dict[str, str], str]:
    """Return the parameters and the header by which we prove to be the client. OIDC Core §9."""
    client_id = upstream.client_id
    match upstream.client_auth:
        case ClientAuth.NONE:
            return {"client_id": client_id}, ""
        case ClientAuth.PRIVATE_KEY:
            assertion = _assertion(client_id, found, audience)
            return {
                "client_id": client_id,
                "client_assertion_type": _ASSERTION,
                "client_assertion": assertion,
            }, ""
    in_form = _in_form(client_id, upstream.secret)
    if upstream.client_auth == ClientAuth.POST:
        return in_form, ""
    # RFC 6749 §2.3.1: both are encoded as in a form first.
    pair = f"{quote_plus(client_id)}:{quote_plus(upstream.secret)}"
    return {}, f"Basic {b64encode(pair.encode()).decode()}"


def _in_form(client_id: str, secret: str) -> dict[str, str]:
    if not secret:
        raise UpstreamRefusedError("There is no client secret for this upstream, or it is locked.")
    return {"client_id": client_id, "client_secret": secret}


def _assertion(client_id: str, found: Discovered, audience: str) -> str:
    """Return a JWT that our key signs, for one audience alone. RFC 7523 §3."""
    offered = found.assertion_algorithms or policy.SIGNING_ALGORITHMS
    fitting = [name for name in policy.SIGNING_ALGORITHMS if name in offered]
    if not fitting:
        raise UpstreamRefusedError("The upstream takes no algorithm that we sign with.")
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(24),
        "iat": now,
        "exp": now + _LIVES,
    }
    return keys.active_signer(fitting[0]).sign(claims)
