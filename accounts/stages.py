"""Steps of signing in beside allauth's: a mailed code where others guessed; a disabled account; a
password that changed meanwhile, and one that has to; an account that is to be deleted.
"""

import secrets
import time
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress, Login
from allauth.account.stages import EmailVerificationStage, LoginStage
from allauth.account.utils import has_verified_email
from allauth.core.internal.cryptokit import compare_user_code
from django.shortcuts import redirect
from django.urls import reverse

from accounts import code_limits
from accounts.next import with_next
from accounts.sessions import is_unchanged
from accounts.visitors import visitor_at
from foundation.rate_limits import RateLimitExceededError

_SIGN_IN_CODE = "account/email/sign_in_code"


class BeginningStage(LoginStage):
    """Comes first and asks nothing: it notes which password a sign-in began with."""

    key = "beginning"

    def handle(self) -> tuple[Any, bool]:
        """Note it where the unfinished sign-in is kept, as a finished one has it in its session."""
        if self.login.user is not None:
            self.state["password"] = self.login.user.get_session_auth_hash()
        return None, True


class LateStage(LoginStage):
    """A step after everything has been proven; what was proven may be out of date by then."""

    def ask(self) -> tuple[Any, bool]:
        """Show the step's page."""
        return redirect(with_next(reverse(self.urlname), self.request)), True

    def still_stands(self) -> bool:
        """Whether account and password are as they were when this sign-in began."""
        user = self.login.user
        noted = self.controller.get_stage(BeginningStage.key).state.get("password", "")
        return user.may_sign_in and is_unchanged(noted, user)


class MailedCodeStage(LateStage):
    """Asks a stranger for a code from the account's mailbox, after too many wrong passwords.

    It is the same step after a wrong password, and for an account that does not exist: then there
    is no user, no mail, and no right code (`accounts.password_limits`).
    """

    key = "mailed_code"
    urlname = "account_mailed_code"
    _LASTS = 600  # seconds

    @staticmethod
    def require(login: Login) -> None:
        """Make this step one of a sign-in that is about to begin."""
        login.state["needs_mailed_code"] = True

    def handle(self) -> tuple[Any, bool]:
        """Mail the code where there is somebody to mail it to."""
        if not self.login.state.get("needs_mailed_code"):
            return None, True
        code = get_adapter().generate_login_code()
        self.state.update(id=secrets.token_urlsafe(12), code=code, at=time.time())
        if self.login.user is None:
            get_adapter().pretend_to_send(_SIGN_IN_CODE, self.login.email, {"code": code})
            return self.ask()
        try:
            code_limits.count_mail(visitor_at(self.request, self.login.email), "sign-in")
        except RateLimitExceededError:
            return self.ask()  # to say so would tell that the password is right
        get_adapter().send_mail(_SIGN_IN_CODE, self.mailbox(), {"code": code})
        return self.ask()

    def mailbox(self) -> str:
        """Return the address that the code goes to: the one typed, if it is proven."""
        typed: str = self.login.email
        mine = EmailAddress.objects.filter(user=self.login.user, email=typed, verified=True)
        return typed if mine.exists() else self.login.user.email

    def is_over(self) -> bool:
        """Whether the code has expired."""
        return bool(time.time() - self.state["at"] > self._LASTS)

    def is_right(self, code: str) -> bool:
        """Whether a code is the one that was mailed."""
        is_same = compare_user_code(actual=code, expected=self.state["code"])
        return self.login.user is not None and is_same


class DisabledStage(LoginStage):
    """Turns away whose account is disabled; one that is to be deleted can still be kept."""

    key = "disabled"

    def handle(self) -> tuple[Any, bool]:
        """Show the page that says so."""
        user = self.login.user
        if user is None or user.may_sign_in:
            return None, True
        return get_adapter().respond_user_inactive(self.request, user), False


class ProveEmailStage(EmailVerificationStage):
    """Asks for the code from the mailbox whose address is not proven yet."""

    def handle(self) -> tuple[Any, bool]:
        """Mail it. Raises RateLimitExceededError. The sign-up page has counted its own mail."""
        login = self.login
        if not login.signup and not has_verified_email(login.user, login.email):
            email = login.email or login.user.email
            code_limits.count_mail(visitor_at(self.request, email), "sign-up")
        return super().handle()  # type: ignore[no-any-return]


class KeepStage(LateStage):
    """Whoever asked for their account to be deleted says whether it is to be kept after all."""

    key = "keep"
    urlname = "account_keep"

    def handle(self) -> tuple[Any, bool]:
        """Ask where the account is to be deleted."""
        user = self.login.user
        return (None, True) if user is None or user.is_active else self.ask()

    def still_stands(self) -> bool:
        """Whether the account also still is to be deleted."""
        return self.login.user.can_be_kept and super().still_stands()


class NewPasswordStage(LateStage):
    """Comes last: whoever has to choose a new password is asked for it before they are in."""

    key = "new_password"
    urlname = "account_choose_password"

    def handle(self) -> tuple[Any, bool]:
        """Ask where that is wanted. A sign-in that began with an older password ends here."""
        user = self.login.user
        if user is None:  # allauth pretends, so that nobody learns which addresses are known
            return None, True
        if not self.still_stands():
            return redirect(with_next(reverse("account_login"), self.request)), False
        return self.ask() if user.password_change_required else (None, True)

    def still_stands(self) -> bool:
        """Whether the account is also active."""
        return self.login.user.is_active and super().still_stands()
