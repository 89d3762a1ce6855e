"""The page of trusted browsers: listing them, and ending the trust of one or all."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import trusted_browsers
from accounts.devices import words_for
from accounts.models import User


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show_trusted_browsers(request: HttpRequest) -> HttpResponse:
    """List the browsers that the user trusts, or end the trust of one or all of them."""
    user: User = request.user  # type: ignore[assignment]
    rows = trusted_browsers.trusted_by(user)
    if request.method == "POST":
        chosen = request.POST.get("end", "")
        for row in rows:
            if chosen in {"all", str(row.pk)}:
                trusted_browsers.end(request, row)
        messages.success(request, _("The second step is asked for there again."))
        return redirect("account_trusted_browsers")
    here = trusted_browsers.of_this_browser(request, user)
    context = {"browsers": [(row, words_for(row.user_agent)) for row in rows], "here": here}
    return render(request, "mfa/trusted_browsers.html", context)
