"""The page of a user's data: an export of all of it, and the way to delete the account."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.second_factor import is_recent
from accounts.sessions import session_of
from accounts.views.recent_authentication import recent_authentication_required, sign_in_page
from accounts.views.too_many import refuses_beyond_limits
from foundation import rate_limits
from foundation.rate_limits import RateLimit
from idp import events, policy
from idp.data_exports import stored
from idp.data_exports.document import document_of, is_large
from idp.endpoints.wire import methods
from idp.models import DataExport

EXPORTS = RateLimit("data-exports", 10, timedelta(hours=1))
#: Events, or sessions, up to which the document is made at once: some tenths of a second.
AT_ONCE = 2000
#: How many accepted terms the page shows.
_TERMS = 10


@refuses_beyond_limits
@login_required
@methods("GET", "HEAD", "POST")
def your_data(request: HttpRequest) -> HttpResponse:
    """Show the exports; or make one, for users who signed in recently."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    if request.method == "POST":
        if not is_recent(request):
            return redirect(sign_in_page(request.path))
        return _export(request, session.user)
    now = timezone.now()
    exports = [_shown(export, now) for export in stored.of(session.user, now).defer("content")[:5]]
    return render(
        request,
        "account/data.html",
        {
            "exports": exports,
            "for_days": policy.DATA_EXPORTS_KEPT_FOR.days,
            "terms": session.user.terms_accepted.order_by("-accepted_at")[:_TERMS],
        },
    )


@require_safe
@recent_authentication_required
def download(request: HttpRequest, export_id: str) -> HttpResponse:
    """Send an export of the user's own that the worker has made."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    export = stored.of(session.user, timezone.now()).filter(pk=export_id).first()
    content = stored.content_of(export) if export else None
    if content is None:
        raise Http404
    return _file(content)


def _export(request: HttpRequest, user: User) -> HttpResponse:
    """Send the document, or have the worker make it if it is large."""
    rate_limits.count((EXPORTS, str(user.pk)))
    events.record(events.Kind.EXPORTED, request, user=user, target=f"user {user.sub}")
    now = timezone.now()
    if is_large(user, AT_ONCE):
        stored.ask(user, now)
        messages.success(request, _("Your data is being put together. Come back in some minutes."))
        return redirect("account_data")
    return _file(stored.as_json(document_of(user, now)))


def _file(content: bytes) -> HttpResponse:
    response = HttpResponse(content, content_type="application/json")
    name = f"account-{timezone.now():%Y-%m-%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _shown(export: DataExport, now: Any) -> dict[str, Any]:
    return {"row": export, "failed": stored.has_failed(export, now)}
