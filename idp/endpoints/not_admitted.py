"""The page for somebody whom an operator has not admitted to the app. RFC 6749 §4.1.2.1."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from idp import events
from idp.authorization import pending
from idp.authorization.response import send_error
from idp.clients.admission import NOT_ADMITTED, admits
from idp.endpoints.interstitial import go_on_by_page
from idp.endpoints.waiting import Waiting, waiting_at
from idp.endpoints.wire import methods
from idp.protocol.errors import AccessDenied
from idp.protocol.rules import upholds


@never_cache
@methods("GET", "HEAD", "POST")
def not_admitted(request: HttpRequest) -> HttpResponse:
    """Tell the person; their press of a button tells the app. Recorded each time, for support."""
    waiting = waiting_at(request)
    if isinstance(waiting, HttpResponse):
        return waiting
    try:
        _person_is_admitted(waiting)
    except AccessDenied as error:
        person = waiting.authentication.user
        if request.method == "POST":
            try:
                pending.note_answered(waiting.row.pk, None)
            except pending.AnsweredError:
                return redirect(waiting.continue_path)
        reference = events.denied(
            error,
            request,
            client_id=waiting.row.client.client_id,
            parameters=pending.arrival_of(waiting.row).parameters,
            user=person,
        )
        if request.method == "POST":
            answer = send_error(request, waiting.authorization_request.reply_to, error, reference)
            return go_on_by_page(request, answer, waiting.row.client)
        return render(
            request,
            "not_admitted.html",
            {"person": person, "continue_path": waiting.continue_path, "reference": reference},
        )
    return redirect(waiting.continue_path)


@upholds("RFC 6749 §4.1.2.1")
def _person_is_admitted(waiting: Waiting) -> None:
    """RFC 6749 §4.1.2.1: judged again, since it may have changed while the page was open."""
    if not admits(waiting.row.client, waiting.authentication.user):
        raise AccessDenied(NOT_ADMITTED)
