"""Forms of the account pages: allauth's, with our labels and attributes for autofill."""

from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import (
    code_limits,
    passkeys,
    password_limits,
    passwords,
    profile_edits,
    second_factor,
)
from accounts.addresses import cleaned_email, normalised_email
from accounts.allauth_door import codes, factors, sign_ins, steps
from accounts.allauth_door import forms as allauth
from accounts.models import User
from accounts.passkey_names import LONGEST
from accounts.password_rules import HELP
from accounts.stages import MailedCodeStage
from accounts.visitors import account_at, visitor_at, visitor_of
from foundation import rate_limits
from foundation.plain_text import validate_plain
from foundation.rate_limits import Counted, RateLimitExceededError

log = structlog.get_logger(__name__)

#: A code of six digits, the last field of its form: script sends it at the last (static/code.js).
_SIX_DIGITS = {
    "autocomplete": "one-time-code",
    "inputmode": "numeric",
    "autocapitalize": "off",
    "spellcheck": "false",
    "class": "code",
    "data-digits": "6",
}
_EMAIL_LABEL = _("Email address")


def _dress(field: forms.Field, label: Any, **attrs: str) -> None:
    """Give a field our label and exactly these attributes beside its type."""
    field.label = label
    field.help_text = ""
    field.widget.attrs = dict(attrs)


