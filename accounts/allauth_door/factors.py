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
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.totp.internal.flows import activate_totp, deactivate_totp
from allauth.mfa.webauthn.internal.flows import remove_authenticator
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts.models import User

#: A row: an app with its secret, a passkey, or all recovery codes of a user.
Factor: TypeAlias = Authenticator
APP, PASSKEY = Factor.Type.TOTP, Factor.Type.WEBAUTHN
RECOVERY_CODES = Factor.Type.RECOVERY_CODES
#: How many recovery codes are made at once.
RECOVERY_CODE_COUNT: int = app_settings.RECOVERY_CODE_COUNT
#: Where an app's row has the newest step at which one of its codes was used.
_LAST_STEP = "last_step"


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


def step_of(secret: str, code: str) -> int | None:
    """Return the time step at which an app with this secret shows this code, or None.

    The steps before and after the present one count, too: clocks differ, and typing takes time.
    RFC 6238 §5.2.
    """
    steps = [
        step
        for step in yield_hotp_counters_from_time()
        if constant_time_compare(code, format_hotp_value(hotp_value(secret, step)))
    ]
    return max(steps, default=None)


def use_step(app: Factor, step: int) -> bool:
    """Use up a time step of an app and all before it; return whether it had not been used.

    The row is locked, so of parallel requests with one code exactly one succeeds. RFC 6238 §5.2.
    """
    with transaction.atomic():
        kept = Factor.objects.select_for_update().filter(pk=app.pk).first()
        if kept is None or kept.data.get(_LAST_STEP, 0) >= step:
            return False
        kept.data[_LAST_STEP] = step
        kept.save(update_fields=["data"])
    return True


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


def set_up_app(request: HttpRequest, secret: str, name: str, step: int) -> Factor:
    """Give the user an authenticator app with this secret, and recovery codes with the first.

    `step` is that of the code that was typed, which is used up. Notifies the user by mail. Raises
    IntegrityError if another tab makes recovery codes at the same time.
    """
    with transaction.atomic():
        app: Factor = activate_totp(request, SimpleNamespace(secret=secret))[0]
        app.data |= {"name": name, _LAST_STEP: step}
        app.save(update_fields=["data"])
    return app


def app_address(user: User, secret: str) -> str:
    """Return the otpauth address that hands a secret over to an app."""
    address: str = get_adapter().build_totp_url(user, secret)
    return address


def qr_code(address: str) -> str:
    """Return the QR code of an address as an SVG element."""
    drawing: str = get_adapter().build_totp_svg(address)
    return drawing


def new_passkey(user: User, name: str, credential: dict[str, Any]) -> Factor:
    """Return a new passkey of the user, not saved yet."""
    return Factor(user=user, type=PASSKEY, data={"name": name, "credential": credential})


def add_passkey(request: HttpRequest, passkey: Factor) -> None:
    """Save a new passkey, notify the user by mail and message, and send the signal."""
    with transaction.atomic():
        passkey.save()
        signals.authenticator_added.send(
            sender=Factor, request=request, user=passkey.user, authenticator=passkey
        )
        account_adapter().send_notification_mail("mfa/email/webauthn_added", passkey.user)
    account_adapter().add_message(request, messages.SUCCESS, "mfa/messages/webauthn_added.txt")


def make_first_recovery_codes(request: HttpRequest) -> bool:
    """Make recovery codes where the user has none; return whether it did.

    Raises IntegrityError where another tab makes them at this moment.
    """
    return auto_generate_recovery_codes(request) is not None


def recovery_codes_to_save(codes: Factor) -> list[str]:
    """Return recovery codes that the user has not confirmed to have saved; afterwards none."""
    kept = codes.wrap()
    return [] if kept.did_view else list(kept.get_unused_codes())


def recovery_codes_were_saved(codes: Factor) -> None:
    """Show these recovery codes never again: the user has saved them."""
    codes.wrap().mark_as_viewed()


def are_saved(codes: Factor) -> bool:
    """Whether the user has confirmed to have saved these recovery codes."""
    return bool(codes.wrap().did_view)


def name_of(factor: Factor) -> str:
    """Return the name that a user gave to an app or a passkey, or the one it was given."""
    return str(factor.data.get("name") or _("Authenticator app"))


def rename(factor: Factor, name: str) -> None:
    """Give an app or a passkey another name."""
    with transaction.atomic():
        kept = Factor.objects.select_for_update().get(pk=factor.pk)
        kept.data["name"] = name
        kept.save(update_fields=["data"])
    factor.data["name"] = name


def remove_app(request: HttpRequest, app: Factor) -> None:
    """Remove an app of the signed-in user, and with their last factor the recovery codes.

    Notifies the user by mail and message, and sends the signals.
    """
    with transaction.atomic():
        deactivate_totp(request, app)


def remove_passkey(request: HttpRequest, passkey: Factor) -> None:
    """Remove a passkey of the signed-in user, as `remove_app` does an app."""
    with transaction.atomic():
        remove_authenticator(request, passkey)


def remove(
    user: User,
    factors: "QuerySet[Factor]",
    request: HttpRequest | None,
    actor: User | None = None,
) -> int:
    """Remove some of a user's factors, send the signal for each, and return the number removed.

    `actor` is the operator who does it, if it is not the user.
    """
    removed = list(factors)
    Factor.objects.filter(pk__in=[factor.pk for factor in removed]).delete()
    for factor in removed:
        signals.authenticator_removed.send(
            sender=Factor, request=request, user=user, authenticator=factor, actor=actor
        )
    return len(removed)
