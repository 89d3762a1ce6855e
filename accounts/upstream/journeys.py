"""Sign-ins and sign-outs on their way through an upstream, each known to the browser that began it.

Kept in the browser's session by an unguessable `state` that works once, so that no one can finish a
sign-in in another's browser (login CSRF). RFC 6749 §10.12.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.http import HttpRequest

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import StaleError
from foundation import rate_limits
from foundation.client_address import rate_limit_key
from foundation.rate_limits import RateLimit

#: By IP address: each may make a session of a browser, which is a row.
BEGUN = RateLimit("upstream-sign-ins", 300, timedelta(minutes=1))
#: By IP address: messages that come by a browser and whose signature is judged.
ANSWERED = RateLimit("upstream-answers", 300, timedelta(minutes=1))
_KEY = "accounts_upstream_journeys"
#: How many may be on their way in one browser, one a tab, and for how many seconds.
_MOST = 8
_SECONDS = 900


class Errand(StrEnum):
    """What a browser goes to an upstream for."""

    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"


@dataclass(frozen=True)
class Asked:
    """What a sign-in was asked with."""

    #: Where it leads: a path of ours, or empty.
    next: str = ""
    #: The address that was typed, if any.
    login_hint: str = ""
    #: The id of the signed-in user who wants to connect an account; None for a sign-in.
    connects: int | None = None
    #: What is passed on to the upstream: `prompt`, `max_age`, `acr_values`, `ui_locales`.
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def wants_new_sign_in(self) -> bool:
        """Whether the user has to sign in there again, or lately. OIDC Core §3.1.2.1."""
        return self.parameters.get("prompt") == "login" or "max_age" in self.parameters


@dataclass(frozen=True)
class Journey:
    """A sign-in, or a sign-out, that is on its way."""

    asked: Asked
    #: What its kind noted: nonce, code verifier, request id.
    noted: Mapping[str, Any]
    #: Seconds since 1970.
    began_at: float


def begin(
    request: HttpRequest,
    upstream: Upstream,
    asked: Asked,
    errand: Errand = Errand.SIGN_IN,
    **noted: Any,
) -> str:
    """Keep a journey that goes to an upstream, and return its state: 43 URL-safe characters.

    Raises RateLimitExceededError for very many from one IP address.
    """
    rate_limits.count((BEGUN, rate_limit_key(request)))
    state = secrets.token_urlsafe(32)
    begun = {
        "state": state,
        "errand": errand,
        "upstream": upstream.pk,
        "asked": {**asdict(asked), "parameters": dict(asked.parameters)},
        "noted": noted,
        "at": time.time(),
    }
    request.session[_KEY] = [*_under_way(request), begun][-_MOST:]
    return state


def take(
    request: HttpRequest, upstream: Upstream, state: str, errand: Errand = Errand.SIGN_IN
) -> Journey:
    """Return the journey of a state, and use it up. Raises StaleError.

    It has to have begun in this browser, on this errand, and to lead to this upstream.
    """
    under_way = _under_way(request)
    found = [
        each
        for each in under_way
        if secrets.compare_digest(each["state"].encode(), state.encode())
        and each["upstream"] == upstream.pk
        and each.get("errand", Errand.SIGN_IN) == errand
    ]
    if not found:
        raise StaleError(f"This browser has begun no {errand} with this state at this upstream.")
    request.session[_KEY] = [each for each in under_way if each not in found]
    begun = found[0]
    return Journey(Asked(**begun["asked"]), begun["noted"], begun["at"])


def _under_way(request: HttpRequest) -> list[Any]:
    since = time.time() - _SECONDS
    return [each for each in request.session.get(_KEY, []) if each["at"] > since]