class SignInForm(allauth.SignInForm):
    """Email and password on one page, as password managers expect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {"autocomplete": "username webauthn", "spellcheck": "false"}
        _dress(self.fields["login"], _EMAIL_LABEL, **known)
        _dress(self.fields["password"], _("Password"), autocomplete="current-password")
        self.fields["remember"].label = _("Stay signed in on this device")

    def clean_login(self) -> str:
        """Return the address as it is stored."""
        return normalised_email(self.cleaned_data["login"])

    def begin(self, email: str, password: str) -> steps.UnfinishedSignIn:
        """Check the password. Raises RateLimitExceededError, and ValidationError for a wrong one.

        Where a mailed code is needed, too, a wrong password passes: only the code's page refuses.
        """
        attempt = password_limits.begin(visitor_at(self.request, email))
        user = sign_ins.check_password(self.request, email, password)
        if user is None and not attempt.needs_code:
            raise sign_ins.wrong_password()
        if user is not None:
            password_limits.succeeded(attempt)
        begun = steps.unfinished(user, email)
        if attempt.needs_code:
            MailedCodeStage.require(begun)
        return begun


class EmailCodeForm(forms.Form):
    """The address to mail a code to, under the name that the sign-in page's form has for it."""

    login = forms.EmailField(max_length=254)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["login"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")

    def clean_login(self) -> str:
        """Return the address as it is stored."""
        return normalised_email(self.cleaned_data["login"])


class SignUpForm(allauth.SignUpForm):
    """An address, a password, and a name if the user likes; all else can be set later.

    With `by_passkey` it asks for no password (`accounts.stages.FirstPasskeyStage`).
    """

    name = forms.CharField(max_length=200, required=False, validators=[validate_plain])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if profile_edits.is_locked("name"):
            del self.fields["name"]
        else:
            _dress(self.fields["name"], _("Your name (optional)"), autocomplete="name")
        _dress(self.fields["email"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")
        if not self.by_passkey:
            _new_password(self.fields["password1"], _("Password"))

    def try_save(self, request: HttpRequest) -> Any:
        """Save, or take as long where the address is taken (ASVS 6.3.8).

        An unfinished sign-up with this address is deleted, so that the new one gets a code, and no
        password that another user chose before stays valid.
        """
        if self.account_already_exists:
            unfinished = User.objects.unfinished().filter(email=self.cleaned_data["email"])
            self.account_already_exists: bool = not unfinished.delete()[0]
        if self.account_already_exists and not self.by_passkey:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class NameForm(forms.Form):
    """The name of a user who has none, which may stay empty."""

    name = forms.CharField(max_length=200, required=False, validators=[validate_plain])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["name"], _("Your name (optional)"), autocomplete="name")


class ResetPasswordForm(allauth.AskForResetForm):
    """Asks for the address to send the code to."""

    user: User | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["email"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")

    def clean_email(self) -> str:
        """Find the user of the address, including one whose account is to be deleted."""
        email = normalised_email(self.cleaned_data["email"])
        user = account_at(email)
        self.user = user if user is not None and user.may_sign_in else None
        return email

    def save(self, request: HttpRequest, **_: Any) -> str:
        """Send the code."""
        email: str = self.cleaned_data["email"]
        passwords.begin_reset(request, self.user, email)
        return email


class NewPasswordForm(allauth.NewPasswordForm):
    """Where a new password is chosen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _new_password(self.fields["password1"], _("New password"))

    def clean_password1(self) -> str:
        """Refuse the present password where a new one is required."""
        password: str = self.cleaned_data["password1"]
        if self.user.password_change_required and self.user.check_password(password):
            raise forms.ValidationError(_("Choose another password than the one you had."))
        return password


class ChangePasswordForm(NewPasswordForm):
    """The present password, if there is one, and a new one."""

    present = forms.CharField(strip=False, widget=forms.PasswordInput)
    field_order = ("present", "password1")

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        if self.user.has_usable_password():
            _dress(self.fields["present"], _("Present password"), autocomplete="current-password")
        else:
            del self.fields["present"]

    def clean_present(self) -> str:
        """Count the password, then check it. Raises RateLimitExceededError.

        Where the sign-in page would ask for a mailed code as well, a right password is refused,
        too: a reset asks for that code.
        """
        password: str = self.cleaned_data["present"]
        attempt = password_limits.begin(visitor_of(self.request, self.user))
        if attempt.needs_code:
            said = _("Too many wrong passwords were typed. Use “Forgot your password?” instead.")
            raise forms.ValidationError(said)
        if not self.user.check_password(password):
            raise forms.ValidationError(_("That is not your present password."))
        password_limits.succeeded(attempt)
        return password

    def clean_password1(self) -> str:
        """Refuse the present password as the new one."""
        password = super().clean_password1()
        if password == self.cleaned_data.get("present"):
            raise forms.ValidationError(_("Choose another password than the one you had."))
        return password


class ResetCodeForm(allauth.ResetCodeForm):
    """The code from the mail, typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_SIX_DIGITS)


class VerificationCodeForm(allauth.VerificationCodeForm):
    """The code from the mail, typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_SIX_DIGITS)


class NewEmailForm(forms.Form):
    """The new email address of a user."""

    email = forms.EmailField(max_length=254)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        label = _("New email address")
        _dress(self.fields["email"], label, autocomplete="email", spellcheck="false")

    def clean_email(self) -> str:
        """Return the normalised address. Refuse the present one."""
        email = cleaned_email(self.cleaned_data["email"])
        if email == self.user.email:
            raise forms.ValidationError(_("That is your address already."))
        return email


class MailedCodeForm(forms.Form):
    """The code from the mail, typed."""

    code = forms.CharField(max_length=20)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_SIX_DIGITS)


class SecondFactorForm(forms.Form):
    """The code when signing in: the app's, or a recovery code in the same field."""

    code = forms.CharField()

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.user = user
        _dress(self.fields["code"], _("Code"), **_SIX_DIGITS)

    def clean_code(self) -> str:
        """Count the code, then check it."""
        code = codes.normalised(self.cleaned_data["code"])
        counted = self._counted(code)
        try:
            authenticator = second_factor.verified_factor(self.user, code)
        except InvalidToken:  # of the server's keys, the one that sealed it is gone
            log.warning("second_factor_unreadable", user=self.user.sub)
            raise factors.refusal("unreadable") from None
        if authenticator is None:
            second_factor.record_wrong_code(self.request, self.user)
            raise factors.refusal(self._problem_with(code))
        rate_limits.forget(*counted)
        self.authenticator = authenticator
        return code

    def save(self) -> None:
        """Record the use of the factor."""
        factors.record_use(self.request, self.authenticator)

    def _problem_with(self, code: str) -> str:
        """Return why a code is wrong: users without an app do not read about one."""
        is_of_app = factors.is_app_code(code) and second_factor.apps_of(self.user).exists()
        return "incorrect_code" if is_of_app else "incorrect_recovery_code"

    def _counted(self, code: str) -> list[Counted]:
        is_app = factors.is_app_code(code)
        visitor = visitor_of(self.request, self.user)
        try:
            return code_limits.count_second_factor(visitor, "app" if is_app else "recovery")
        except RateLimitExceededError as exceeded:
            in_a_row = exceeded.limit is code_limits.SECOND_FACTOR_IN_A_ROW
            problem = "too_many_codes_in_a_row" if in_a_row else "too_many_codes"
            raise factors.refusal(problem) from None


class SetUpAppForm(forms.Form):
    """The first code of an authenticator app, which shows that it has the secret; and a name."""

    code = forms.CharField()
    name = forms.CharField(max_length=LONGEST, required=False, validators=[validate_plain])

    def __init__(self, *args: Any, user: User, secret: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.secret = secret
        #: The time step of the code.
        self.step = 0
        _dress(self.fields["code"], _("Code"), **_SIX_DIGITS)
        _dress_name(self.fields["name"])

    def clean_code(self) -> str:
        """Return the code if the app made it from this secret."""
        factors.may_be_set_up(self.user)
        if second_factor.apps_of(self.user).count() >= second_factor.MOST_APPS:
            raise factors.refusal("too_many_apps")
        counted = (code_limits.SET_UP, str(self.user.pk))
        try:
            rate_limits.count(counted)
        except RateLimitExceededError:
            raise factors.refusal("too_many_codes") from None
        code = codes.normalised(self.cleaned_data["code"])
        step = factors.step_of(self.secret, code)
        if step is None:
            raise factors.refusal("incorrect_code")
        rate_limits.forget(counted)
        self.step = step
        return code


class PasskeyForm(forms.Form):
    """A browser's answer for a passkey of `user`, or of the user that the passkey names."""

    credential = forms.CharField(required=False, max_length=16_384, widget=forms.HiddenInput)

    def __init__(self, *args: Any, request: HttpRequest, user: User | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.request = request
        self.user = user

    def clean(self) -> dict[str, Any]:
        """Verify the answer and find the passkey."""
        self.errors.pop("credential", None)
        credential = self.cleaned_data.get("credential", "")
        self.authenticator = passkeys.verified_passkey(self.request, credential, self.user)
        return self.cleaned_data

    def save(self) -> None:
        """Record that the passkey was used, and whether it named the user by itself."""
        factors.record_use(self.request, self.authenticator, passwordless=self.user is None)


class NewPasskeyForm(forms.Form):
    """A name for a new passkey, and the browser's attestation."""

    name = forms.CharField(max_length=LONGEST, required=False, validators=[validate_plain])
    credential = forms.CharField(required=False, max_length=16_384, widget=forms.HiddenInput)

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.request = request
        self.user = user
        _dress_name(self.fields["name"])

    def clean(self) -> dict[str, Any]:
        """Verify and add the passkey, unless there are too many."""
        self.errors.pop("credential", None)
        if passkeys.passkeys_of(self.user).count() >= passkeys.MOST:
            raise factors.refusal("too_many_passkeys")
        name, credential = (self.cleaned_data.get(field, "") for field in ("name", "credential"))
        self.authenticator = passkeys.made(self.request, credential, name, self.user)
        return self.cleaned_data


class RenameForm(forms.Form):
    """Another name for a passkey or an authenticator app."""

    name = forms.CharField(max_length=LONGEST, validators=[validate_plain])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress_name(self.fields["name"])


def _dress_name(field: forms.Field) -> None:
    _dress(field, _("Name"), autocomplete="off", maxlength=str(LONGEST))


def _new_password(field: forms.Field, label: Any) -> None:
    _dress(field, label, autocomplete="new-password")
    field.help_text = HELP
