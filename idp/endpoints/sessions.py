"""The page of a user's devices: their sessions and the apps there, and signing out. ASVS 7.5.2.

After a sign-out the page shows which apps were notified.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import known_browsers, trusted_browsers
from accounts import signed_out as way
from accounts.devices import by_device, kind_of, words_for
from accounts.models import Session, User
from accounts.places import place_of
from accounts.sessions import Ending, end_sessions, session_of
from foundation.plain_text import isolated
from foundation.validity import at_a_limit
from idp import events
from idp.clients.display import name_of
from idp.endpoints.wire import methods
from idp.logout import client_sessions
from idp.logout.frontchannel import apps_of
from idp.models import ClientSession, Grant
from idp.tokens.refresh_token import clients_with_offline_access

#: What keeps the session of an app on a device: a grant that is not revoked.
_VALID_GRANT: Any = {"session": OuterRef("pk"), "revoked_at": None}
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


@dataclass(frozen=True)
class Device:
    """A browser with a user's sessions there, the last used first."""

    sessions: list[Session]
    apps: list[AppThere]
    is_present: bool

    @property
    def last(self) -> Session:
        """Return the session that was used last."""
        return self.sessions[0]

    @property
    def name(self) -> str:
        """Return the browser and system in words, or the app on a device without a browser."""
        if self.is_apps_own:
            return _("%(app)s on a device") % {"app": isolated(self.apps[0].name)}
        return words_for(self.last.user_agent)

    @property
    def is_apps_own(self) -> bool:
        """Whether an app alone is signed in there, by a code that the user approved."""
        return self.last.lasting and bool(self.apps)

    @property
    def icon(self) -> str:
        """Return the icon for the kind of device."""
        kind = kind_of(self.last.user_agent)
        return "device" if kind == "computer" else kind

    @property
    def to_end(self) -> Session | None:
        """Return one of the sessions that can be ended here, if there is any."""
        return next(iter(self.sessions[1:] if self.is_present else self.sessions), None)

    @property
    def sign_ins(self) -> list[tuple[Session, str]]:
        """Return each session with its place."""
        return [(session, place_of(session.ip_address)) for session in self.sessions]


@login_required
@methods("GET", "HEAD", "POST")
def sessions(request: HttpRequest) -> HttpResponse:
    """Show a user's devices; or end the sessions of one or of all others, or one app's part."""
    present = session_of(request)
    if present is None:
        return redirect("account_login")
    others = (
        Session.objects.select_related("user")
        .filter(user=present.user, ended_at=None)
        .exclude(at_a_limit(timezone.now()))
        .exclude(pk=present.pk)
        .exclude(Q(lasting=True) & ~Exists(Grant.objects.filter(**_VALID_GRANT)))
        .order_by("-last_seen_at")
    )
    if request.method == "POST":
        if "leave" in request.POST:
            return _leave(request, present.user)
        return _end(request, present, others)
    ended = [one for one in way.sessions_of(request.GET.get("of", "")) if one.user == present.user]
    devices = _devices(present, others)
    return render(
        request,
        "account/sessions.html",
        {
            "devices": devices,
            "has_others": sum(len(device.sessions) for device in devices) > 1,
            "present": present,
            "notified": apps_of(ended, elsewhere=True),
        },
    )


def _devices(present: Session, others: QuerySet[Session]) -> list[Device]:
    shown = [present, *others[:MOST]]
    apps = _apps_in(shown, present.user, timezone.now())
    return [
        Device(
            of_device,
            [app for session in of_device for app in apps[session.pk]],
            is_present=of_device[0] == present,
        )
        for of_device in by_device(shown)
    ]


def _end(request: HttpRequest, present: Session, others: QuerySet[Session]) -> HttpResponse:
    """End all other sessions, or those on the device of one of them."""
    user, chosen = present.user, request.POST.get("end", "").replace("\0", "")
    ending = list(others) if chosen == "others" else _with_its_device(chosen, others)
    end_sessions(ending, Ending.SIGNED_OUT_ELSEWHERE)
    messages.success(request, _("Signed out there."))
    response = redirect(way.about(ending, "account_sessions"))
    # A browser is known by a cookie that can't be taken from it, so this one alone stays known.
    trusted = trusted_browsers.of_this_browser(request, user)
    known_browsers.forget(user)
    known_browsers.remember(request, response, user, present.browser)
    trusted_browsers.keep_only(trusted, user)
    return response


def _with_its_device(session_id: str, others: QuerySet[Session]) -> list[Session]:
    """Return the sessions on the device of this session, which is one of them."""
    devices = by_device(others)
    return next((one for one in devices if any(row.pk == session_id for row in one)), [])


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
        .select_related("client", "session")
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
                None if part.session.lasting else part.last_used,
                goes_on=part.client_id in go_on and not part.session.lasting,
            )
        )
    return found
