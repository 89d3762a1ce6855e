"""The pages for changing the email address: asking, confirming and undoing."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import email_change, passwords
from accounts.addresses import shown_email
from accounts.allauth_door import codes
from accounts.code_limits import CodeUsedUpError
from accounts.forms import MailedCodeForm, NewEmailForm
from accounts.models import EmailChange, User
from accounts.sessions import session_of
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.too_many import refuses_beyond_limits


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
@refuses_beyond_limits
def change_email(request: HttpRequest) -> HttpResponse:
    """Ask for the new address and mail a code; the response is the same if it is taken."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    form = NewEmailForm(request.POST if request.method == "POST" else None, user=session.user)
    if not form.is_valid():
        return render(request, "account/email_change.html", {"form": form})
    email = form.cleaned_data["email"]
    email_change.ask(request, session, email)
    return redirect("account_email_code")


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
@refuses_beyond_limits
def confirm_email_change(request: HttpRequest) -> HttpResponse:
    """Ask for the code, and change the address when it is right."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    change = email_change.unconfirmed(session.user)
    if change is None:
        return redirect("account_email")
    if request.POST.get("action") == "resend":
        email_change.ask(request, session, change.new_email)
        messages.success(request, _("Another code is on its way. Only the newest one works."))
        return redirect("account_email_code")
    form = MailedCodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            if email_change.confirm(request, session, change, form.cleaned_data["code"]):
                messages.success(request, _("Your email address is changed."))
                return redirect("account_email")
        except email_change.TakenError:
            messages.error(request, _("This address can’t be yours now. Choose another one."))
            return redirect("account_email")
        except CodeUsedUpError:
            messages.error(request, _("Too many wrong codes. Ask for a new one."))
            return redirect("account_email")
        form.add_error("code", codes.wrong_code())
    return render(
        request,
        "account/email_change_code.html",
        {
            "form": form,
            "email": shown_email(change.new_email),
            "seconds_left": email_change.seconds_left(change),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def undo_email_change(request: HttpRequest, token: str) -> HttpResponse:
    """Offer to undo the change. A GET, as mail scanners send it, changes nothing."""
    change = email_change.undone_by(token)
    response = _expired(request) if change is None else _undo(request, change)
    # The address is the secret: not even our own pages and files learn it as a Referer.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _undo(request: HttpRequest, change: EmailChange) -> HttpResponse:
    if request.method != "POST":
        addresses = {"old": shown_email(change.old_email), "new": shown_email(change.new_email)}
        return render(request, "account/email_undo.html", addresses)
    try:
        if not email_change.undo(request, change):
            return _expired(request)
    except email_change.TakenError:
        return render(request, "account/email_undo_taken.html", status=HTTPStatus.CONFLICT)
    passwords.begin_reset(request, User.objects.get(pk=change.user_id), change.old_email)
    messages.success(request, _("The address is yours again. Now set a new password."))
    return redirect("account_confirm_password_reset_code")


def _expired(request: HttpRequest) -> HttpResponse:
    return render(request, "account/email_undo_over.html", status=HTTPStatus.GONE)
