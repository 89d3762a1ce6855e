"""Forms of two-step sign-in: codes, passkeys, and what users call them."""

from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import code_limits, passkeys, second_factor
from accounts.allauth_door import codes, factors
from accounts.forms import SIX_DIGITS, dress
from accounts.models import User
from accounts.passkey_names import LONGEST
from accounts.visitors import visitor_of
from foundation import rate_limits
from foundation.plain_text import validate_plain
from foundation.rate_limits import Counted, RateLimitExceededError

log = structlog.get_logger(__name__)


class SecondFactorForm(forms.Form):
    """The code when signing in: the app's, or a recovery code in the same field."""

    code = forms.CharField()

    def __init__(self, *args: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.user = user
        dress(self.fields["code"], _("Code"), **SIX_DIGITS)

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
        dress(self.fields["code"], _("Code"), **SIX_DIGITS)
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
    dress(field, _("Name"), autocomplete="off", maxlength=str(LONGEST))
