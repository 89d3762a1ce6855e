"""Sessions that an upstream’s logout token ends. OIDC Back-Channel Logout §2.4 to §2.8."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from accounts.upstream import sign_outs, used_tokens
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError
from idp import policy
from idp.jose import received_jwts
from idp.jose.received_jwts import LEEWAY, Audience, Expectations
from idp.protocol.errors import InvalidRequest, TemporarilyUnavailable
from idp.protocol.rules import upholds
from idp.upstream import discovery, id_token

EVENT = "http://schemas.openid.net/event/backchannel-logout"
_NAME = "logout token"
#: How far ahead its end may be: §4 recommends two minutes, some give more.
_LONGEST_LIFE = timedelta(hours=1)
Claims = dict[str, Any]


def address(upstream: Upstream) -> str:
    """Return where an upstream sends its logout tokens."""
    return settings.IDP_ORIGIN + reverse("account_upstream_logout", args=[upstream.slug])


def obey(upstream: Upstream, jwt: str, now: datetime) -> None:
    """End the sessions that a logout token names, and sign-ins on their way; none is fine (§2.7).

    Raises InvalidRequest for a token that is not for us, TemporarilyUnavailable without its keys.
    """
    claims = _judged(upstream, jwt, now)
    ends_at = datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY
    with transaction.atomic():  # if it fails, the token can come again
        if not used_tokens.use(upstream, claims["jti"], ends_at):
            raise InvalidRequest("The logout token was used before: its jti works once.")
        end_sessions(_named_by(upstream, claims), Ending.SIGNED_OUT_UPSTREAM)
    until = min(now, datetime.fromtimestamp(claims["iat"], UTC) + LEEWAY)
    sign_outs.note(upstream, claims.get("sub"), claims.get("sid"), until)


@upholds("OIDC Back-Channel Logout §2.6")
def _judged(upstream: Upstream, jwt: str, now: datetime) -> Claims:
    try:
        found = discovery.of(upstream)
        expected = Expectations(
            name=_NAME,
            error=InvalidRequest,
            algorithms=frozenset(policy.SIGNING_ALGORITHMS),
            types=(None, "JWT", "jwt", "logout+jwt"),
            issuer=found.issuer,
            audiences=(upstream.client_id,),
            required=frozenset({"iss", "aud", "iat", "exp", "jti", "events"}),
            audience=Audience.AMONG_OTHERS,
            longest_life=_LONGEST_LIFE,
        )
        claims = received_jwts.judge(jwt, expected, id_token.keys_of(upstream, found), now)
    except UnreachableError as problem:
        raise TemporarilyUnavailable(str(problem)) from None
    _is_about_a_logout(claims)
    return claims


def _is_about_a_logout(claims: Claims) -> None:
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise InvalidRequest("The events of the logout token do not tell of a logout.")
    if "nonce" in claims:  # so that no ID token passes for one
        raise InvalidRequest("The logout token has a nonce, which is forbidden.")
    named = [claims[name] for name in ("sub", "sid") if claims.get(name) is not None]
    if not named or not all(isinstance(value, str) and value for value in named):
        raise InvalidRequest("The logout token needs a sub or a sid, each a text.")


def _named_by(upstream: Upstream, claims: Claims) -> QuerySet[Session]:
    """Return the sessions that it names and that are older than it."""
    subject, sid = claims.get("sub"), claims.get("sid")
    said_at = datetime.fromtimestamp(claims["iat"], UTC) + LEEWAY
    named = Q(at_upstream__upstream=upstream, created_at__lte=said_at, ended_at=None)
    if subject is not None:
        named &= Q(at_upstream__subject=subject)
    if sid is not None:
        # One whose ID token named no session may be any of the user's.
        unnamed = Q(at_upstream__sid="") if subject is not None else Q()
        named &= Q(at_upstream__sid=sid) | unnamed
    return Session.objects.filter(named).select_related("user")
