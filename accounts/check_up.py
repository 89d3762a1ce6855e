"""The security check-up: what protects an account, and what the user is advised to do next."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.allauth_door import email_addresses, factors
from accounts.allauth_door.factors import Factor
from accounts.models import User
from accounts.upstream.directory.passwords import Home, home_of

#: With fewer recovery codes, new ones are advised.
FEW_RECOVERY_CODES = 3


@dataclass(frozen=True)
class Security:
    """What protects a user's account."""

    email_is_verified: bool
    has_password: bool
    password_changed_at: Any
    #: The directory that has the password, if it is not here.
    password_home: Home | None
    apps: tuple[Factor, ...]
    passkeys: tuple[Factor, ...]
    recovery_codes_left: int
    #: Whether the user has confirmed to have saved them.
    recovery_codes_saved: bool

    @property
    def has_two_steps(self) -> bool:
        """Whether the user is asked for a second factor when signing in."""
        return bool(self.apps or self.passkeys)

    @property
    def has_few_recovery_codes(self) -> bool:
        """Whether the user should make new recovery codes."""
        return self.has_two_steps and self.recovery_codes_left < FEW_RECOVERY_CODES


@dataclass(frozen=True)
class Step:
    """A step of the check-up, and what the overview says about it while it is not done."""

    done: bool
    advice: str | Promise
    action: str | Promise
    url_name: str

    @property
    def address(self) -> str:
        """Return the page for this step."""
        return reverse(self.url_name)


def security_of(user: User) -> Security:
    """Return what protects a user's account."""
    rows = list(factors.of(user))
    codes = _of_type(rows, factors.RECOVERY_CODES)
    return Security(
        email_is_verified=email_addresses.has_verified(user),
        has_password=user.has_usable_password(),
        password_changed_at=user.password_changed_at,
        password_home=home_of(user),
        apps=_of_type(rows, factors.APP),
        passkeys=_of_type(rows, factors.PASSKEY),
        recovery_codes_left=sum(map(factors.recovery_codes_left, codes)),
        recovery_codes_saved=all(map(factors.are_saved, codes)),
    )


def steps_for(security: Security) -> tuple[Step, ...]:
    """Return the steps, the most important first."""
    return (
        Step(
            security.email_is_verified,
            _("Verify your email address, so that you can get back in if you forget how."),
            _("Verify your address"),
            "account_email",
        ),
        Step(
            security.has_two_steps,
            _("Add a second step, so that a stolen password is not enough to sign in."),
            _("Set up two-step sign-in"),
            "mfa_index",
        ),
        Step(
            bool(security.passkeys),
            _("Add a passkey, and nobody can sign in with a stolen password."),
            _("Add a passkey"),
            "mfa_add_webauthn",
        ),
        Step(
            security.has_two_steps and not security.has_few_recovery_codes,
            _("Make new recovery codes before they run out."),
            _("Make new codes"),
            "mfa_generate_recovery_codes",
        ),
    )


def next_step(steps: Iterable[Step]) -> Step | None:
    """Return the step to take next, or None if all are done."""
    return next((step for step in steps if not step.done), None)


def _of_type(rows: Iterable[Factor], kind: str) -> tuple[Factor, ...]:
    return tuple(row for row in rows if row.type == kind)
