"""The page for renaming a passkey or an authenticator app."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import second_factor
from accounts.allauth_door import factors
from accounts.factor_forms import RenameForm
from accounts.views.recent_authentication import recent_authentication_required


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
def rename_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for the new name of a factor of the user's own."""
    factor = second_factor.named_factors_of(request.user).filter(pk=pk).first()
    if factor is None:
        return redirect("mfa_index")
    is_app = factor.type == factors.APP
    back = reverse("account_authenticator_apps" if is_app else "account_passkeys")
    name = factors.name_of(factor)
    form = RenameForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(
            request, "mfa/rename.html", {"form": form, "name": name, "is_app": is_app, "back": back}
        )
    second_factor.rename(request, factor, form.cleaned_data["name"])
    messages.success(request, _("The name is changed."))
    return redirect(back)
