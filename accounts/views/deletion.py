"""The pages of deleting an account: asking for it, and keeping the account after all."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import account_switching, deletion
from accounts.sessions import session_of
from accounts.signed_out import about
from accounts.stages import KeepStage
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.steps import begin_anew, nothing_to_do


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
def delete_account(request: HttpRequest) -> HttpResponse:
    """Explain account deletion, and mark the account for it."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    last = deletion.is_last_superuser(session.user)
    if request.method != "POST" or last:
        context = {"due": deletion.due_from_now(), "last": last}
        return render(request, "account/delete.html", context)
    try:
        due = deletion.ask(request, session.user)
    except deletion.LastSuperuserError:  # There was another superuser a moment before.
        return redirect("account_delete")
    account_switching.sign_out(request, session.pk)
    if due is not None:
        said = _("Your account will be deleted on %(due)s. To keep it, sign in before then.")
        messages.info(request, said % {"due": formats.date_format(due, "DATE_FORMAT")})
    return redirect(about([session]))


@require_http_methods(["GET", "HEAD", "POST"])
def keep_account(request: HttpRequest) -> HttpResponse:
    """Ask a user who signs in whether to keep the account, then go on to `next`."""
    stage = KeepStage.at(request)
    if stage is None:
        return nothing_to_do(request)
    user = stage.login.user
    if not stage.is_still_valid():
        return begin_anew(request, stage)
    if request.method != "POST":
        return render(
            request, "account/keep.html", {"email": user.shown_email, "due": user.deletion_due_at}
        )
    if "keep" not in request.POST:
        messages.info(request, _("It stays so. Until it is deleted, you can sign in and keep it."))
        return begin_anew(request, stage)
    if not deletion.keep(user, request):
        return begin_anew(request, stage)
    return stage.go_on(request)
