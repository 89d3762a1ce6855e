"""A test sign-in: the page that begins it, and the page that shows its result."""

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from accounts.authentication import authentication_in
from accounts.sessions import session_of
from idp import events
from idp.admin.clients.test_sign_in_report import report
from idp.admin.page import Page
from idp.authorization import test_sign_in
from idp.clients.owners import is_operator
from idp.current_interaction import continue_at
from idp.endpoints.wire import form_of
from idp.models import Client
from idp.protocol.authorization_details import MAX_CHARACTERS, PARAMETER
from idp.protocol.errors import InvalidRequest
from idp.protocol.parameters import Parameters

_CHANGE = "idp.change_client"
#: Values of `prompt` that the operator can choose.
PROMPTS: dict[str, str | Promise] = {
    "": _("Nothing that is not needed, as at any sign-in"),
    "login": _("To sign in once more"),
    "select_account": _("Which account it is to be"),
    "consent": _("To agree, also where they have before"),
}


def begin_view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """Explain what will happen, and begin it."""
    client = page.get_object(request, object_id)
    if client is None or not client.signs_users_in:
        raise Http404
    session = session_of(request)
    if session is None or not page.has_change_permission(request, client):
        raise PermissionDenied
    problem = problem_with(client)
    if request.method != "POST" or problem:
        return page.about(
            client,
            request,
            "admin/test_sign_in.html",
            _("Test sign-in to %(app)s") % {"app": client},
            {
                "problem": problem,
                "is_expired": "expired" in request.GET,
                "prompts": PROMPTS.items(),
            },
        )
    chosen = request.POST.get("prompt", "")
    prompt = chosen if chosen in PROMPTS else ""
    details = request.POST.get(PARAMETER, "").replace("\0", "")[: MAX_CHARACTERS + 1].strip()
    interaction_id = test_sign_in.begin(client, session, prompt, timezone.now(), details=details)
    page.record(request, events.Kind.ADMIN_ACTION, client, reason="Began a test sign-in.")
    return redirect(continue_at(interaction_id))


def answer_view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """Take the response as the client would, and show what it would have received.

    Restricted to the browser in which the operator began, whichever of its accounts signed in.
    """
    client = page.get_object(request, object_id)
    again = reverse("admin:idp_client_test_sign_in", args=[object_id])
    answer = answer_of(request)
    tested = test_sign_in.take(request, client, answer.get("state") or "") if client else None
    if client is None or tested is None:
        return redirect(f"{again}?expired")
    if not is_operator(authentication_in(tested.session), _CHANGE):
        raise PermissionDenied
    back = page.address_of(client)
    return page.about(
        client,
        request,
        "admin/test_sign_in_answer.html",
        _("Test sign-in to %(app)s") % {"app": client},
        {
            "report": report(request, client, tested, answer),
            "operator": tested.session.user,
            "switch": f"{reverse('account_choose')}?{urlencode({'next': back})}",
            "linter": reverse("admin:idp_client_linter", args=[client.pk]),
            "again": again,
        },
    )


def problem_with(client: Client) -> str | Promise | None:
    """Return why no test of an app is possible now, or None."""
    if not client.enabled:
        return _("The app is disabled, so no user can sign in to it. Enable it first.")
    return None


def answer_of(request: HttpRequest) -> Parameters:
    """Return what came: a code in the address, or tokens in a form; nothing if it is unreadable."""
    try:
        if request.method == "POST":
            return Parameters.parse(form_of(request))
        return Parameters.parse(request.META.get("QUERY_STRING", ""))
    except InvalidRequest:
        return Parameters({})
