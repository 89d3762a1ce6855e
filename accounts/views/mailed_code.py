"""The page for the mailed code of signing in: instead of a password, or beside it."""

from contextlib import suppress

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import code_limits
from accounts.addresses import shown_email
from accounts.allauth_door import codes, email_addresses, sign_ins
from accounts.code_limits import CodeUsedUpError
from accounts.forms import MailedCodeForm
from accounts.stages import MailedCodeStage
from accounts.views.steps import begin_anew, nothing_to_do
from accounts.views.too_many import refuses_beyond_limits
from accounts.visitors import visitor_at
from foundation import rate_limits


@require_http_methods(["GET", "HEAD", "POST"])
@refuses_beyond_limits
def mailed_code(request: HttpRequest) -> HttpResponse:
    """Ask for the code, then go on signing in. The response does not reveal whether a code
    exists.
    """
    stage = MailedCodeStage.at(request)
    if stage is None:
        return nothing_to_do(request)
    if request.POST.get("action") == "resend":
        stage.mail_code()
        stage.keep()
        messages.success(request, _("Another code is on its way. Only the newest one works."))
        return stage.ask()[0]  # type: ignore[no-any-return]
    form = MailedCodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and not stage.seconds_left:
        form.add_error("code", _("The code has expired. Ask for another one."))
    elif form.is_valid():
        try:
            if _is_right(request, stage, form.cleaned_data["code"]):
                return _go_on(request, stage)
        except CodeUsedUpError:
            messages.error(request, _("Too many wrong codes. Sign in again for another one."))
            return begin_anew(request, stage)
        form.add_error("code", codes.wrong_code())
    context = {
        "form": form,
        "email": shown_email(stage.login.email),
        "replaces_password": stage.replaces_password,
        "seconds_left": stage.seconds_left,
    }
    return render(request, "account/mailed_code.html", context)


def _is_right(request: HttpRequest, stage: MailedCodeStage, code: str) -> bool:
    """Count the code, then compare it. Raises CodeUsedUpError also after the last attempt."""
    code_id: str = stage.state["id"]
    counted = code_limits.count_attempt(visitor_at(request, stage.login.email), code_id)
    if stage.is_right(code):
        rate_limits.take_back(*counted)
        return True
    if code_limits.is_used_up(code_id):
        raise CodeUsedUpError
    return False


def _go_on(request: HttpRequest, stage: MailedCodeStage) -> HttpResponse:
    """Go on signing in: the mailbox is verified, as by the code of a reset."""
    if stage.replaces_password:
        sign_ins.record_mailed_code(request, stage.login.user)
    with suppress(
        IntegrityError
    ):  # Another account has verified the address in the meantime: a code is asked for.
        email_addresses.verify(request, stage.login.user, stage.mailbox())
    return stage.go_on(request)
