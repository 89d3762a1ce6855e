"""The page after a sign-out: of what, which apps were told, and on to where the client said."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from accounts import signed_out as way
from idp.endpoints.wire import methods
from idp.logout.frontchannel import SignedOut, apps_of
from idp.protocol.redirect_uris import origin_of


@never_cache
@methods("GET", "HEAD")
def signed_out(request: HttpRequest) -> HttpResponse:
    """Say that signing out worked; whoever is signed in again meanwhile sees their account."""
    if request.user.is_authenticated:
        return redirect("account_home")
    return page(request, apps_of(way.sessions_of(request.GET.get("of", ""))))


def page(request: HttpRequest, apps: list[SignedOut], continue_to: str = "") -> HttpResponse:
    """Show which apps took part, have the browser tell those that want it, and lead on.

    Where to go on to is a client's verified address; it is reached when all have been told, or
    have had a few seconds (OIDC Front-Channel Logout §3).
    """
    frames = [app.frame for app in apps if app.frame]
    response = render(
        request,
        "account/signed_out.html",
        {"apps": apps, "frames": frames, "continue_to": continue_to},
    )
    policies = {"frame-src": sorted({origin_of(frame) for frame in frames})} if frames else {}
    response._csp_update = policies or None  # type: ignore[attr-defined]
    return response
