"""Steps of signing in beside allauth's: a password that changed meanwhile, and one that has to; an
account that is to be deleted.
"""

from typing import Any

from allauth.account.stages import LoginStage
from django.shortcuts import redirect
from django.urls import reverse

from accounts.next import with_next
from accounts.sessions import is_unchanged


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
