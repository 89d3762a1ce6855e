"""The authorization response: the one encoder, for success and for errors. RFC 6749 §4.1.2."""

from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpResponse

from idp import policy
from idp.clients.redirect_uris import ReplyAddress
from idp.protocol.errors import ProtocolError


def send(reply_to: ReplyAddress, **members: str) -> HttpResponse:
    """Return the redirect that carries these members, with `state` and `iss` (RFC 9207).

    A registered redirect URI's own query stays as it is.
    """
    if reply_to.state is not None:
        members["state"] = reply_to.state
    members["iss"] = policy.ISSUER
    separator = "&" if "?" in reply_to.redirect_uri else "?"
    response = HttpResponse(status=HTTPStatus.SEE_OTHER)
    response["Location"] = f"{reply_to.redirect_uri}{separator}{urlencode(members)}"
    response["Cache-Control"] = "no-store"
    return response


def send_error(reply_to: ReplyAddress, error: ProtocolError) -> HttpResponse:
    """Return the redirect that carries an error. OIDC Core §3.1.2.6."""
    return send(
        reply_to,
        error=error.code,
        error_description=error.description,
        error_uri=policy.error_uri(error.code),
    )
