"""The steps of signing in. allauth calls each in order; ours are in `accounts.stages`."""

from typing import Any, Self, TypeAlias

from allauth.account.adapter import get_adapter
from allauth.account.internal.stagekit import stash_login
from allauth.account.models import Login
from allauth.account.stages import EmailVerificationStage, LoginStage, LoginStageController
from allauth.account.utils import has_verified_email
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.allauth_door.sign_ins import next_page
from accounts.next import with_next

#: What `handle` returns: the response to send, or None; and whether the sign-in goes on.
Asked = tuple[Any, bool]
#: An unfinished sign-in, stored in the browser's session.
UnfinishedSignIn: TypeAlias = Login


class Step(LoginStage):
    """A step: it has a `key`, the `urlname` of its page, and `handle`, which asks or goes on."""

    @classmethod
    def at(cls, request: HttpRequest) -> Self | None:
        """Return the step if this browser's unfinished sign-in is at it."""
        step = LoginStageController.enter(request, cls.key)
        return step if isinstance(step, cls) else None

    def ask(self) -> Asked:
        """Show the step's page."""
        return redirect(with_next(reverse(self.urlname), self.request)), True

    def state_of(self, other: type["Step"]) -> dict[str, Any]:
        """Return the state that another step of this sign-in has stored."""
        state: dict[str, Any] = self.controller.get_stage(other.key).state
        return state

    def go_on(self, request: HttpRequest) -> HttpResponse:
        """Go on signing in, in the end to this request's `next`, which each tab has its own of."""
        self.login.redirect_url = next_page(request)
        response: HttpResponse = self.exit()
        return response

    def keep(self) -> None:
        """Store what this step has noted in the browser's session. `handle` need not call it."""
        stash_login(self.request, self.login)

    def give_up(self) -> None:
        """Forget the unfinished sign-in."""
        self.abort()

    def show_account_disabled(self) -> Asked:
        """Show the page that the account is disabled."""
        return get_adapter().respond_user_inactive(self.request, self.login.user), False


class VerifyEmailStep(EmailVerificationStage):
    """Asks for the mailed code that verifies the address."""

    @property
    def is_needed(self) -> bool:
        """Whether the user is asked."""
        return not has_verified_email(self.login.user, self.login.email)


def unfinished(user: Any, email: str) -> UnfinishedSignIn:
    """Return a sign-in that is about to begin; its user is None if the password is wrong."""
    begun: UnfinishedSignIn = Login(user=user, email=email)
    return begun
