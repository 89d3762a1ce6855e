"""The page on which a user answers an app that asks them to sign in elsewhere. OIDC CIBA §8."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts import second_factor
from accounts.authentication import authentication_in
from accounts.forms import NameForm
from accounts.models import Session
from accounts.places import place_of
from accounts.sessions import session_of
from accounts.views.recent_authentication import way_to_recent_authentication
from idp import events
from idp.authorization import backchannel_answer
from idp.authorization.backchannel_answer import agreed_by, level_asked
from idp.authorization.levels import SetUp, missing_level
from idp.clients.access_policy import allows
from idp.clients.display import app_of
from idp.clients.lookalikes import looks_like
from idp.endpoints.consent import asked_context, name_form_for, save_name
from idp.models import BackchannelAuthentication


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_request(request: HttpRequest, key: str) -> HttpResponse:
    """Show who asks, and take the answer; or show what became of the request."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    row = backchannel_answer.find(session.user, key)
    if row is None:  # another account's looks as one that never was
        return render(request, "account/sign_in_request_unknown.html", status=404)
    form = name_form_for(request, agreed_by(row), session.user)
    said = request.POST.get("answer")
    if request.method == "POST" and not (said == "approve" and form and not form.is_valid()):
        _answer(request, session, row, form)
        return redirect(request.path)
    return render(request, "account/sign_in_request.html", _context(request, session, row, form))


def _answer(
    request: HttpRequest,
    session: Session,
    row: BackchannelAuthentication,
    form: NameForm | None,
) -> None:
    """Take an answer; an approval counts only where nothing is missing for it."""
    now, said = timezone.now(), request.POST.get("answer")
    if said == "deny" and backchannel_answer.deny(row, now):
        _record(request, session, row, events.Kind.SIGN_IN_DENIED)
    elif (
        said == "approve"
        and _can_approve(session, row)
        and not _way_to_approval(request, session, row)
        and request.POST.get("shown_as") == row.client.display_fingerprint
        and backchannel_answer.approve(row, session, authentication_in(session), now)
    ):
        save_name(request, session.user, form)
        _record(request, session, row, events.Kind.SIGN_IN_APPROVED)


def _can_approve(session: Session, row: BackchannelAuthentication) -> bool:
    """Whether the app may be used now; it may have been disabled, or closed to the user, since."""
    return row.client.enabled and allows(row.client, session.user)


def _way_to_approval(request: HttpRequest, session: Session, row: BackchannelAuthentication) -> str:
    """Return the page that the user has to visit before they can approve; empty for none.

    The sign-in has to be a recent one, at the level that the app asks for.
    """
    here = request.get_full_path()
    if not second_factor.is_recent(request):
        return way_to_recent_authentication(request, here)
    step = missing_level(level_asked(row), authentication_in(session))
    if step is None:
        return ""
    if isinstance(step, SetUp):
        return second_factor.set_up_address(step.level, here)
    return second_factor.step_up_address(step.level, here)


def _context(
    request: HttpRequest,
    session: Session,
    row: BackchannelAuthentication,
    form: NameForm | None,
) -> dict[str, Any]:
    user, now = session.user, timezone.now()
    context: dict[str, Any] = {
        "asked": row,
        "app": app_of(row.client, ""),
        "user": user,
        "path": request.path,
    }
    if not row.is_pending(now):
        return context
    if not _can_approve(session, row):
        return {**context, "is_refused": True}
    return {
        **context,
        "is_pending": True,
        **asked_context(user, row.client, agreed_by(row), form),
        "looks_like": looks_like(row.client),
        "shown_as": row.client.display_fingerprint,
        "place": place_of(row.ip_address),
        "way": _way_to_approval(request, session, row),
    }


def _record(
    request: HttpRequest,
    session: Session,
    row: BackchannelAuthentication,
    kind: events.Kind,
) -> None:
    events.record(
        kind,
        request,
        user=session.user,
        client_id=row.client.client_id,
        scope=row.scope,
        binding_message=row.binding_message,
        user_agent=request.headers.get("User-Agent", "")[:400],
    )
