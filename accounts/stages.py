"""Our steps of signing in, in the order of the classes below."""

import secrets
import time

from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse

from accounts import code_limits, operations, passkeys, second_factor, terms, trusted_browsers
from accounts.allauth_door import codes, email_addresses, mails, sign_ins
from accounts.allauth_door.steps import Asked, Step, UnfinishedSignIn, VerifyEmailStep
from accounts.known_browsers import known_browser
from accounts.models import User
from accounts.next import with_next
from accounts.sessions import first_method, is_unchanged, session_of
from accounts.upstream.directory.passwords import home_of
from accounts.visitors import visitor_at
from foundation.rate_limits import RateLimitExceededError


class BeginningStage(Step):
    """The first stage; it stores what a sign-in began with, and asks nothing."""

    key = "beginning"

    def handle(self) -> Asked:
        """Store the password, as a finished sign-in has it in its session, and the browser."""
        user = self.login.user
        if user is not None:
            self.state["password"] = user.get_session_auth_hash()
            # A new password, which a later step may ask for, makes every browser unknown.
            self.state["known_browser"] = known_browser(self.request, user) is not None
        self.state["can_make_passkeys"] = bool(self.request.POST.get("can_make_passkeys"))
        return None, True


class LateStage(Step):
    """A step after authentication, whose facts may be out of date by then."""

    def is_still_valid(self) -> bool:
        """Whether account and password have not changed since this sign-in began."""
        user = self.login.user
        noted = self.state_of(BeginningStage).get("password", "")
        return user.may_sign_in and is_unchanged(noted, user)


class MailedCodeStage(LateStage):
    """Asks for a code from the account's mailbox: instead of the password, or beside it.

    Beside it after too many wrong ones: an unknown browser gets this step after a wrong password
    as well (`accounts.password_limits`). For a wrong password and for an account that does not
    exist there is no user, no mail, and no right code.
    """

    key = "mailed_code"
    urlname = "account_mailed_code"
    _LASTS = 600  # seconds

    @staticmethod
    def require(login: UnfinishedSignIn, *, instead_of_password: bool = False) -> None:
        """Make this step one of a sign-in that is about to begin."""
        login.state["needs_mailed_code"] = "instead" if instead_of_password else "beside"

    @property
    def replaces_password(self) -> bool:
        """Whether no password was typed."""
        return bool(self.login.state.get("needs_mailed_code") == "instead")

    @property
    def _template(self) -> str:
        name = "code_instead_of_password" if self.replaces_password else "sign_in_code"
        return f"account/email/{name}"

    def handle(self) -> Asked:
        """Mail the code if there is a user. Raises RateLimitExceededError."""
        if not self.login.state.get("needs_mailed_code"):
            return None, True
        self.mail_code()
        return self.ask()

    def mail_code(self) -> None:
        """Mail a code if there is a user; the codes before it are wrong then.

        Raises RateLimitExceededError, but not where a password was typed: the page beyond the
        limit would reveal that it is right.
        """
        visitor = visitor_at(self.request, self.login.email)
        if self.replaces_password:
            code_limits.count_mail(visitor, "sign-in")
        code = codes.new_code()
        self.state.update(id=secrets.token_urlsafe(12), code=code, at=time.time())
        if self.login.user is None:
            mails.pretend_to_send(self._template, self.login.email, {"code": code}, self.request)
            return
        if not self.replaces_password:
            try:
                code_limits.count_mail(visitor, "sign-in")
            except RateLimitExceededError:
                return
        mails.send(self._template, self.mailbox(), {"code": code}, self.request)

    def mailbox(self) -> str:
        """Return the address that the code is mailed to: the typed one, if it is verified."""
        typed: str = self.login.email
        mine = email_addresses.is_verified(self.login.user, typed)
        return typed if mine else self.login.user.email

    @property
    def seconds_left(self) -> int:
        """How long the code is valid; 0 if it has expired."""
        return max(0, int(self.state["at"] + self._LASTS - time.time()))

    def is_right(self, code: str) -> bool:
        """Whether a code is the one that was mailed."""
        return self.login.user is not None and codes.is_same(code, self.state["code"])


class DisabledStage(Step):
    """Refuses users whose account is disabled; one that is to be deleted can still be kept."""

    key = "disabled"

    def handle(self) -> Asked:
        """Show the page that the account is disabled."""
        user = self.login.user
        if user is None or user.may_sign_in:
            return None, True
        return self.show_account_disabled()


class VerifyEmailStage(VerifyEmailStep):
    """Asks for the mailed code that verifies the address."""

    def handle(self) -> Asked:
        """Mail it. Raises RateLimitExceededError. The sign-up page has counted its own mail."""
        login = self.login
        if not login.signup and self.is_needed:
            email = login.email or login.user.email
            code_limits.count_mail(visitor_at(self.request, email), "sign-up")
        return super().handle()  # type: ignore[no-any-return]


