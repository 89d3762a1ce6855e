"""The session_state value and cookie, by which a client's page detects a changed session.

OIDC Session Management §2, §3.
"""

import hashlib
import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.models import Session
from idp import policy
from idp.clients.redirect_uris import ReplyAddress
from idp.protocol.redirect_uris import origin_of

#: The one cookie of ours that script may read, and only script of our own page.
COOKIE = "op_browser_state"
#: The browser state without a signed-in user.
_NO_SESSION = "-"
_KEPT_FOR = 14 * 24 * 3600


def session_state(reply_to: ReplyAddress, session_id: str) -> str | None:
    """Return the session_state for a client; None for an app without a web origin.

    It is salted, so that two clients cannot tell that they have the same session.
    """
    origin = origin_of(reply_to.redirect_uri)
    if not origin.startswith(("https://", "http://")):
        return None
    salt = secrets.token_hex(8)
    parts = (reply_to.client.client_id, origin, _browser_state(session_id), salt)
    return f"{hashlib.sha256(' '.join(parts).encode()).hexdigest()}.{salt}"


def keep_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie with the browser state, if the session was looked up and has changed."""
    if not hasattr(request, "signed_in_session"):
        return
    session: Session | None = request.signed_in_session
    known = request.COOKIES.get(COOKIE)
    state = _browser_state(session.pk) if session else _NO_SESSION
    if state == known or (session is None and known is None):
        return
    response.set_cookie(
        COOKIE,
        state,
        max_age=_KEPT_FOR,
        path=settings.SESSION_COOKIE_PATH,
        # Browsers send a cookie to frames in other sites' pages only with both of these.
        samesite="None",
        secure=True,
    )


def _browser_state(session_id: str) -> str:
    return hashlib.sha256(f"{policy.ISSUER} {session_id}".encode()).hexdigest()[:32]
