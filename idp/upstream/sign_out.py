"""Sign-out at the upstream where a session began. OIDC RP-Initiated Logout §2: we are the client.

Users who have signed out here are offered it, or taken there where the operator says so. They come
back to `idp.endpoints.upstream_sign_out`. At SAML identity providers it is
`idp.upstream.saml.sign_out`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language

from accounts import signed_out
from accounts.allauth_door import sign_ins
from accounts.models import Session
from accounts.sessions import Ending
from accounts.upstream import journeys
from accounts.upstream.journeys import Asked, Errand
from accounts.upstream.model import Upstream, UpstreamSession
from accounts.upstream.refusals import UnreachableError, UpstreamRefusedError
from idp.protocol.rules import upholds
from idp.upstream import discovery
from idp.upstream.kinds import is_openid
from idp.upstream.openid import with_query
from idp.upstream.saml.kind import is_saml


@dataclass(frozen=True)
class WayOut:
    """An upstream at which a user may sign out, too."""

    name: str
    #: A path of ours that leads there.
    address: str
    #: Whether the user is taken there without being asked.
    is_automatic: bool


def return_address(upstream: Upstream) -> str:
    """Return where an upstream sends users whom it has signed out."""
    return settings.IDP_ORIGIN + reverse("account_upstream_signed_out", args=[upstream.slug])


def ways_out(request: HttpRequest, ended: list[Session], target: str = "") -> list[WayOut]:
    """Return where the user of this browser's ended sessions may sign out, each upstream once.

    `target` is a path of ours that they go on to from there; without it, the page about the
    sessions. None for a user who is signed in still, with another account.
    """
    if request.user.is_authenticated:
        return []
    target = target or signed_out.about(ended)
    first = {row.upstream_id: row for row in reversed(_begun_there(ended))}
    return [
        WayOut(
            row.upstream.name,
            _address(row, target),
            row.upstream.sign_out_there == Upstream.SignOut.ALWAYS,
        )
        for row in reversed(first.values())
        if _is_possible(row)
    ]


def session_in(note: str, slug: str) -> UpstreamSession | None:
    """Return the upstream's session of those that a note of ours is about, if they have ended."""
    rows = _begun_there(signed_out.sessions_of(note))
    return next((row for row in rows if row.upstream.slug == slug), None)


@upholds("OIDC RP-Initiated Logout §2")
def begin(request: HttpRequest, row: UpstreamSession, target: str) -> HttpResponse:
    """Send a browser to the upstream to sign out there, and to a path of ours in the end.

    Raises UpstreamRefusedError, RateLimitExceededError.
    """
    upstream = row.upstream
    if is_saml(upstream):
        from idp.upstream.saml import sign_out as single_logout  # needs lxml

        return single_logout.send(request, row, target)
    endpoint = discovery.of(upstream).end_session_endpoint
    if not endpoint:
        raise UpstreamRefusedError("The upstream has no end_session_endpoint.")
    asked = Asked(next=target)
    state = journeys.begin(request, upstream, asked, Errand.SIGN_OUT, session=row.session_id)
    parameters = {
        "id_token_hint": row.id_token,
        "client_id": upstream.client_id,
        "post_logout_redirect_uri": return_address(upstream),
        "state": state,
        "ui_locales": get_language() or "",
    }
    return redirect(with_query(endpoint, parameters))


def _begun_there(ended: Iterable[Session]) -> list[UpstreamSession]:
    """Return what is known of those that began at upstreams in this browser, in their order."""
    of_browser = {
        session.pk: place
        for place, session in enumerate(ended)
        if not session.lasting and session.ending != Ending.SIGNED_OUT_ELSEWHERE
        # Else there is nothing to ask the database for.
        if any(record.get("method") == sign_ins.UPSTREAM for record in session.methods)
    }
    if not of_browser:
        return []
    rows = UpstreamSession.objects.filter(session__in=of_browser, upstream__enabled=True)
    rows = rows.exclude(upstream__sign_out_there=Upstream.SignOut.NEVER)
    found = rows.select_related("upstream").defer("upstream__mark")
    return sorted(found, key=lambda row: of_browser[row.session_id])


def _is_possible(row: UpstreamSession) -> bool:
    """Whether the upstream has an address to sign out at, and we what it wants for it."""
    if is_saml(row.upstream):
        from idp.upstream.saml import sign_out as single_logout  # needs lxml

        return single_logout.is_possible(row)
    try:
        return is_openid(row.upstream) and bool(discovery.of(row.upstream).end_session_endpoint)
    except UnreachableError:
        return False


def _address(row: UpstreamSession, target: str) -> str:
    query = {"of": signed_out.note_of([row.session]), "next": target}
    return reverse("account_upstream_sign_out", args=[row.upstream.slug], query=query)
