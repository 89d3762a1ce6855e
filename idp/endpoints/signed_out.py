"""The page after a sign-out: which apps were notified, and the way to the client's address."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import signed_out as way
from idp.endpoints.wire import methods
from idp.logout.frontchannel import SignedOut, apps_of
from idp.protocol.redirect_uris import origin_of


@methods("GET", "HEAD")
def signed_out(request: HttpRequest) -> HttpResponse:
    """Show that the user is signed out; a user who is signed in again sees their account."""
    if request.user.is_authenticated:
        return redirect("account_home")
    return page(request, apps_of(way.sessions_of(request.GET.get("of", ""))))


def page(request: HttpRequest, apps: list[SignedOut], continue_to: str = "") -> HttpResponse:
    """Show which apps took part, notify those with front-channel logout, and go on.

    The target is a client's verified post_logout_redirect_uri. It is opened when all frames have
    loaded, or after a few seconds (OIDC Front-Channel Logout §3).
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
