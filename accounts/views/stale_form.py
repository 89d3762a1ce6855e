"""What a form says that was open while somebody signed in or out in another tab."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.next import with_next


def show_step_again(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001
    """Show the step again with a valid token; what it continues to is kept, nothing is done.

    The address is this request's own path, so it leads nowhere else.
    """
    messages.info(request, _("This page had been open for a while. Please try once more."))
    return redirect(with_next("/" + request.get_full_path().lstrip("/"), request))
