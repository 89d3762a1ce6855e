"""The page beyond a rate limit: what was limited, when the window ends, and alternatives."""

import math
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from accounts import code_limits, email_change, profile_pictures
from accounts.allauth_door import resets
from foundation.rate_limits import RateLimit, RateLimitExceededError

_MAILS = gettext_lazy("Too many codes were asked for.")
_ATTEMPTS = gettext_lazy("Too many wrong codes were typed.")
_REASONS: dict[RateLimit, Any] = {
    code_limits.ATTEMPTS_HERE: _ATTEMPTS,
    code_limits.ATTEMPTS_UNKNOWN_BROWSERS: _ATTEMPTS,
    code_limits.ATTEMPTS_IP_ADDRESS: _ATTEMPTS,
    code_limits.MAILS_HERE: _MAILS,
    code_limits.MAILS_HERE_DAY: _MAILS,
    code_limits.MAILS_UNKNOWN_BROWSERS: _MAILS,
    email_change.CHANGES: _MAILS,
    email_change.CHANGES_DAY: _MAILS,
    email_change.MAILS: _MAILS,
    profile_pictures.UPLOADS: gettext_lazy("Too many pictures were uploaded."),
}
_REQUESTS = gettext_lazy("Too much came from your network in a short time.")


def too_many(request: HttpRequest, exceeded: RateLimitExceededError, why: str = "") -> HttpResponse:
    """Return the page about a rate limit, with the alternatives as buttons.

    `why` says what was limited, where the limit is not one of accounts'.
    """
    reason = why or _REASONS.get(exceeded.limit, _REQUESTS)
    response = render(
        request,
        "429.html",
        {
            "reason": reason,
            "wait": _words_for(exceeded.retry_after),
            "code_page": _code_page(request) if reason is _MAILS else None,
            "may_reset": reason is _REQUESTS,
        },
        status=HTTPStatus.TOO_MANY_REQUESTS,
    )
    response["Retry-After"] = str(exceeded.retry_after)
    return response


def refuses_beyond_limits(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Answer with the rate-limit page if a view raises RateLimitExceededError."""

    @wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except RateLimitExceededError as exceeded:
            return too_many(request, exceeded)

    return gate


def _code_page(request: HttpRequest) -> str | None:
    """Return the page for the code that this browser has been mailed already."""
    if resets.is_waiting(request):
        return reverse("account_confirm_password_reset_code")
    if resets.is_verifying(request):
        return reverse("account_email_verification_sent")
    return None


def _words_for(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    if minutes < 90:
        return ngettext("in a minute", "in %(number)d minutes", minutes) % {"number": minutes}
    hours = math.ceil(seconds / 3600)
    return ngettext("in an hour", "in %(number)d hours", hours) % {"number": hours}
