"""allauth's views, with their private members behind public methods."""

import time
from typing import Any

from allauth.account import views as account
from allauth.mfa.internal.flows.add import redirect_if_add_not_allowed
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.generic import FormView

from accounts.models import User


class _EveryTabStartsAfresh:
    """Keeps an unfinished sign-in of another tab from taking over this one."""

    def _redirect_to_pending_stage(self, *_: Any) -> HttpResponse | None:
        return None


class SignInPage(_EveryTabStartsAfresh, account.LoginView):
    """The sign-in page; it redirects users who are signed in."""

    def show_to_all(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page to users who are signed in, too."""
        return FormView.dispatch(self, request, *args, **kwargs)  # type: ignore[return-value]


class SignUpPage(_EveryTabStartsAfresh, account.SignupView):
    """The sign-up page; it redirects users who are signed in."""


class _MailedCodePage:
    """A page for typing a mailed code.

    allauth's count of wrong codes in the browser's session is not used: parallel requests read it
    before it is written.
    """

    _process: Any

    @property
    def mailed_to(self) -> str:
        """The address that the code was mailed to, if any was."""
        return str(self._process.state["email"])

    @property
    def mailed_code_id(self) -> str:
        """The id of this mailed code, also if no mail was really sent."""
        state = self._process.state
        return f"{type(self._process).__name__} {state['email']} {state['at']} {state.get('code')}"

    @property
    def seconds_left(self) -> int:
        """How long the code is valid; 0 if it has expired."""
        left = self._process.state["at"] + self._process.timeout - time.time()
        return max(0, int(left))

    def forget_code(self) -> None:
        """Invalidate the mailed code."""
        self._process.abort()

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again."""
        return FormView.form_invalid(self, form)  # type: ignore[arg-type]


class AskForResetPage(account.PasswordResetView):
    """Where a code for a new password is asked for."""


class ResetCodePage(_MailedCodePage, account.ConfirmPasswordResetCodeView):
    """Where the code for a new password is typed."""


class NewPasswordPage(account.CompletePasswordResetView):
    """Where the new password is chosen."""

    @property
    def user(self) -> User:
        """The user whose password is set."""
        user: User = self._process.user
        return user


class VerifyEmailPage(_MailedCodePage, account.ConfirmEmailVerificationCodeView):
    """Where the code is typed that verifies an address."""

    @property
    def asks_for_another_code(self) -> bool:
        """Whether the form was sent for another mail."""
        return bool(self._action == "resend")

    @property
    def signs_up(self) -> bool:
        """Whether the account is new."""
        return bool(self.stage is None or self.stage.login.signup)


class NewRecoveryCodesPage(GenerateRecoveryCodesView):
    """Makes new recovery codes; the old ones stop working."""


#: Redirects users who must verify their address before they set up a factor.
may_set_up_a_factor = redirect_if_add_not_allowed


def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Ask whether to sign out, and sign out."""
    return account.logout(request)  # type: ignore[no-any-return]


def account_is_disabled(request: HttpRequest) -> HttpResponseBase:
    """Show that the account is disabled."""
    return account.account_inactive(request)  # type: ignore[no-any-return]


def password_is_set(request: HttpRequest) -> HttpResponseBase:
    """Show that the new password is set."""
    return account.password_reset_from_key_done(request)  # type: ignore[no-any-return]
