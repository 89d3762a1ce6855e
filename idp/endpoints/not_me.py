"""“This wasn't me”: end all of a user's sessions, and let them set a new password by a mailed code.

Whoever has a stolen session, or the password, can end sessions here and nothing else: this session
ends, too, and only the account's mailbox has the code.
"""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import account_switching, known_browsers, passwords
from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions, session_of
from foundation import rate_limits
from foundation.rate_limits import RateLimit, RateLimitExceededError
from idp import events
from idp.activity.entries import Entry, Kind, recent_changes
from idp.endpoints.activity_words import Line, Words
from idp.endpoints.wire import methods
from idp.models import Event
from idp.models.event import is_reference

#: Codes that are mailed from here. Beyond it, users go to the page that mails codes.
CODE_MAILS = RateLimit("not-me-code-mails", 10, timedelta(days=1))
#: Where users undo a change.
_UNDONE_AT: dict[str, str] = {
    Kind.EMAIL_CHANGED: "account_email",
    Kind.FACTOR_ADDED: "mfa_index",
    Kind.FACTOR_REMOVED: "mfa_index",
    "browser-trusted": "mfa_index",
    Kind.CONSENTED: "account_apps",
    Kind.DEVICE_APPROVED: "account_sessions",
    Kind.SIGN_IN_APPROVED: "account_apps",
}


@methods("GET", "HEAD", "POST")
def not_me(request: HttpRequest) -> HttpResponse:
    """Explain what happens and show recent changes; or sign out everywhere and mail a code.

    Users who are not signed in, such as those who come from a mail, can set a new password.
    """
    session = session_of(request)
    if session is None:
        return render(request, "account/not_me_signed_out.html")
    user = session.user
    about = _event_of(user, request.GET.get("about", ""))
    if request.method == "POST":
        return _secure(request, session, about)
    changes = recent_changes(user, timezone.now())
    told = [about] if about else []
    words = Words(Entry(event.at, event) for event in [*told, *changes])
    return render(
        request,
        "account/not_me.html",
        {
            "about": words.line(Entry(about.at, about)) if about else None,
            "changes": [_change(words.line(Entry(event.at, event))) for event in changes],
            "is_done": "done" in request.GET,
        },
    )


def _secure(request: HttpRequest, session: Session, about: Event | None) -> HttpResponse:
    """End all sessions of the user, record it for operators, and mail a code for a new password."""
    user = session.user
    events.record(
        events.Kind.NOT_ME,
        request,
        user=user,
        about=about.reference if about else None,
        user_agent=request.headers.get("User-Agent", "")[:400],
    )
    end_sessions(user.sessions.select_related("user").filter(ended_at=None), Ending.NOT_ME)
    known_browsers.forget(user)
    account_switching.sign_out(request, session.pk)
    onward = {"next": reverse("account_not_me", query={"done": "1"})}
    try:
        rate_limits.count((CODE_MAILS, str(user.pk)))
    except RateLimitExceededError:
        messages.success(request, _("You are signed out everywhere. Now set a new password."))
        return redirect(reverse("account_reset_password", query=onward))
    passwords.begin_reset(request, user, user.email)
    messages.success(
        request, _("You are signed out everywhere. Now set a new password: we have mailed a code.")
    )
    return redirect(reverse("account_confirm_password_reset_code", query=onward))


def _event_of(user: User, reference: str) -> Event | None:
    """Return the user's own event with this reference."""
    if not is_reference(reference):
        return None
    return Event.objects.filter(user=user, reference=reference).first()


def _change(line: Line) -> dict[str, Any]:
    name = _UNDONE_AT.get(line.entry.event.kind) if line.entry.event else None
    return {"line": line, "undone_at": reverse(name) if name else ""}
