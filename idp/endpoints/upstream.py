"""Where a sign-in at an upstream begins, and where it comes back. OIDC Core §3.1.2.

Every failure is a page of ours with a reference number; the reason is in the event.
"""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from accounts.next import is_ours, next_of
from accounts.upstream import journeys, kinds, sign_in
from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import DisabledError, StaleError, UpstreamRefusedError
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.too_many import refuses_beyond_limits
from foundation import plain_text, rate_limits
from foundation.client_address import rate_limit_key
from idp import events
from idp.current_interaction import interaction_of
from idp.models import Event
from idp.protocol.errors import printable
from idp.upstream import openid

_LONGEST = 254
#: Whoever comes from elsewhere has sent no form of ours.
_FROM_ELSEWHERE = frozenset({"cross-site", "same-site", "none"})


@require_GET
@refuses_beyond_limits
def begin(request: HttpRequest, slug: str) -> HttpResponse:
    """Send the browser to an upstream."""
    return _begin(request, slug, _asked(request))


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
@refuses_beyond_limits
def connect(request: HttpRequest, slug: str) -> HttpResponse:
    """Send a signed-in user to an upstream, to connect the account that they choose there.

    Whoever comes back from signing in again, by GET, presses the button once more.
    """
    back = reverse("account_connected_accounts")
    if request.method != "POST":
        return redirect(back)
    choose = {"ui_locales": get_language() or "", "prompt": "select_account"}
    return _begin(request, slug, Asked(next=back, connects=request.user.pk, parameters=choose))


def _begin(request: HttpRequest, slug: str, asked: Asked) -> HttpResponse:
    upstream = Upstream.objects.filter(slug=slug).first()
    try:
        kind = kinds.named(upstream.kind) if upstream is not None and upstream.enabled else None
        if upstream is None or kind is None:
            raise DisabledError("There is no enabled upstream of this name and kind.")
        return by_page(request, upstream, kind.begin(request, upstream, asked))
    except UpstreamRefusedError as error:
        return refused(request, upstream, error, asked)


@csrf_exempt
@require_http_methods(["GET", "POST"])
@refuses_beyond_limits
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    """Judge what an upstream answers, and go on signing in.

    A form of its page comes without our cookies: it is kept, and taken up by a GET that has them.
    """
    upstream, asked = Upstream.objects.filter(slug=slug).first(), Asked()
    try:
        kind = kinds.named(upstream.kind) if upstream is not None and upstream.enabled else None
        if upstream is None or kind is None or kind.identity is None:
            raise DisabledError("There is no enabled upstream of this name that answers here.")
        if request.method == "POST":
            return _kept(request, upstream, kind)
        parameters, journey = openid.returned(request, upstream, by_form=kind.answers_by_form)
        asked = journey.asked
        return signed_in(request, kind.identity(upstream, parameters, journey), asked)
    except UpstreamRefusedError as error:
        return refused(request, upstream, error, asked)


def _kept(request: HttpRequest, upstream: Upstream, kind: kinds.Kind) -> HttpResponse:
    if not kind.answers_by_form:
        raise StaleError("Upstreams of this kind do not answer by a form.")
    rate_limits.count((journeys.ANSWERED, rate_limit_key(request)))
    query = {"ticket": openid.kept(request, upstream)}
    return redirect(reverse("account_upstream_callback", args=[upstream.slug], query=query))


def signed_in(request: HttpRequest, identity: Identity, asked: Asked) -> HttpResponse:
    """Sign in a judged identity; or send the browser there again, where a session would end soon.

    Raises UpstreamRefusedError.
    """
    kind = kinds.named(identity.upstream.kind)
    if kind is not None and _is_too_old(identity, asked):
        newer = {**asked.parameters, "max_age": str(_oldest())}
        return kind.begin(request, identity.upstream, replace(asked, parameters=newer))
    return sign_in.go_on(request, identity, asked)


def refused(
    request: HttpRequest, upstream: Upstream | None, error: UpstreamRefusedError, asked: Asked
) -> HttpResponse:
    """Return the page that says why, and how to go on; record the reason."""
    reference = events.record(
        Event.Kind.SIGN_IN_FAILED,
        request,
        reason=printable(str(error)),
        upstream=upstream.slug if upstream else "",
    )
    target = asked.next if is_ours(asked.next) else ""
    query = {"next": target} if target else {}
    names = {"name": upstream.name if upstream else ""}
    again = upstream is not None and not isinstance(error, DisabledError)
    context = {
        "heading": str(error.heading) % names,
        "sentence": str(error.sentence) % names,
        "reference": reference,
        "upstream": upstream if again else None,
        "again": _again(upstream, asked, query) if upstream is not None and again else "",
        "another_way": reverse("account_login", query={**query, "choose": "1"}),
        "is_stale": isinstance(error, StaleError),
    }
    return render(request, "upstream_refused.html", context, status=HTTPStatus.BAD_REQUEST)


def _again(upstream: Upstream, asked: Asked, query: dict[str, str]) -> str:
    """Return where to try again; to connect an account, that is the page with the button."""
    if asked.connects is not None:
        return reverse("account_connected_accounts")
    return reverse("account_upstream", args=[upstream.slug], query=query)


def _asked(request: HttpRequest) -> Asked:
    """Return what a sign-in is asked with: by the page, and by the app that waits for it."""
    row = interaction_of(request)
    wanted = row.parameters if row is not None else {}
    hint = request.GET.get("login_hint") or wanted.get("login_hint") or ""
    prompts = set(wanted.get("prompt", "").split())
    passed_on = {"ui_locales": get_language() or ""}
    if wanted.get("acr_values"):
        passed_on["acr_values"] = wanted["acr_values"]
    if "fresh" in request.GET or "login" in prompts:
        passed_on.update(prompt="login", max_age="0")
    elif "choose" in request.GET or "select_account" in prompts:
        passed_on["prompt"] = "select_account"
    max_age = wanted.get("max_age") or (row.client.default_max_age if row is not None else None)
    if max_age is not None:
        passed_on.setdefault("max_age", str(max_age))
    return Asked(
        next=next_of(request),
        login_hint="" if len(hint) > _LONGEST or plain_text.problem_with(hint) else hint,
        parameters=passed_on,
    )


def _oldest() -> int:
    """Return how old, in seconds, an authentication may be that a session begins with.

    Half of how long our sessions last, which counts from it.
    """
    return int(settings.IDP_SESSION_HOURS * 1800)


def _is_too_old(identity: Identity, asked: Asked) -> bool:
    """Whether a session would end soon, so that the user is to authenticate there again.

    That is asked for once: the next answer has to be as new as it was asked for.
    """
    at, max_age = identity.authenticated_at, asked.parameters.get("max_age")
    is_limited = max_age is not None and int(max_age) <= _oldest()
    return at is not None and not is_limited and at < timezone.now() - timedelta(seconds=_oldest())


def by_page(request: HttpRequest, upstream: Upstream, response: HttpResponse) -> HttpResponse:
    """Go on by a page: a form of ours may have led here. CSP 3 §6.4.1, `interstitial`."""
    target = response.headers.get("Location", "")
    if not target or is_ours(target) or request.headers.get("Sec-Fetch-Site") in _FROM_ELSEWHERE:
        return response
    context = {"app": {"name": upstream.name}, "target": target}
    page = render(request, "interstitial.html", context)
    page["Referrer-Policy"] = "no-referrer"
    return page
