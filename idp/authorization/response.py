"""The authorization response: the one encoder, for success and for errors. RFC 6749 §4.1.2.

A query, a fragment, or a page that posts a form (OAuth 2.0 Form Post Response Mode §2), each with
the members, or with a JWT that has them (JARM §2.3).
"""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from idp import policy
from idp.authorization import response_jwt
from idp.clients.display import app_of
from idp.clients.redirect_uris import ReplyAddress
from idp.protocol.errors import ProtocolError
from idp.protocol.response_types import FORM_POST, FRAGMENT


def send(request: HttpRequest, reply_to: ReplyAddress, **members: str) -> HttpResponse:
    """Return the answer that carries these members, with `state` and `iss` (RFC 9207).

    A registered redirect URI's own query stays as it is. Raises InvalidClientMetadata or
    TemporarilyUnavailable if it has to be encrypted, and there is no key for that; an error is
    then signed alone.
    """
    if reply_to.state is not None:
        members["state"] = reply_to.state
    if reply_to.as_jwt:
        members = {"response": response_jwt.make(reply_to.client, members, timezone.now())}
    else:
        members["iss"] = policy.ISSUER
    if reply_to.response_mode == FORM_POST:
        return _posting_page(request, reply_to, members)
    in_fragment = reply_to.response_mode == FRAGMENT
    return redirect_to(reply_to.redirect_uri, members, in_fragment=in_fragment)


def redirect_to(uri: str, members: Mapping[str, str], *, in_fragment: bool = False) -> HttpResponse:
    """Return the redirect to a client's verified address, of any scheme, with these members."""
    if members:
        separator = "#" if in_fragment else "&" if "?" in uri else "?"
        uri += separator + urlencode(members)
    response = HttpResponse(status=HTTPStatus.SEE_OTHER)
    response["Location"] = uri
    return response


def send_error(
    request: HttpRequest, reply_to: ReplyAddress, error: ProtocolError, reference: str
) -> HttpResponse:
    """Return the answer that carries an error, recorded under a reference. OIDC Core §3.1.2.6."""
    return send(
        request,
        reply_to,
        error=error.code,
        error_description=error.description,
        error_uri=policy.error_uri(error.page, reference),
    )


def _posting_page(
    request: HttpRequest, reply_to: ReplyAddress, members: Mapping[str, str]
) -> HttpResponse:
    """Return the page whose form posts to the client, by script or by its button."""
    response = render(
        request,
        "form_post.html",
        {
            "app": app_of(reply_to.client, reply_to.redirect_uri),
            "target": reply_to.redirect_uri,
            "members": members,
        },
    )
    # Without form-action: Chromium would apply it to the client's own redirects as well, which may
    # lead to any origin or app. This page has no other form.
    response._csp_replace = {"form-action": None}  # type: ignore[attr-defined]
    return response
