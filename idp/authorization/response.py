"""The authorization response: the one encoder, for success and for errors. RFC 6749 §4.1.2."""

from collections.abc import Mapping
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
    return redirect_to(reply_to.redirect_uri, members)


def redirect_to(uri: str, members: Mapping[str, str]) -> HttpResponse:
    """Return the redirect to a client's verified address, of any scheme, with these members."""
    if members:
        uri += ("&" if "?" in uri else "?") + urlencode(members)
    response = HttpResponse(status=HTTPStatus.SEE_OTHER)
    response["Location"] = uri
    response["Cache-Control"] = "no-store"
    return response


def send_error(reply_to: ReplyAddress, error: ProtocolError, reference: str) -> HttpResponse:
    """Return the redirect that carries an error, recorded under a reference. OIDC Core §3.1.2.6."""
    return send(
        reply_to,
        error=error.code,
        error_description=error.description,
        error_uri=policy.error_uri(error.code, reference),
    )
