"""Sign-in with GitHub, which is OAuth 2.0 without OpenID Connect: its API says who a user is.

RFC 6749 §4.1, RFC 7636. It says neither when nor how the user has authenticated, and cannot be
asked for a new sign-in.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse

from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked, Journey
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UpstreamRefusedError
from idp.upstream import openid, token_request
from idp.upstream.discovery import Discovered

NAME = "github"
ISSUER = "https://github.com"
#: What is public is read without a scope.
SCOPES = "user:email"
#: GitHub Enterprise Cloud with data residency: `https://NAME.ghe.com`.
_RESIDENCY = ".ghe.com"
#: Claims (OIDC Core §5.1, but for the last two) by the members of a user that they are made of.
_CLAIMS = {
    "name": "name",
    "preferred_username": "login",
    "picture": "avatar_url",
    "profile": "html_url",
    "company": "company",
    "location": "location",
}


def begin(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Redirect the browser to GitHub. Raises NoNewSignInError."""
    openid.refuse_new_sign_in(asked)
    parameters = {"scope": upstream.scopes or SCOPES, "prompt": asked.parameters.get("prompt", "")}
    return openid.send(request, upstream, asked, _found(upstream), **parameters)


def identity(upstream: Upstream, parameters: Mapping[str, str], journey: Journey) -> Identity:
    """Redeem the code of an answer, and ask the API who it is. Raises UpstreamRefusedError."""
    found = _found(upstream)
    tokens = openid.redeemed(upstream, found, parameters, journey, upstream.secret)
    token = tokens.get("access_token")
    user = token_request.user_info(upstream, found, token)
    emails = f"{found.userinfo_endpoint}/emails?per_page=100"
    claims = {claim: user[name] for claim, name in _CLAIMS.items() if user.get(name)}
    address = _primary(token_request.listed(upstream, emails, token))
    return openid.identity_of(upstream, {**claims, **address, "sub": _subject(user)})


def _subject(user: dict[str, Any]) -> str:
    """Return the number of a user. Their login can be changed, and is then free for others."""
    number = user.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise UpstreamRefusedError("The API says no number of the user.")
    return str(number)


def _primary(emails: list[Any]) -> dict[str, Any]:
    """Return the claims about the primary address, to which alone GitHub writes."""
    for entry in emails:
        if isinstance(entry, dict) and entry.get("primary") is True:
            is_verified = entry.get("verified") is True
            return {"email": entry.get("email"), "email_verified": is_verified}
    return {}


def _found(upstream: Upstream) -> Discovered:
    """Return the addresses of GitHub, or of a GitHub Enterprise Server, at `Upstream.issuer`."""
    base = upstream.issuer.rstrip("/")
    host = urlsplit(base).netloc
    is_cloud = base == ISSUER or host.endswith(_RESIDENCY)
    api = f"https://api.{host}" if is_cloud else f"{base}/api/v3"
    return Discovered(
        issuer=base,
        authorization_endpoint=f"{base}/login/oauth/authorize",
        token_endpoint=f"{base}/login/oauth/access_token",
        jwks_uri="",
        userinfo_endpoint=f"{api}/user",
        names_issuer=False,
        assertion_algorithms=(),
    )
