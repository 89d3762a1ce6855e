"""allauth's forms, with their private members behind public methods."""

from typing import Any

from allauth.account import forms

from accounts.allauth_door.steps import UnfinishedSignIn


class SignInForm(forms.LoginForm):
    """Email address and password: `login`, `password` and `remember`."""

    def begin(self, email: str, password: str) -> UnfinishedSignIn:
        """Return the sign-in that this address and password begin. Raises ValidationError."""
        raise NotImplementedError

    def _clean_with_password(self, credentials: dict[str, Any]) -> dict[str, Any]:
        self._login = self.begin(credentials["email"], credentials["password"])
        self.user = self._login.user
        return self.cleaned_data  # type: ignore[no-any-return]


class SignUpForm(forms.SignupForm):
    """The address and password of a new account: `email` and `password1`."""


class AskForResetForm(forms.ResetPasswordForm):
    """The address that a code for a new password is mailed to: `email`."""


class NewPasswordForm(forms.ResetPasswordKeyForm):
    """A new password, in one field: it can be shown, so it need not be typed twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["password2"]


class ResetCodeForm(forms.ConfirmPasswordResetCodeForm):
    """The mailed code for a new password: `code`."""


class VerificationCodeForm(forms.ConfirmEmailVerificationCodeForm):
    """The mailed code that verifies an address: `code`."""
