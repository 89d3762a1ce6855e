"""Forms of the account pages: allauth's, with our labels and attributes for autofill."""

from typing import Any

from django import forms
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import (
    password_limits,
    passwords,
    profile_edits,
)
from accounts.addresses import cleaned_email, normalised_email
from accounts.allauth_door import forms as allauth
from accounts.allauth_door import sign_ins, steps
from accounts.models import User
from accounts.password_rules import HELP
from accounts.stages import MailedCodeStage
from accounts.visitors import account_at, visitor_at, visitor_of
from foundation.plain_text import validate_plain

#: A code of six digits, the last field of its form: script sends it at the last (static/code.js).
SIX_DIGITS = {
    "autocomplete": "one-time-code",
    "inputmode": "numeric",
    "autocapitalize": "off",
    "spellcheck": "false",
    "class": "code",
    "data-digits": "6",
}
_EMAIL_LABEL = _("Email address")


def dress(field: forms.Field, label: Any, **attrs: str) -> None:
    """Give a field our label and exactly these attributes beside its type."""
    field.label = label
    field.help_text = ""
    field.widget.attrs = dict(attrs)


class SignInForm(allauth.SignInForm):
    """Email and password on one page, as password managers expect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {"autocomplete": "username webauthn", "spellcheck": "false"}
        dress(self.fields["login"], _EMAIL_LABEL, **known)
        dress(self.fields["password"], _("Password"), autocomplete="current-password")
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
        dress(self.fields["login"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")

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
            dress(self.fields["name"], _("Your name (optional)"), autocomplete="name")
        dress(self.fields["email"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")
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
        dress(self.fields["name"], _("Your name (optional)"), autocomplete="name")


class ResetPasswordForm(allauth.AskForResetForm):
    """Asks for the address to send the code to."""

    user: User | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields["email"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")

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
            dress(self.fields["present"], _("Present password"), autocomplete="current-password")
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
        dress(self.fields["code"], _("Code"), **SIX_DIGITS)


class VerificationCodeForm(allauth.VerificationCodeForm):
    """The code from the mail, typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self.fields["code"], _("Code"), **SIX_DIGITS)


class NewEmailForm(forms.Form):
    """The new email address of a user."""

    email = forms.EmailField(max_length=254)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        label = _("New email address")
        dress(self.fields["email"], label, autocomplete="email", spellcheck="false")

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
        dress(self.fields["code"], _("Code"), **SIX_DIGITS)


def _new_password(field: forms.Field, label: Any) -> None:
    dress(field, label, autocomplete="new-password")
    field.help_text = HELP
