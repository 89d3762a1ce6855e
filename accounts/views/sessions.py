"""Where somebody is signed in, and signing out there. ASVS 7.4.5, 7.5.2."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.devices import words_for
from accounts.models import Session
from accounts.sessions import Ending, end_sessions, session_of

#: How many the page shows.
MOST = 50


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(http: HttpRequest) -> HttpResponse:
    """Show a person's sign-ins, or end one or all of the others."""
    present = session_of(http)
    if present is None:
        return redirect("account_login")
    others = (
        Session.objects.select_related("user")
        .filter(user=present.user, ended_at=None)
        .exclude(pk=present.pk)
        .order_by("-last_seen_at")
    )
    if http.method == "POST":
        chosen = http.POST.get("end", "")
        end_sessions(
            others if chosen == "others" else others.filter(pk=chosen), Ending.SIGNED_OUT_ELSEWHERE
        )
        messages.success(http, _("Signed out there."))
        return redirect("account_sessions")
    shown = [present, *others[:MOST]]
    return render(
        http,
        "account/sessions.html",
        {
            "sessions": [(words_for(session.user_agent), session) for session in shown],
            "present": present,
        },
    )
