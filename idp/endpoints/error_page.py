"""The page for requests that can't be answered to their client. OIDC Core §3.1.2.6."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.authentication import Authentication, authentication_of
from idp import events, policy
from idp.clients.display import home_of, name_of
from idp.clients.owners import may_see
from idp.clients.redirect_uris import Comparison, compared
from idp.models import Client
from idp.protocol.errors import (
    ProtocolError,
    RequestExpired,
    TemporarilyUnavailable,
    UnknownClient,
    UnregisteredRedirectUri,
    UnusableClientDocument,
)
from idp.protocol.parameters import Parameters
from idp.protocol.redirect_uris import problem_with
from idp.protocol.rules import rule_broken

#: What users read: a heading and a sentence. The most specific error class counts.
_EXPLANATIONS: dict[type[ProtocolError], tuple[Promise, Promise]] = {
    UnknownClient: (
        _("We don’t know this app"),
        _("The app that sent you here isn’t registered here, or has been switched off."),
    ),
    UnusableClientDocument: (
        _("We couldn’t get to know this app"),
        _(
            "What the app says of itself can’t be fetched or used. To keep you safe, we stopped "
            "here; it may work again later."
        ),
    ),
    UnregisteredRedirectUri: (
        _("We don’t know where this leads"),
        _(
            "The app wants you to be sent on to an address that isn’t registered for it. "
            "To keep you safe, we stopped here."
        ),
    ),
    TemporarilyUnavailable: (
        _("This takes too long just now"),
        _("Too much is going on, or the app is too slow. Wait a moment, then reload this page."),
    ),
    RequestExpired: (
        _("This page was open for too long"),
        _("Nothing is lost: you can start again."),
    ),
    ProtocolError: (
        _("The app’s request can’t be answered"),
        _("Something is missing from what the app sent along with you, or can’t be read."),
    ),
}
_SIGNING_OUT = (
    _("The app couldn’t sign you out"),
    _("It asked in a way that we can’t follow, so nothing has changed here."),
)


def error_page(
    request: HttpRequest,
    error: ProtocolError,
    parameters: Parameters | None = None,
    *,
    client_id: str | None = None,
    start_again: str = "",
    signing_out: bool = False,
) -> HttpResponse:
    """Return the page: a sentence for the user, details for the developer, and a reference number.

    Parameters are shown as text, never as a link. `client_id` is the parameter's unless it is
    given; `start_again` is the path at which an expired request begins anew.
    """
    client_id = client_id or (parameters.get("client_id") if parameters else None)
    viewer = authentication_of(request)
    reference = events.denied(
        error,
        request,
        client_id=client_id,
        parameters=parameters,
        user=viewer.user if viewer else None,
    )
    client: Client | None = (
        Client.objects.filter(client_id=client_id).first() if client_id else None
    )
    heading, sentence = _SIGNING_OUT if signing_out else _explanation(error)
    response = render(
        request,
        "error.html",
        {
            "heading": heading,
            "sentence": sentence,
            "expired": isinstance(error, RequestExpired),
            "start_again": start_again,
            "signing_out": signing_out and viewer is not None,
            **_way_back(client),
            **_for_the_developer(error, parameters, client, viewer),
            "error_uri": policy.error_uri(error.page, reference),
            "reference": reference,
        },
        status=HTTPStatus.BAD_REQUEST if error.retry_after is None else error.status,
    )
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def _explanation(error: ProtocolError) -> tuple[Promise, Promise]:
    return next(_EXPLANATIONS[kind] for kind in type(error).__mro__ if kind in _EXPLANATIONS)


def _way_back(client: Client | None) -> dict[str, str]:
    """Return the app's name and home page, where it is one that users can be sent to."""
    if client is None or not client.enabled:
        return {}
    return {"app_name": name_of(client), "app_home": home_of(client)}


def _for_the_developer(
    error: ProtocolError,
    parameters: Parameters | None,
    client: Client | None,
    viewer: Authentication | None,
) -> dict[str, Any]:
    """Return the parameters and the violated rule; registered values only for permitted users."""
    shown: dict[str, Any] = {
        "error": error,
        "rule": rule_broken(error),
        "received": events.without_secrets(parameters).items() if parameters else (),
    }
    if isinstance(error, UnregisteredRedirectUri):
        shown["flaw"] = problem_with(
            error.uri,
            application_type=Client.ApplicationType.NATIVE,
            private_schemes=policy.PRIVATE_URI_SCHEMES,
        )
        shown["comparison"] = _comparison(error, client, viewer)
        shown["is_compared_for_owners"] = True
    return shown


def _comparison(
    error: UnregisteredRedirectUri, client: Client | None, viewer: Authentication | None
) -> Comparison | None:
    if client is None or not may_see(viewer, client):
        return None
    return compared(client, error.parameter, error.uri)
