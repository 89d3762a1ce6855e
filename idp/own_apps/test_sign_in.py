"""A test sign-in by an app's owner: the page that begins it, and the page with its result."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from accounts.authentication import authentication_in
from accounts.sessions import session_of
from idp import events
from idp.admin.clients.test_sign_in import PROMPTS, answer_of, problem_with
from idp.admin.clients.test_sign_in_report import report
from idp.authorization import test_sign_in
from idp.clients.owners import may_change
from idp.current_interaction import continue_at
from idp.models import Client
from idp.own_apps.access import record


def begin_view(request: HttpRequest, client: Client) -> HttpResponse:
    """Explain what will happen, and begin it."""
    session = session_of(request)
    if session is None or not client.signs_users_in:
        raise Http404
    problem = problem_with(client)
    if request.method != "POST" or problem:
        context = {
            "client": client,
            "problem": problem,
            "is_expired": "expired" in request.GET,
            "prompts": PROMPTS.items(),
        }
        return render(request, "own_apps/test_sign_in.html", context)
    chosen = request.POST.get("prompt", "")
    prompt = chosen if chosen in PROMPTS else ""
    interaction_id = test_sign_in.begin(
        client, session, prompt, timezone.now(), test_sign_in.OWNERS_PAGE
    )
    record(request, client, events.Kind.OWNER_ACTION, reason="Began a test sign-in.")
    return redirect(continue_at(interaction_id))


def answer_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the response as the app would, and show what it would have received.

    Restricted to the browser in which the owner began, whichever of its accounts signed in.
    """
    client = Client.objects.filter(pk=pk).first()
    answer = answer_of(request)
    tested = test_sign_in.take(request, client, answer.get("state") or "") if client else None
    if client is None or tested is None:
        return redirect(f"{reverse('own_app_test_sign_in', args=[pk])}?expired")
    if not may_change(authentication_in(tested.session), client):
        raise Http404
    back = reverse("developers_apps")
    return render(
        request,
        "own_apps/test_sign_in_answer.html",
        {
            "client": client,
            "report": report(request, client, tested, answer),
            "owner": tested.session.user,
            "switch": f"{reverse('account_choose')}?{urlencode({'next': back})}",
        },
    )
