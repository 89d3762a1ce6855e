"""Second factors: authenticator apps, passkeys and recovery codes, as allauth stores them."""

from types import SimpleNamespace
from typing import Any, TypeAlias

from allauth.account.adapter import get_adapter as account_adapter
from allauth.mfa import app_settings, signals
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.flows import auto_generate_recovery_codes
from allauth.mfa.totp.internal.auth import generate_totp_secret, validate_totp_code
from allauth.mfa.totp.internal.flows import activate_totp
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import User

#: A row: an app with its secret, a passkey, or all recovery codes of a user.
Factor: TypeAlias = Authenticator
APP, PASSKEY = Factor.Type.TOTP, Factor.Type.WEBAUTHN
RECOVERY_CODES = Factor.Type.RECOVERY_CODES
#: How many recovery codes are made at once.
RECOVERY_CODE_COUNT: int = app_settings.RECOVERY_CODE_COUNT


def of(user: Any) -> "QuerySet[Factor]":
    """Return a user's second factors; their recovery codes are one of them."""
    found: QuerySet[Factor] = Factor.objects.filter(user_id=user.pk)
    return found


def refusal(problem: str) -> ValidationError:
    """Return the error message of this name from the adapter."""
    error: ValidationError = get_adapter().validation_error(problem)
    return error


def may_be_set_up(user: User) -> None:
    """Raise ValidationError if the user must verify their address first."""
    validate_can_add_authenticator(user)


# --- using one ----------------------------------------------------------------------------------


def is_app_code(code: str) -> bool:
    """Whether a code looks like one of an app, rather than like a recovery code."""
    return bool(len(code) == app_settings.TOTP_DIGITS)


def is_code_of(secret: str, code: str) -> bool:
    """Whether an app with this secret shows this code now. RFC 6238."""
    return bool(validate_totp_code(secret, code))


def use_recovery_code(codes: Factor, code: str) -> bool:
    """Use a recovery code up; return whether it was one of these."""
    return bool(codes.wrap().validate_code(code))


def recovery_codes_left(codes: Factor) -> int:
    """Return how many of these recovery codes have not been used."""
    return RECOVERY_CODE_COUNT - int(codes.data["used_mask"].bit_count())


def record_use(request: HttpRequest, factor: Factor, *, passwordless: bool = False) -> None:
    """Record that a factor was used successfully in this browser session, and send the signal."""
    post_authentication(request, factor, passwordless=passwordless)


def was_refused(request: HttpRequest, user: User | None, factor: Factor | None) -> None:
    """Send the signal that a factor was wrong."""
    signals.authentication_failed.send(
        sender=Factor, request=request, user=user, authenticator=factor
    )


# --- setting one up, and removing it ------------------------------------------------------------


def new_app_secret() -> str:
    """Return a random secret for an authenticator app."""
    secret: str = generate_totp_secret()
    return secret


def set_up_app(request: HttpRequest, secret: str) -> Factor:
    """Give the user an authenticator app with this secret, and recovery codes with the first.

    Notifies the user by mail. Raises IntegrityError if another tab does either at the same time.
    """
    return activate_totp(request, SimpleNamespace(secret=secret))[0]


def new_passkey(user: User, name: str, credential: dict[str, Any]) -> Factor:
    """Return a new passkey of the user, not saved yet."""
    return Factor(user=user, type=PASSKEY, data={"name": name, "credential": credential})


def add_passkey(request: HttpRequest, passkey: Factor) -> None:
    """Save a new passkey, notify the user by mail and message, and send the signal."""
    passkey.save()
    signals.authenticator_added.send(
        sender=Factor, request=request, user=passkey.user, authenticator=passkey
    )
    account_adapter().add_message(request, messages.SUCCESS, "mfa/messages/webauthn_added.txt")
    account_adapter().send_notification_mail("mfa/email/webauthn_added", passkey.user)


def make_first_recovery_codes(request: HttpRequest) -> bool:
    """Make recovery codes where the user has none; return whether it did.

    Raises IntegrityError where another tab makes them at this moment.
    """
    return auto_generate_recovery_codes(request) is not None


def remove(user: User, factors: "QuerySet[Factor]", request: HttpRequest | None) -> int:
    """Remove some of a user's factors, send the signal for each, and return the number removed."""
    removed = list(factors)
    Factor.objects.filter(pk__in=[factor.pk for factor in removed]).delete()
    for factor in removed:
        signals.authenticator_removed.send(
            sender=Factor, request=request, user=user, authenticator=factor
        )
    return len(removed)
