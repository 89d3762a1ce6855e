"""The page of a user's sessions and the apps in them, and signing out there. ASVS 7.4.5, 7.5.2.

After a sign-out the page shows which apps were notified.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import known_browsers
from accounts import signed_out as way
from accounts.devices import words_for
from accounts.models import Session, User
from accounts.session_limits import at_a_limit
from accounts.sessions import Ending, end_sessions, session_of
from foundation.plain_text import isolated
from idp import events
from idp.clients.display import name_of
from idp.endpoints.wire import methods
from idp.logout import client_sessions
from idp.logout.frontchannel import apps_of
from idp.models import ClientSession
from idp.tokens.refresh_token import clients_with_offline_access

#: How many sessions the page shows, and how many apps in all of them.
MOST = 50
_MOST_APPS = 500


@dataclass(frozen=True)
class AppThere:
    """An app that is part of a session."""

    sid: str
    name: str
    since: datetime
    last_used: datetime | None
    #: Whether it has offline access, which continues after the session.
    goes_on: bool


@login_required
@methods("GET", "HEAD", "POST")
def sessions(request: HttpRequest) -> HttpResponse:
    """Show a user's sessions; or end one, all others, or the part of one app in one."""
    present = session_of(request)
    if present is None:
        return redirect("account_login")
    others = (
        Session.objects.select_related("user")
        .filter(user=present.user, ended_at=None)
        .exclude(at_a_limit(timezone.now()))
        .exclude(pk=present.pk)
        .order_by("-last_seen_at")
    )
    if request.method == "POST":
        if "leave" in request.POST:
            return _leave(request, present.user)
        return _end(request, present.user, others)
    shown = [present, *others[:MOST]]
    apps = _apps_in(shown, present.user, timezone.now())
    ended = [one for one in way.sessions_of(request.GET.get("of", "")) if one.user == present.user]
    return render(
        request,
        "account/sessions.html",
        {
            "sessions": [(words_for(one.user_agent), one, apps[one.pk]) for one in shown],
            "present": present,
            "notified": apps_of(ended, elsewhere=True),
        },
    )


def _end(request: HttpRequest, user: User, others: QuerySet[Session]) -> HttpResponse:
    chosen = request.POST.get("end", "").replace("\0", "")
    ending = list(others if chosen == "others" else others.filter(pk=chosen))
    end_sessions(ending, Ending.SIGNED_OUT_ELSEWHERE)
    messages.success(request, _("Signed out there."))
    response = redirect(way.about(ending, "account_sessions"))
    # Which browser had which session is not known, so this one alone stays known.
    known_browsers.forget(user)
    known_browsers.remember(request, response, user)
    return response


def _leave(request: HttpRequest, user: User) -> HttpResponse:
    """End the part of one app in a session; the session and its other apps continue."""
    sid = request.POST["leave"].replace("\0", "")
    parts = ClientSession.objects.filter(sid=sid, session__user=user)
    client = next((part.client for part in parts.select_related("client")), None)
    if client is not None and client_sessions.end(parts, timezone.now()):
        reason = "Ended for this app alone."
        events.record(
            events.Kind.SESSION_ENDED, request, user=user, client_id=client.client_id, reason=reason
        )
        said = (
            _("You are signed out of %(app)s there. It is being told.")
            if client.enabled and client.backchannel_logout_uri
            else _("%(app)s has no access through that sign-in any more. Sign out there, too.")
        )
        messages.success(request, said % {"app": isolated(name_of(client))})
    return redirect("account_sessions")


def _apps_in(
    shown: Iterable[Session], user: User, now: datetime
) -> defaultdict[str, list[AppThere]]:
    """Return the apps of each of these sessions, by the session's key."""
    parts = (
        ClientSession.objects.filter(session__in=shown, ended_at=None)
        .select_related("client")
        .annotate(last_used=Max("grant__created_at"))
        .order_by("-created_at")
    )
    go_on = clients_with_offline_access(user, now)
    found = defaultdict(list)
    for part in parts[:_MOST_APPS]:
        found[part.session_id].append(
            AppThere(
                part.sid,
                name_of(part.client),
                part.created_at,
                part.last_used,
                goes_on=part.client_id in go_on,
            )
        )
    return found
