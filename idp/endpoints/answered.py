"""The page for an answered interaction: Back, a reload, another tab. OIDC Core §3.1.2.

A request that is answered at once has no interaction: each visit to its address is a new request,
which single sign-on answers with a new code.
"""

from contextlib import suppress

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.authentication import authentication_of
from idp import events
from idp.authorization import interactions
from idp.authorization.response import send_error
from idp.clients.display import name_of, way_to
from idp.clients.redirect_uris import verified
from idp.endpoints.error_page import error_page
from idp.endpoints.open_interaction import address_of_its_own
from idp.models import Interaction
from idp.protocol.errors import InteractionRequired, ProtocolError, RequestExpired


def answered_page(request: HttpRequest, interaction_id: str) -> HttpResponse:
    """Show that the sign-in is finished, with links to the app and the account."""
    row = interactions.find_expired(interaction_id)
    if row is None:
        return error_page(request, RequestExpired("This sign-in was finished a while ago."))
    if "none" in row.parameters.get("prompt", "").split():
        with suppress(ProtocolError):  # the client may have changed since
            return _silent_answer(request, row)
    viewer = authentication_of(request)
    return render(
        request,
        "answered.html",
        {
            "app_name": name_of(row.client),
            "way_to_app": way_to(row.client, row.parameters.get("redirect_uri", "")),
            "viewer": viewer.user if viewer else None,
            "signed_in": viewer is not None and viewer.session_id == row.answered_in_id,
        },
    )


def _silent_answer(request: HttpRequest, row: Interaction) -> HttpResponse:
    """Return the error for a request that forbade pages. OIDC Core §3.1.2.6."""
    arrival = interactions.arrival_of(row)
    parameters = arrival.parameters
    reply_to = verified(row.client, parameters, address_of_its_own(request, row.client, arrival))
    error = InteractionRequired("This request was answered before; send a new one.")
    client_id = row.client.client_id
    reference = events.denied(error, request, client_id=client_id, parameters=parameters)
    return send_error(request, reply_to, error, reference)
