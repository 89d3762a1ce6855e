"""The way to an upstream to sign out there, and back. OIDC RP-Initiated Logout §2, §3.

Both lead to paths of ours alone; an app's address is verified anew where it is left for.
"""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.next import is_ours, next_of, split
from accounts.upstream import journeys
from accounts.upstream.journeys import Errand, Journey
from accounts.upstream.model import Upstream, UpstreamSession
from accounts.upstream.refusals import StaleError, UpstreamRefusedError
from accounts.views.too_many import refuses_beyond_limits
from idp.endpoints.upstream import by_page
from idp.upstream import sign_out
from idp.upstream.kinds import is_openid


@require_GET
@never_cache
@refuses_beyond_limits
def begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a user who has just signed out here to the upstream that they came from.

    The note in the address is signed and lasts for minutes; without it, no user is redirected.
    """
    target = _ours(next_of(request))
    row = sign_out.session_in(request.GET.get("of", ""), slug)
    if row is None or request.user.is_authenticated:
        return redirect(target)
    try:
        response = sign_out.begin(request, row, target)
    except UpstreamRefusedError:
        said = _("%(name)s can’t be reached. Sign out there yourself.")
        _say(request, target, messages.ERROR, said % {"name": row.upstream.name})
        return redirect(target)
    if row.upstream.sign_out_there == Upstream.SignOut.ALWAYS:
        row.delete()  # No user is sent there twice, whether or not it lets them come back.
    return by_page(request, row.upstream, response)


@require_GET
@never_cache
def finish(request: HttpRequest, slug: str) -> HttpResponse:
    """Go on from an OpenID provider that has signed a user out."""
    upstream = Upstream.objects.filter(slug=slug).first()
    if upstream is None or not is_openid(upstream):
        return redirect("account_signed_out")
    return came_back(request, upstream, request.GET.get("state", ""))


def came_back(
    request: HttpRequest,
    upstream: Upstream,
    state: str,
    judge: Callable[[Journey], None] = lambda _: None,
) -> HttpResponse:
    """Go on from an upstream to where this browser was to go on, and say what was done there.

    `judge` raises UpstreamRefusedError unless the upstream has said that it has signed them out.
    """
    try:
        journey = journeys.take(request, upstream, state, Errand.SIGN_OUT)
    except StaleError:
        return redirect("account_signed_out")
    target = _ours(journey.asked.next)
    try:
        judge(journey)
    except UpstreamRefusedError:
        said = _("%(name)s has not confirmed that you are signed out. Sign out there yourself.")
        _say(request, target, messages.ERROR, said % {"name": upstream.name})
        return redirect(target)
    over = UpstreamSession.objects.filter(session__ended_at__isnull=False)
    over.filter(session=journey.noted["session"]).delete()
    said = _("You have been signed out at %(name)s, too.")
    _say(request, target, messages.SUCCESS, said % {"name": upstream.name})
    return redirect(target)


def _ours(target: str) -> str:
    return target if is_ours(target) else reverse("account_signed_out")


def _say(request: HttpRequest, target: str, level: int, text: str) -> None:
    """Say something on our page after a sign-out; whoever goes on to an app does not see it."""
    if split(target).path == reverse("account_signed_out"):
        messages.add_message(request, level, text)
