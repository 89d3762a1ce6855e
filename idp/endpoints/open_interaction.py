"""What pages of an interaction begin with: the request, revalidated, and its user."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.authentication import Authentication, authentication_of
from idp.authorization import interactions, pushed_requests, test_sign_in
from idp.authorization.request import Arrival, AuthorizationRequest
from idp.clients.redirect_uris import verified
from idp.current_interaction import INTERACTION, continue_at, interaction_of
from idp.endpoints.error_page import error_page
from idp.models import Client, Interaction
from idp.protocol.errors import AccessDenied, ProtocolError, RequestExpired


@dataclass(frozen=True)
class OpenInteraction:
    """An interaction that is not answered, and its signed-in user."""

    row: Interaction
    authorization_request: AuthorizationRequest
    authentication: Authentication

    @property
    def continue_path(self) -> str:
        """The path at which the interaction continues."""
        return continue_at(self.row.pk)


def open_interaction_at(request: HttpRequest) -> OpenInteraction | HttpResponse:
    """Return the interaction of this page, or the response if it is gone."""
    row = interaction_of(request)
    if row is None:
        return _gone(request)
    if row.answered_at is not None:
        return redirect(continue_at(row.pk))
    authentication = authentication_of(request)
    if authentication is None:
        return redirect(continue_at(row.pk))
    try:
        return OpenInteraction(row, _request(request, row), authentication)
    except ProtocolError:
        return redirect(continue_at(row.pk))


def _gone(request: HttpRequest) -> HttpResponse:
    """Return the response if the interaction is gone; authorize can restart an expired one."""
    interaction_id = request.GET.get(INTERACTION)
    if interaction_id:
        return redirect(continue_at(interaction_id))
    return error_page(request, RequestExpired("This page was not reached from an app."))


def _request(request: HttpRequest, row: Interaction) -> AuthorizationRequest:
    """Return the request, still sound. Raises ProtocolError where it no longer is."""
    if not row.client.enabled:
        raise AccessDenied("The client has been disabled.")
    arrival = interactions.arrival_of(row)
    own = address_of_its_own(request, row.client, arrival)
    return AuthorizationRequest.parse(arrival, verified(row.client, arrival.parameters, own))


def address_of_its_own(request: HttpRequest, client: Client, arrival: Arrival) -> str | None:
    """Return the address that is valid for this request alone, or None.

    It is our page of a test sign-in, or what an authenticated client pushed.
    """
    if arrival.was_pushed:
        return pushed_requests.pushed_uri(client, arrival.parameters)
    return test_sign_in.own_page(request, client, arrival)
