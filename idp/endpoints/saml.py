"""What a SAML identity provider, and its operator, come to. SAML Profiles §4.1 and §4.4.

The response comes by a form of another site, without our cookies. So it is judged, kept, and taken
up by a GET that the browser sends itself, with them.
"""

from dataclasses import asdict
from secrets import compare_digest

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from accounts.upstream import answers, journeys
from accounts.upstream.journeys import Asked
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import DisabledError, StaleError, UpstreamRefusedError
from accounts.views.too_many import refuses_beyond_limits
from foundation import rate_limits
from foundation.client_address import rate_limit_key
from idp.endpoints import upstream as pages
from idp.endpoints import upstream_sign_out
from idp.protocol.rules import upholds
from idp.upstream.saml.kind import is_saml

_TYPE = "application/samlmetadata+xml"
#: Characters of a state of ours. SAML Bindings §3.5.3 allows 80.
_LONGEST_STATE = 80


@require_GET
def metadata(_request: HttpRequest, slug: str) -> HttpResponse:
    """Say what we are to the identity provider. SAML Metadata §4.1.1."""
    upstream = Upstream.objects.filter(slug=slug).first()
    if upstream is None or not is_saml(upstream):
        raise Http404
    from idp.upstream.saml import own_metadata  # needs lxml

    try:
        return HttpResponse(own_metadata.document(upstream), content_type=_TYPE)
    except UpstreamRefusedError:
        raise Http404 from None


@csrf_exempt
@require_POST
@refuses_beyond_limits
def consume(request: HttpRequest, slug: str) -> HttpResponse:
    """Judge a response, keep it, and lead the browser on to take it up."""
    rate_limits.count((journeys.ANSWERED, rate_limit_key(request)))
    upstream = Upstream.objects.filter(slug=slug).first()
    try:
        ticket = _kept(request, _usable(upstream))
    except UpstreamRefusedError as error:
        return pages.refused(request, upstream, error, Asked())
    return redirect(reverse("account_saml_finish", args=[slug], query={"ticket": ticket}))


@require_GET
@refuses_beyond_limits
def finish(request: HttpRequest, slug: str) -> HttpResponse:
    """Go on signing in, in the browser that has asked for this response."""
    upstream, asked = Upstream.objects.filter(slug=slug).first(), Asked()
    try:
        usable, now = _usable(upstream), timezone.now()
        from idp.upstream.saml import response  # needs lxml

        kept = answers.take(usable, request.GET.get("ticket", ""), now)
        journey = journeys.take(request, usable, kept.pop("state"))
        asked = journey.asked
        answer = response.Answer(**kept)
        _answers(answer.request_id, journey.noted.get("request_id"))
        return pages.signed_in(request, response.identity(usable, answer, journey, now), asked)
    except UpstreamRefusedError as error:
        return pages.refused(request, upstream, error, asked)


@require_GET
@refuses_beyond_limits
def logout(request: HttpRequest, slug: str) -> HttpResponse:
    """End the sessions that a request of the identity provider names, and send the answer back.

    Or go on after its answer to a request of ours.
    """
    rate_limits.count((journeys.ANSWERED, rate_limit_key(request)))
    upstream = Upstream.objects.filter(slug=slug).first()
    try:
        if upstream is None or not is_saml(upstream):
            raise DisabledError("There is no upstream of this name that speaks SAML.")
        from idp.upstream.saml import logout as single_logout  # needs lxml

        query = request.META.get("QUERY_STRING", "")
        if "SAMLResponse" in request.GET:
            return _signed_out_there(request, upstream, query)
        return redirect(single_logout.obey(upstream, query, timezone.now()))
    except UpstreamRefusedError as error:
        return pages.refused(request, upstream, error, Asked())


def _signed_out_there(request: HttpRequest, upstream: Upstream, query: str) -> HttpResponse:
    from idp.upstream.saml import sign_out  # needs lxml

    return upstream_sign_out.came_back(
        request,
        upstream,
        request.GET.get("RelayState", ""),
        lambda journey: sign_out.judge(upstream, query, journey.noted["request_id"]),
    )


def _usable(upstream: Upstream | None) -> Upstream:
    if upstream is None or not upstream.enabled or not is_saml(upstream):
        raise DisabledError("There is no enabled upstream of this name that speaks SAML.")
    return upstream


def _kept(request: HttpRequest, upstream: Upstream) -> str:
    """Judge a form, and return the ticket of what it says. Raises UpstreamRefusedError."""
    from idp.upstream.saml import response  # needs lxml

    encoded, state = request.POST.get("SAMLResponse"), request.POST.get("RelayState", "")
    if not encoded:
        raise StaleError("The form has no SAMLResponse.")
    now = timezone.now()
    answer = response.judged(upstream, encoded, now)
    said = {**asdict(answer), "state": state[:_LONGEST_STATE]}
    return answers.keep(upstream, answer.message_id, said, now)


@upholds("SAML Profiles §4.1.4.3")
def _answers(said: str, request_id: str | None) -> None:
    """Refuse a response to another request than that of this browser."""
    if request_id is None or not compare_digest(said.encode(), request_id.encode()):
        raise StaleError("The response answers another request (InResponseTo).")
