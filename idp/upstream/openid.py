"""The authorization code flow as its relying party: send the user there, judge what comes back.

OIDC Core §3.1, RFC 7636, RFC 9207, RFC 9700 §2.1.
"""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.upstream import journeys
from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked, Journey
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import CancelledError, StaleError, UpstreamRefusedError
from idp.jose.signatures import base64url
from idp.protocol.errors import InvalidRequest, printable
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.upstream import discovery, id_token, token_request

SCOPES = "openid email profile"
#: Kinds that refuse `prompt=login`: their users are asked for an account instead.
_WITHOUT_PROMPT_LOGIN = frozenset({"google"})
#: What the upstream's own page is about, and no failure of it. OIDC Core §3.1.2.6.
_BY_USER = frozenset(
    {
        *("access_denied", "login_required", "interaction_required", "consent_required"),
        *("account_selection_required", "unmet_authentication_requirements"),
    }
)
#: Characters of an ID token that is kept: it goes back in an address when the user signs out.
_LONGEST_HINT = 6000
Claims = dict[str, Any]


def callback_address(upstream: Upstream) -> str:
    """Return the redirect URI, one for each upstream (RFC 9700 §4.4.2.2)."""
    return settings.IDP_ORIGIN + reverse("account_upstream_callback", args=[upstream.slug])


def begin(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Redirect the browser to the upstream. Raises UnreachableError."""
    found = discovery.of(upstream)
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    state = journeys.begin(request, upstream, asked, nonce=nonce, code_verifier=verifier)
    parameters = {
        "response_type": "code",
        "client_id": upstream.client_id,
        "redirect_uri": callback_address(upstream),
        "scope": _scopes(upstream),
        "state": state,
        "nonce": nonce,
        "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "login_hint": asked.login_hint,
        **asked.parameters,
    }
    if upstream.kind in _WITHOUT_PROMPT_LOGIN and parameters.get("prompt") == "login":
        parameters["prompt"] = "select_account"
    return redirect(with_query(found.authorization_endpoint, parameters))


def returned(request: HttpRequest, upstream: Upstream) -> tuple[Parameters, Journey]:
    """Return what an upstream's answer says, and the sign-in of this browser that it belongs to.

    The sign-in is used up. Raises StaleError, UpstreamRefusedError.
    """
    try:
        parameters = Parameters.parse(request.META.get("QUERY_STRING", ""))
    except InvalidRequest as problem:
        raise StaleError(problem.description) from None
    state = parameters.get("state")
    if not state:
        raise StaleError("The answer has no state.")
    journey = journeys.take(request, upstream, state)
    try:
        parameters.refuse_repeats()
    except InvalidRequest as problem:
        raise UpstreamRefusedError(problem.description) from None
    return parameters, journey


def identity(upstream: Upstream, parameters: Parameters, journey: Journey) -> Identity:
    """Judge an upstream's answer, redeem its code, and return who it is.

    Raises UpstreamRefusedError.
    """
    found, noted = discovery.of(upstream), journey.noted
    _is_from(found, parameters)
    code = _code(parameters)
    address = callback_address(upstream)
    tokens = token_request.redeem(upstream, found, code, noted["code_verifier"], address)
    now = timezone.now()
    claims = id_token.judged(upstream, found, tokens, noted["nonce"], now)
    began = datetime.fromtimestamp(journey.began_at, UTC)
    at = id_token.authenticated_at(claims, _max_age(journey), began, now)
    if "email" not in claims and found.userinfo_endpoint:
        claims = _with_user_info(upstream, found, tokens, claims)
    return _identity(upstream, claims, at, tokens["id_token"])


@upholds("RFC 9207 §2.4")
def _is_from(found: discovery.Discovered, parameters: Parameters) -> None:
    """RFC 9207 §2.4: an answer that names another issuer is a mix-up."""
    said = parameters.get("iss")
    if said is None and found.names_issuer:
        raise UpstreamRefusedError("The answer does not name its issuer (iss).")
    if said not in (None, found.issuer):
        raise UpstreamRefusedError("The answer is that of another issuer (iss).")


def _code(parameters: Parameters) -> str:
    error = parameters.get("error")
    if error in _BY_USER:
        raise CancelledError(f"The upstream answered with {error}.")
    if error is not None:
        raise UpstreamRefusedError(f"The upstream answered with {printable(error)[:100]!r}.")
    code = parameters.get("code")
    if not code:
        raise UpstreamRefusedError("The answer has no code.")
    return code


def _max_age(journey: Journey) -> int | None:
    asked = journey.asked.parameters.get("max_age")
    return int(asked) if asked is not None else None


@upholds("OIDC Core §5.3.2")
def _with_user_info(
    upstream: Upstream, found: discovery.Discovered, tokens: Claims, claims: Claims
) -> Claims:
    """Add what UserInfo says; what is signed counts more. OIDC Core §5.3.2: of the same user."""
    said = token_request.user_info(upstream, found, tokens.get("access_token"))
    if said.get("sub") != claims["sub"]:
        raise UpstreamRefusedError("UserInfo is about another user (sub).")
    return {**said, **claims}


def _identity(
    upstream: Upstream, claims: Claims, authenticated_at: datetime | None, jwt: str
) -> Identity:
    amr = claims.get("amr")
    try:
        return Identity(
            upstream=upstream,
            subject=claims["sub"],
            claims=claims,
            amr=tuple(filter(_is_text, amr)) if isinstance(amr, list) else (),
            acr=claims["acr"] if _is_text(claims.get("acr")) else "",
            authenticated_at=authenticated_at,
            session_id=claims["sid"] if _is_text(claims.get("sid")) else "",
            id_token=jwt if len(jwt) <= _LONGEST_HINT else "",
        )
    except ValueError as problem:
        raise UpstreamRefusedError(str(problem)) from None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 255


def _scopes(upstream: Upstream) -> str:
    scopes = (upstream.scopes or SCOPES).split()
    return " ".join(scopes if "openid" in scopes else ["openid", *scopes])


def with_query(address: str, parameters: dict[str, str]) -> str:
    """Return an address with these parameters after its own, but for empty ones."""
    parts = urlsplit(address)
    own = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([*own, *((name, value) for name, value in parameters.items() if value)])
    return urlunsplit(parts._replace(query=query, fragment=""))
