"""The first page of the account console."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import check_up, profile
from accounts.authentication import method_in_words
from accounts.devices import words_for
from accounts.models import Session, User
from accounts.sessions import session_of
from foundation.validity import at_a_limit
from idp.authorization.backchannel_answer import pending_of
from idp.clients.display import name_of
from idp.endpoints.apps import App, apps_of
from idp.endpoints.wire import methods

#: How many devices and apps the page names.
_NAMED = 3


@login_required
@methods("GET", "HEAD")
def overview(request: HttpRequest) -> HttpResponse:
    """Show the check-up, the devices, the connected apps and the last sign-in."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    user = session.user
    security = check_up.security_of(user)
    steps = check_up.steps_for(security)
    live = _live_sessions(user)
    return render(
        request,
        "account/overview.html",
        {
            "greeting": profile.greeting(user),
            "asking": [
                (name_of(row.client), row.binding_message, row.key)
                for row in pending_of(user, timezone.now())
            ],
            "security": security,
            "steps": steps,
            "done": sum(step.done for step in steps),
            "next_step": check_up.next_step(steps),
            "sessions": _summary(live, session),
            "apps": _apps(apps_of(user)),
            "last_sign_in": _last_sign_in(live),
        },
    )


def _live_sessions(user: User) -> list[Session]:
    live = user.sessions.filter(ended_at=None).exclude(at_a_limit(timezone.now()))
    return list(live.order_by("-last_seen_at"))


def _summary(live: Sequence[Session], present: Session) -> dict[str, Any]:
    others = [one for one in live if one.pk != present.pk]
    return {
        "number": len(others) + 1,
        "present": words_for(present.user_agent),
        "others": [(words_for(one.user_agent), one.last_seen_at) for one in others[: _NAMED - 1]],
    }


def _apps(apps: Sequence[App]) -> dict[str, Any]:
    return {
        "number": len(apps),
        "names": [app.name for app in apps[:_NAMED]],
        "more": max(0, len(apps) - _NAMED),
        "last_used": max((app.last_used for app in apps if app.last_used), default=None),
    }


def _last_sign_in(live: Sequence[Session]) -> dict[str, Any]:
    # An app's own session begins with the sign-in of the browser that approved it.
    last = max(live, key=lambda session: (session.authenticated_at, not session.lasting))
    return {
        "at": last.authenticated_at,
        "device": words_for(last.user_agent),
        "method": method_in_words(last.methods),
    }
