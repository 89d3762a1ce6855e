"""The forms of the account pages: allauth's, with our words and a browser's autofill in mind."""

from typing import Any

import structlog
from allauth.account import forms as allauth
from allauth.account.internal.userkit import filter_users_by_email
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.totp.forms import ActivateTOTPForm
from cryptography.fernet import InvalidToken
from django import forms
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import passkeys, passwords
from accounts.addresses import cleaned_email, normalised_email
from accounts.models import User
from accounts.password_rules import HELP

log = structlog.get_logger(__name__)

_CODE = {
    "autocomplete": "one-time-code",
    "inputmode": "numeric",
    "autocapitalize": "off",
    "spellcheck": "false",
    "class": "code",
}
_EMAIL_LABEL = _("E-mail address")


def _dress(field: forms.Field, label: Any, **attrs: str) -> None:
    """Give a field our label and exactly these attributes beside its type."""
    field.label = label
    field.help_text = ""
    field.widget.attrs = dict(attrs)


class SignInForm(allauth.LoginForm):
    """E-mail and password on one page, as password managers expect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {"autocomplete": "username webauthn", "spellcheck": "false"}
        _dress(self.fields["login"], _EMAIL_LABEL, **known)
        _dress(self.fields["password"], _("Password"), autocomplete="current-password")
        self.fields["remember"].label = _("Stay signed in on this device")

    def clean_login(self) -> str:
        """Return the address as it is stored."""
        return normalised_email(self.cleaned_data["login"])


class SignUpForm(allauth.SignupForm):
    """An address and a password; everything else can wait."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["email"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")
        _new_password(self.fields["password1"], _("Password"))

    def try_save(self, request: HttpRequest) -> Any:
        """Save, or take as long where the address is taken (ASVS 6.3.8).

        A sign-up that was never finished holds nothing: it makes way, so that whoever begins anew
        gets a code, and no password that somebody else chose before lives on.
        """
        if self.account_already_exists:
            unfinished = User.objects.unfinished().filter(email=self.cleaned_data["email"])
            self.account_already_exists: bool = not unfinished.delete()[0]
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        return super().try_save(request)


class ResetPasswordForm(allauth.ResetPasswordForm):
    """Asks where to send the code."""

    users: list[User]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["email"], _EMAIL_LABEL, autocomplete="username", spellcheck="false")

    def clean_email(self) -> str:
        """Find whose address it is; also somebody's who may want to keep their account."""
        email = normalised_email(self.cleaned_data["email"])
        found = filter_users_by_email(email, prefer_verified=True, for_login=True)
        # Active ones first: allauth prefers them, too.
        found.sort(key=lambda user: (not user.is_active, user.pk))
        self.users = [user for user in found if user.may_sign_in]
        return email

    def save(self, request: HttpRequest, **_: Any) -> str:
        """Send the code."""
        email: str = self.cleaned_data["email"]
        passwords.begin_reset(request, self.users[0] if self.users else None, email)
        return email


class NewPasswordForm(allauth.ResetPasswordKeyForm):
    """One field for the new password: it can be shown, so it need not be typed twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _new_password(self.fields["password1"], _("New password"))
        del self.fields["password2"]

    def clean_password1(self) -> str:
        """Refuse the present password where a new one is required."""
        password: str = self.cleaned_data["password1"]
        if self.user.password_change_required and self.user.check_password(password):
            raise forms.ValidationError(_("Choose another password than the one you had."))
        return password


class ResetCodeForm(allauth.ConfirmPasswordResetCodeForm):
    """The code from the mail, typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_CODE)


class VerificationCodeForm(allauth.ConfirmEmailVerificationCodeForm):
    """The code from the mail, typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_CODE)


class NewEmailForm(forms.Form):
    """The address that a person wants instead of theirs."""

    email = forms.EmailField(max_length=254)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        label = _("New e-mail address")
        _dress(self.fields["email"], label, autocomplete="email", spellcheck="false")

    def clean_email(self) -> str:
        """Return it as addresses are kept. Refuse the one that the person has."""
        email = cleaned_email(self.cleaned_data["email"])
        if email == self.user.email:
            raise forms.ValidationError(_("That is your address already."))
        return email


class EmailCodeForm(forms.Form):
    """The code from the mail, typed."""

    code = forms.CharField(max_length=20)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_CODE)


class _AppCodeForm(forms.Form):
    """A code of the authenticator app, typed; what is wrong with it in our words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self.fields["code"], _("Code"), **_CODE)

    def clean_code(self) -> str:
        """Return the code if it is right."""
        try:
            return super().clean_code()  # type: ignore[misc, no-any-return]
        except InvalidToken:  # of the server's keys, the one that sealed it is gone
            log.warning("second_factor_unreadable", user=str(self.user.sub))  # type: ignore[attr-defined]
            raise get_adapter().validation_error("unreadable") from None
        except ValidationError as error:
            if error.code in {"too_many_login_attempts", "rate_limited"}:
                raise get_adapter().validation_error("too_many_codes") from None
            raise


class SecondFactorForm(_AppCodeForm, AuthenticateForm):
    """The code when signing in: the app's, or a recovery code in the same field."""


class _FirstCodeForm(ActivateTOTPForm):
    """allauth's, with a secret given to it; its own would be another each time the page opens."""

    def __init__(self, *args: Any, user: User, secret: str, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.user = user
        self.secret = secret


class SetUpAppForm(_AppCodeForm, _FirstCodeForm):
    """The first code of an authenticator app: it has taken the secret over."""


class PasskeyForm(forms.Form):
    """What a browser answered for a passkey of `user`, or of whom the passkey says."""

    credential = forms.CharField(required=False, max_length=16_384, widget=forms.HiddenInput)

    def __init__(self, *args: Any, http: HttpRequest, user: User | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.http = http
        self.user = user

    def clean(self) -> dict[str, Any]:
        """Find out which passkey it was."""
        self.errors.pop("credential", None)
        credential = self.cleaned_data.get("credential", "")
        self.authenticator = passkeys.proven(self.http, credential, self.user)
        return self.cleaned_data

    def save(self) -> None:
        """Record that it was used; by itself, where it said who it is."""
        post_authentication(self.http, self.authenticator, passwordless=self.user is None)


class NewPasskeyForm(forms.Form):
    """A name for a passkey, and what the browser that made it says of it."""

    name = forms.CharField(max_length=60, required=False)
    credential = forms.CharField(required=False, max_length=16_384, widget=forms.HiddenInput)

    def __init__(self, *args: Any, http: HttpRequest, user: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.http = http
        self.user = user
        _dress(self.fields["name"], _("Name"), autocomplete="off", maxlength="60")

    def clean(self) -> dict[str, Any]:
        """Take the passkey over, unless there are too many."""
        self.errors.pop("credential", None)
        if passkeys.passkeys_of(self.user).count() >= passkeys.MOST:
            raise get_adapter().validation_error("too_many_passkeys")
        name = self.cleaned_data.get("name") or str(_("Passkey"))
        credential = self.cleaned_data.get("credential", "")
        self.authenticator = passkeys.made(self.http, credential, name, self.user)
        return self.cleaned_data


def _new_password(field: forms.Field, label: Any) -> None:
    _dress(field, label, autocomplete="new-password")
    field.help_text = HELP
