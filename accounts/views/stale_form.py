"""Handle a form that was open while another tab signed in or out (CSRF failure)."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.next import with_next


def show_step_again(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """Show the step again with a valid token and the same `next`; nothing is saved.

    The address is this request's own path, so this is no open redirect.
    """
    messages.info(request, _("This page had been open for a while. Please try once more."))
    return redirect(with_next("/" + request.get_full_path().lstrip("/"), request))
