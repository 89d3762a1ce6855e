"""allauth's account adapter: sign-up policy, mail, and what happens at a sign-in."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import account_switching, known_browsers, last_method, preferences
from accounts.addresses import cleaned_email
from accounts.allauth_door import mails
from accounts.models import User
from accounts.next import is_ours, with_next
from accounts.password_rules import PasswordRules
from accounts.second_factor import is_recent
from accounts.sessions import Ending, end_sessions, session_of
from accounts.signed_out import about
from accounts.upstream import kept_identity
from foundation.client_address import client_address


class Adapter(DefaultAccountAdapter):
    """Our overrides of allauth's default account adapter."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "incorrect_code": _("That code is not right."),
        "email_password_mismatch": _(
            "That email address and password don’t match. Try again, or set a new password."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Whether users may create accounts themselves (`IDP_SIGNUP`)."""
        return bool(settings.IDP_SIGNUP == "open")

    def is_safe_url(self, url: str | None) -> bool:
        """Whether to return there after signing in: addresses of our own only, as paths."""
        return is_ours(url)

    def clean_email(self, email: str) -> str:
        """Return an address as it is stored."""
        return cleaned_email(email)

    def new_user(self, request: HttpRequest) -> User:  # noqa: ARG002
        """Return a new account for the sign-up form."""
        return User(self_registered=True)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002  as allauth's
        """Save a new account, with the name that its user may have typed."""
        user.name = form.cleaned_data.get("name", "")
        saved: User = super().save_user(request, user, form, commit)
        return saved

    def clean_password(self, password: str, user: User | None = None) -> str:
        """Return a valid password. An app that the user is signing in to adds words to refuse."""
        app_name = str(getattr(self.request, "app_name", ""))
        PasswordRules().validate(password, user, app_name=app_name)
        return password

    def set_password(self, user: User, password: str) -> None:
        """Set a password that the user chose; `password_change_required` ends."""
        user.password_change_required = False
        super().set_password(user, password)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count nothing: views count before they check (`accounts.password_limits`)."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the IP address that mails about an account name."""
        return client_address(request) or "unknown"

    def respond_email_verification_sent(self, request: HttpRequest, user: Any) -> HttpResponse:  # noqa: ARG002
        """Redirect to the page for the code, with the user's `next`."""
        return redirect(with_next(reverse("account_email_verification_sent"), request))

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> None:
        """Let every sign-in begin: `accounts.stages` refuses disabled accounts."""

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in. End the present session of another user, unless it is made inactive."""
        present = session_of(request)
        if present is not None and present.user_id != user.pk:
            end_sessions([present], Ending.ANOTHER_USER)
            present = None
        if present is None and SESSION_KEY in request.session:
            _begin_anew(request.session)
        if present is None:
            account_switching.resume(request, user)
        if present is not None and HASH_SESSION_KEY in request.session:
            # Else Django empties the session where the password has just got another hash.
            request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Go on to `next`, and remember the browser as known."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        present = session_of(request)
        known_browsers.remember(request, response, user, present.browser if present else "")
        last_method.remember(request, response, user)
        preferences.give_to_browser(response, user)
        return response

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        """Return the page that lists what the user was signed out of."""
        present = session_of(request)
        return about([present] if present else [])

    def get_login_stages(self) -> list[str]:
        """Return allauth's steps of signing in between ours, the second factor's our own."""
        ours = {
            "allauth.account.stages.EmailVerificationStage": "accounts.stages.VerifyEmailStage",
            "allauth.mfa.stages.AuthenticateStage": "accounts.stages.SecondFactorStage",
        }
        return [
            "accounts.stages.BeginningStage",
            "accounts.stages.MailedCodeStage",
            "accounts.stages.DisabledStage",
            *(ours.get(stage, stage) for stage in super().get_login_stages()),
            "accounts.stages.FirstPasskeyStage",
            "accounts.stages.KeepStage",
            "accounts.stages.NewPasswordStage",
            "accounts.stages.TermsStage",
            "accounts.upstream.stage.LinkStage",
            "accounts.stages.NewDeviceStage",
            "accounts.stages.OfferPasskeyStage",
            "accounts.upstream.stage.StillSignedInStage",
        ]

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether the user has to sign in again first: the last sign-in is not recent."""
        return super().is_reauthentication_required(app=app, **kwargs) and not is_recent(
            self.request
        )

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:  # noqa: ARG002
        """Return the only method of reauthentication: the sign-in page (docs/adr/0002)."""
        return [{"id": "reauthenticate", "url": reverse("account_reauthenticate")}]

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Add only messages whose content the next page does not show anyway."""
        template = kwargs.get("message_template") or (args[2] if len(args) > 2 else None)
        if template not in {
            "account/messages/logged_in.txt",
            "account/messages/logged_out.txt",
            "account/messages/email_confirmation_sent.txt",
            "account/messages/email_confirmed.txt",
            "mfa/messages/recovery_codes_generated.txt",
        }:
            super().add_message(*args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write mail to the outbox: sending it would take time that reveals accounts."""
        mails.send(template_prefix, email, context, self.request)


def _begin_anew(session: SessionBase) -> None:
    """Empty a browser session of another user, except for the unfinished sign-in."""
    arriving = {
        key: value
        for key, value in session.items()
        if key.startswith((AUTHENTICATION_METHODS_SESSION_KEY, kept_identity.KEY))
    }
    until_closed = session.get_expire_at_browser_close()
    session.flush()
    session.update(arriving)
    if until_closed:
        session.set_expiry(0)
