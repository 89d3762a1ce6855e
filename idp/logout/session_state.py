"""What a browser knows of its session here, so that a client's page notices when that changes.

OIDC Session Management §2, §3.
"""

import hashlib
import secrets

from django.http import HttpRequest, HttpResponse

from accounts.models import Session
from idp import policy
from idp.clients.redirect_uris import ReplyAddress
from idp.protocol.redirect_uris import origin_of

#: The one cookie of ours that script may read, and only script of our own page.
COOKIE = "op_browser_state"
#: Nobody is signed in any more.
_NO_SESSION = "-"
_KEPT_FOR = 14 * 24 * 3600


def session_state(reply_to: ReplyAddress, session_id: str) -> str | None:
    """Return what the client compares later; None for an app that is no web page.

    It is salted, so that two clients cannot tell that they have the same session.
    """
    origin = origin_of(reply_to.redirect_uri)
    if not origin.startswith(("https://", "http://")):
        return None
    salt = secrets.token_hex(8)
    parts = (reply_to.client.client_id, origin, _browser_state(session_id), salt)
    return f"{hashlib.sha256(' '.join(parts).encode()).hexdigest()}.{salt}"


def keep_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Have the browser know its session, where that was looked up and is another than before."""
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
        # Browsers keep a cookie for frames in others' pages only with both of these.
        samesite="None",
        secure=True,
    )


def _browser_state(session_id: str) -> str:
    return hashlib.sha256(f"{policy.ISSUER} {session_id}".encode()).hexdigest()[:32]
