"""The page after a sign-out: which apps were notified, and the way to the client's address."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts import known_browsers
from accounts import signed_out as way
from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from foundation.validity import at_a_limit
from idp.endpoints.wire import methods
from idp.logout.frontchannel import SignedOut, apps_of
from idp.protocol.redirect_uris import origin_of
from idp.upstream import sign_out
from idp.upstream.sign_out import WayOut

#: How often the page loads itself again without script, each time after three seconds.
_RELOADS = 5


@methods("GET", "HEAD", "POST")
def signed_out(request: HttpRequest) -> HttpResponse:
    """Show that the user is signed out; a user who is signed in again sees their account."""
    if request.user.is_authenticated:
        return redirect("account_home")
    ended = way.sessions_of(request.GET.get("of", ""))
    if request.method == "POST":
        return _everywhere(request, ended)
    ways = sign_out.ways_out(request, ended)
    return page(request, apps_of(ended), elsewhere=len(_others(ended)), ways=ways)


def page(
    request: HttpRequest,
    apps: list[SignedOut],
    *,
    continue_to: str = "",
    continue_name: str = "",
    elsewhere: int = 0,
    ways: Sequence[WayOut] = (),
) -> HttpResponse:
    """Show which apps took part, notify those with front-channel logout, and go on.

    The target is a client's verified post_logout_redirect_uri, with the client's name. It is opened
    when all frames have loaded, or after a few seconds (OIDC Front-Channel Logout §3). With ways to
    sign out at upstreams, the page waits for the user, or takes them there.
    """
    frames = [app.frame for app in apps if app.frame]
    taken = next((way.address for way in ways if way.is_automatic), "")
    if taken and not frames:
        return redirect(taken)
    is_pending = any(app.is_pending for app in apps) and not frames
    context = {
        "apps": apps,
        "frames": frames,
        "continue_to": taken or continue_to,
        "continue_name": "" if taken else continue_name,
        "ways": () if taken else ways,
        "is_pending": is_pending,
        "reload_at": _reload_at(request) if is_pending else "",
        "back": _back(apps),
        "elsewhere": elsewhere,
    }
    response = render(request, "account/signed_out.html", context)
    policies = {"frame-src": sorted({origin_of(frame) for frame in frames})} if frames else {}
    response._csp_update = policies or None  # type: ignore[attr-defined]
    return response


def _back(apps: list[SignedOut]) -> SignedOut | None:
    """Return the app to go back to, if there was only one and it has a page."""
    return apps[0] if len(apps) == 1 and apps[0].open_at else None


def _reload_at(request: HttpRequest) -> str:
    """Return where the page says more in a moment, or nothing after some times."""
    times = request.GET.get("times", "0")
    seen = int(times) if times.isascii() and times.isdecimal() else _RELOADS
    if seen >= _RELOADS:
        return ""
    query = urlencode({"of": request.GET.get("of", ""), "times": str(seen + 1)})
    return f"{reverse('account_signed_out')}?{query}"


def _others(ended: list[Session]) -> list[Session]:
    """Return the valid sessions that the users of ended ones have elsewhere."""
    live = Session.objects.filter(user__in={one.user_id for one in ended}, ended_at=None)
    return list(live.exclude(at_a_limit(timezone.now())).select_related("user"))


def _everywhere(request: HttpRequest, ended: list[Session]) -> HttpResponse:
    """End the other sessions, too. The page's address is signed and lasts for minutes."""
    others = _others(ended)
    end_sessions(others, Ending.SIGNED_OUT_ELSEWHERE)
    for user in {one.user for one in ended}:
        known_browsers.forget(user)
    messages.success(request, _("You are signed out everywhere."))
    return redirect(way.about([*ended, *others]))