class SecondFactorStage(Step):
    """Asks users who have a second factor for it."""

    key = "mfa_authenticate"
    urlname = "mfa_authenticate"

    def handle(self) -> Asked:
        """Ask for the factor, storing the password that the sign-in began with."""
        user = self.login.user
        if user is None or not second_factor.is_set_up(user) or self._came_by_passkey(user):
            return None, True
        if trusted_browsers.is_trusted(self.request, user):
            return None, True
        self.state["password"] = user.get_session_auth_hash()
        return self.ask()

    def _came_by_passkey(self, user: User) -> bool:
        """Whether a passkey began this sign-in: only the newest first factor counts.

        Otherwise a user who once used a passkey could sign in later by the password alone.
        """
        return first_method(sign_ins.records_of(self.request, user)) == "mfa"

    def is_still_valid(self) -> bool:
        """Whether the account has not changed since the step before this one."""
        user = self.login.user
        return (
            isinstance(user, User)
            and user.may_sign_in
            and second_factor.is_set_up(user)
            and is_unchanged(self.state.get("password", ""), user)
        )


class FirstPasskeyStage(LateStage):
    """Asks a user who signed up without a password for a passkey, once the address is verified."""

    key = "first_passkey"
    urlname = "account_first_passkey"

    def handle(self) -> Asked:
        """Ask if the account has neither a password nor a passkey."""
        user = self.login.user
        if user is None or not self.login.state.get("passkey_signup"):
            return None, True
        return self.ask() if self._is_open(user) else (None, True)

    def is_still_valid(self) -> bool:
        """Whether, in addition, nothing else signs the user in by now."""
        return super().is_still_valid() and self._is_open(self.login.user)

    def password_was_chosen(self) -> None:
        """Go on with the password that was chosen instead."""
        self.state_of(BeginningStage)["password"] = self.login.user.get_session_auth_hash()

    @staticmethod
    def _is_open(user: User) -> bool:
        return not user.has_usable_password() and not second_factor.has_passkey(user)


class KeepStage(LateStage):
    """Asks a user whose account is to be deleted whether to keep it."""

    key = "keep"
    urlname = "account_keep"

    def handle(self) -> Asked:
        """Ask if the account is to be deleted."""
        user = self.login.user
        return (None, True) if user is None or user.is_active else self.ask()

    def is_still_valid(self) -> bool:
        """Whether, in addition, the account is still to be deleted."""
        return self.login.user.can_be_kept and super().is_still_valid()


class NewPasswordStage(LateStage):
    """Users who have to set a new password are asked for it."""

    key = "new_password"
    urlname = "account_choose_password"

    def handle(self) -> Asked:
        """Ask if one is required. A sign-in that began with an older password ends here."""
        user = self.login.user
        if user is None:  # allauth's generic answer: it does not reveal which addresses are known
            return None, True
        if not self.is_still_valid():
            return redirect(with_next(reverse("account_login"), self.request)), False
        if user.password_change_required and home_of(user) is not None:
            operations.require_no_new_password(user)  # a directory has the only one
        return self.ask() if user.password_change_required else (None, True)

    def is_still_valid(self) -> bool:
        """Whether, in addition, the account is active."""
        return self.login.user.is_active and super().is_still_valid()


class TermsStage(LateStage):
    """Asks users to accept the terms of service, once for each version."""

    key = "terms"
    urlname = "account_terms"

    def handle(self) -> Asked:
        """Ask if the user has not accepted them yet."""
        user = self.login.user
        if user is None or not user.is_active or terms.has_to_accept(user) is None:
            return None, True
        return self.ask()

    def is_still_valid(self) -> bool:
        """Whether, in addition, the account is active."""
        return self.login.user.is_active and super().is_still_valid()


class NewDeviceStage(Step):
    """Notifies users of a sign-in at a browser that is new to their account, and asks nothing.

    Not at the first sign-in, and not after setting a password by email, which has a notice itself.
    """

    key = "new_device"

    def handle(self) -> Asked:
        """Notify the user if the browser is unknown."""
        user = self.login.user
        if settings.IDP_NEW_DEVICE_MAIL and user is not None and self._is_new_to(user):
            link = f"{settings.IDP_ORIGIN}{reverse('account_not_me')}"
            mails.send("account/email/new_device", user.email, {"link": link}, self.request)
        return None, True

    def _is_new_to(self, user: User) -> bool:
        if user.last_login is None or self.state_of(BeginningStage).get("known_browser"):
            return False
        records = sign_ins.records_of(self.request, user)
        return not any(record["method"] == "password_reset" for record in records)


class OfferPasskeyStage(LateStage):
    """The last stage; it leads users who came without a passkey past an offer to make one.

    They are signed in then, whatever they do on that page. It is not offered to those who sign in
    once more, nor by browsers without JavaScript or passkeys: a script fills in the field.
    """

    key = "offer_passkey"

    def handle(self) -> Asked:
        """Go on to the offer if it is due, and from there to where the sign-in leads."""
        user = self.login.user
        if user is not None and self._is_due(user):
            passkeys.note_offer(user)
            target = self.login.redirect_url or reverse("account_home")
            self.login.redirect_url = reverse("account_offer_passkey", query={"next": target})
        return None, True

    def _is_due(self, user: User) -> bool:
        if not self.state_of(BeginningStage).get("can_make_passkeys"):
            return False
        records = sign_ins.records_of(self.request, user)
        if first_method(records) not in {"password", "code"}:
            return False
        if second_factor.is_set_up(user) and records[-1]["method"] != "mfa":
            return False  # The browser is trusted, and adding a factor takes the present one.
        present = session_of(self.request)
        signs_in_once_more = present is not None and present.user_id == user.pk
        return not signs_in_once_more and passkeys.offer_is_due(user)
