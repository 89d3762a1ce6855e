"""The authorization code flow as its relying party: send the user there, judge what comes back.

OIDC Core §3.1, RFC 7636, RFC 9207, RFC 9700 §2.1. `github` and `apple` differ in a few steps.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.upstream import answers, journeys
from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked, Journey
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import (
    CancelledError,
    NoNewSignInError,
    StaleError,
    UpstreamRefusedError,
)
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
        "user_cancelled_authorize",  # Apple's word for access_denied
    }
)
#: What an answer by a form may say, and characters that it may have.
_BY_FORM = ("code", "state", "error", "iss", "user")
_LONGEST_FORM = 8000
#: Characters of an ID token that is kept: it goes back in an address when the user signs out.
_LONGEST_HINT = 6000
Claims = dict[str, Any]


def callback_address(upstream: Upstream) -> str:
    """Return the redirect URI, one for each upstream (RFC 9700 §4.4.2.2)."""
    return settings.IDP_ORIGIN + reverse("account_upstream_callback", args=[upstream.slug])


def begin(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Redirect the browser to the upstream. Raises UnreachableError."""
    found = discovery.of(upstream)
    parameters = {"login_hint": asked.login_hint, **asked.parameters}
    if upstream.kind in _WITHOUT_PROMPT_LOGIN and parameters.get("prompt") == "login":
        parameters["prompt"] = "select_account"
    scopes = with_openid(upstream.scopes or SCOPES)
    return send(request, upstream, asked, found, scope=scopes, nonce=new_nonce(), **parameters)


def new_nonce() -> str:
    """Return what binds an ID token to a sign-in. OIDC Core §15.5.2."""
    return secrets.token_urlsafe(32)


@upholds("RFC 7636 §4.3")
def send(
    request: HttpRequest,
    upstream: Upstream,
    asked: Asked,
    found: discovery.Discovered,
    *,
    nonce: str = "",
    **parameters: str,
) -> HttpResponse:
    """Redirect the browser to an authorization endpoint, with state, PKCE and these parameters."""
    verifier = secrets.token_urlsafe(48)
    state = journeys.begin(request, upstream, asked, nonce=nonce, code_verifier=verifier)
    sent = {
        "response_type": "code",
        "client_id": upstream.client_id,
        "redirect_uri": callback_address(upstream),
        "state": state,
        "nonce": nonce,
        "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
        **parameters,
    }
    return redirect(with_query(found.authorization_endpoint, sent))


def refuse_new_sign_in(asked: Asked) -> None:
    """Raise NoNewSignInError where one is wanted, for a kind that cannot ask for it."""
    if asked.wants_new_sign_in:
        raise NoNewSignInError("The upstream cannot be asked for a new sign-in.")


def kept(request: HttpRequest, upstream: Upstream) -> str:
    """Keep an answer that came by a form, and return the ticket that its browser takes it up with.

    Nothing of it is believed yet. OAuth 2.0 Form Post Response Mode §2. Raises StaleError.
    """
    said = {name: request.POST.getlist(name) for name in _BY_FORM if name in request.POST}
    if any(len(values) > 1 for values in said.values()):
        raise StaleError("A parameter of the form came more than once.")
    answer = {name: values[0] for name, values in said.items() if values[0]}
    if "state" not in answer or sum(map(len, answer.values())) > _LONGEST_FORM:
        raise StaleError("The form has no state, or is too long.")
    message_id = f"{answer['state']} {answer.get('code', '')}"
    return answers.keep(upstream, message_id, answer, timezone.now())


def returned(
    request: HttpRequest, upstream: Upstream, *, by_form: bool = False
) -> tuple[Mapping[str, str], Journey]:
    """Return what an upstream's answer says, and the sign-in of this browser that it belongs to.

    The sign-in is used up. An answer that came `by_form` is taken up by its ticket. Raises
    StaleError, UpstreamRefusedError.
    """
    try:
        parameters = Parameters.parse(request.META.get("QUERY_STRING", ""))
    except InvalidRequest as problem:
        raise StaleError(problem.description) from None
    if by_form:
        ticket = parameters.get("ticket") or ""
        parameters = Parameters(answers.take(upstream, ticket, timezone.now()))
    state = parameters.get("state")
    if not state:
        raise StaleError("The answer has no state.")
    journey = journeys.take(request, upstream, state)
    try:
        parameters.refuse_repeats()
    except InvalidRequest as problem:
        raise UpstreamRefusedError(problem.description) from None
    return parameters.values, journey


def identity(upstream: Upstream, parameters: Mapping[str, str], journey: Journey) -> Identity:
    """Judge an upstream's answer, redeem its code, and return who it is.

    Raises UpstreamRefusedError.
    """
    found = discovery.of(upstream)
    is_from(found, parameters)
    tokens, now = redeemed(upstream, found, parameters, journey), timezone.now()
    claims = id_token.judged(upstream, found, tokens, journey.noted["nonce"], now)
    began = datetime.fromtimestamp(journey.began_at, UTC)
    at = id_token.authenticated_at(claims, _max_age(journey), began, now)
    if "email" not in claims and found.userinfo_endpoint:
        claims = _with_user_info(upstream, found, tokens, claims)
    return identity_of(upstream, claims, at, tokens["id_token"])


def redeemed(
    upstream: Upstream,
    found: discovery.Discovered,
    parameters: Mapping[str, str],
    journey: Journey,
    secret: str | None = None,
) -> Claims:
    """Return the token response for the code of an answer; see `token_request.redeem`.

    Raises CancelledError for an answer without one, UpstreamRefusedError.
    """
    code, verifier = _code(parameters), journey.noted["code_verifier"]
    address = callback_address(upstream)
    return token_request.redeem(upstream, found, code, verifier, address, secret)


@upholds("RFC 9207 §2.4")
def is_from(found: discovery.Discovered, parameters: Mapping[str, str]) -> None:
    """RFC 9207 §2.4: an answer that names another issuer is a mix-up."""
    said = parameters.get("iss")
    if said is None and found.names_issuer:
        raise UpstreamRefusedError("The answer does not name its issuer (iss).")
    if said not in (None, found.issuer):
        raise UpstreamRefusedError("The answer is that of another issuer (iss).")


def _code(parameters: Mapping[str, str]) -> str:
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


def identity_of(
    upstream: Upstream,
    claims: Claims,
    authenticated_at: datetime | None = None,
    jwt: str = "",
) -> Identity:
    """Return the identity that judged claims are about. Raises UpstreamRefusedError."""
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


def with_openid(scopes: str) -> str:
    """Return scopes with `openid` among them. OIDC Core §3.1.2.1."""
    names = scopes.split()
    return " ".join(names if "openid" in names else ["openid", *names])


def with_query(address: str, parameters: dict[str, str]) -> str:
    """Return an address with these parameters after its own, but for empty ones."""
    parts = urlsplit(address)
    own = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([*own, *((name, value) for name, value in parameters.items() if value)])
    return urlunsplit(parts._replace(query=query, fragment=""))
