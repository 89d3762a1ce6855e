"""The pages of recovery codes: showing them until they are saved, and making new ones."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import second_factor
from accounts.allauth_door import factors, pages, sign_ins
from accounts.models import User
from accounts.views.recent_authentication import recent_authentication_required


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show the recovery codes until the user has saved them, then how many are left."""
    codes = second_factor.recovery_codes_of(request.user)
    if codes is None:
        return redirect("mfa_index")
    onward = sign_ins.next_page(request) or reverse("mfa_index")
    if request.method == "POST":
        factors.recovery_codes_were_saved(codes)
        return redirect(onward)
    context = {
        "codes": [grouped(code) for code in factors.recovery_codes_to_save(codes)],
        "left": factors.recovery_codes_left(codes),
        "of": factors.RECOVERY_CODE_COUNT,
        "onward": onward,
    }
    return render(request, "mfa/recovery_codes/index.html", context)


@require_safe
@recent_authentication_required
def download_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Return the codes that are still to be saved as a text file."""
    user: User = request.user  # type: ignore[assignment]
    codes = second_factor.recovery_codes_of(user)
    to_save = factors.recovery_codes_to_save(codes) if codes else []
    if not to_save:
        return redirect("mfa_view_recovery_codes")
    host = settings.IDP_ORIGIN.partition("://")[2]
    words = _("Recovery codes for %(email)s at %(host)s. Each works once.")
    lines = [words % {"email": user.shown_email, "host": host}, "", *map(grouped, to_save), ""]
    response = HttpResponse("\r\n".join(lines), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="recovery-codes.txt"'
    return response


@method_decorator(recent_authentication_required, name="dispatch")
class NewRecoveryCodesView(pages.NewRecoveryCodesPage):
    """Makes new recovery codes; the old ones stop working."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Redirect users without a second factor, who can have no codes."""
        if not second_factor.is_set_up(request.user):
            return redirect("mfa_index")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        """Make the codes, with their notice by mail in the same transaction."""
        with transaction.atomic():
            return super().form_valid(form)  # type: ignore[no-any-return]


def grouped(characters: str) -> str:
    """Return a code or key in groups of four, for reading and typing."""
    return " ".join(characters[at : at + 4] for at in range(0, len(characters), 4))
