"""The page for users whom the access policy denies the app. RFC 6749 §4.1.2.1."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from idp import events
from idp.authorization import interactions
from idp.authorization.response import send_error
from idp.clients.access_policy import NOT_ALLOWED, allows
from idp.endpoints.interstitial import go_on_by_page
from idp.endpoints.open_interaction import OpenInteraction, open_interaction_at
from idp.endpoints.wire import methods
from idp.protocol.errors import AccessDenied
from idp.protocol.rules import upholds


@methods("GET", "HEAD", "POST")
def access_denied(request: HttpRequest) -> HttpResponse:
    """Show the denial; a button returns the error to the client. Each denial is recorded."""
    open_interaction = open_interaction_at(request)
    if isinstance(open_interaction, HttpResponse):
        return open_interaction
    try:
        _user_is_allowed(open_interaction)
    except AccessDenied as error:
        user = open_interaction.authentication.user
        if request.method == "POST":
            try:
                interactions.note_answered(open_interaction.row.pk, None)
            except interactions.AnsweredError:
                return redirect(open_interaction.continue_path)
        reference = events.denied(
            error,
            request,
            client_id=open_interaction.row.client.client_id,
            parameters=interactions.arrival_of(open_interaction.row).parameters,
            user=user,
        )
        if request.method == "POST":
            answer = send_error(
                request, open_interaction.authorization_request.reply_to, error, reference
            )
            return go_on_by_page(request, answer, open_interaction.row.client)
        return render(
            request,
            "access_denied.html",
            {
                "user": user,
                "continue_path": open_interaction.continue_path,
                "reference": reference,
            },
        )
    return redirect(open_interaction.continue_path)


@upholds("RFC 6749 §4.1.2.1")
def _user_is_allowed(open_interaction: OpenInteraction) -> None:
    """RFC 6749 §4.1.2.1: judged again, since it may have changed while the page was open."""
    if not allows(open_interaction.row.client, open_interaction.authentication.user):
        raise AccessDenied(NOT_ALLOWED)
