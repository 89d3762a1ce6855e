"""The second factor: codes of an authenticator app (RFC 6238), recovery codes, and passkeys.

Whether a user has one, which factor a code belongs to, and how an operator removes it.
"""

from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import app_secrets, code_limits, known_browsers
from accounts.allauth_door import factors, mails
from accounts.allauth_door.factors import Factor
from accounts.authentication import has_second_factor, signed_in_recently
from accounts.levels import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR
from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions


def is_set_up(user: User | AnonymousUser) -> bool:
    """Whether this user is asked for a second factor when signing in."""
    return bool(factors.of(user).exclude(type=factors.RECOVERY_CODES).exists())


def has_app(user: User | AnonymousUser) -> bool:
    """Whether this user has an authenticator app."""
    return bool(factors.of(user).filter(type=factors.APP).exists())


def has_passkey(user: User | AnonymousUser) -> bool:
    """Whether this user has a passkey or security key."""
    return bool(factors.of(user).filter(type=factors.PASSKEY).exists())


def reachable_level(user: User) -> str:
    """Return the highest authentication level that this user can reach with their factors."""
    if has_passkey(user):
        return PHISHING_RESISTANT
    return MULTI_FACTOR if is_set_up(user) else SINGLE_FACTOR


def step_up_address(level: str, target: str) -> str:
    """Return the page that asks a signed-in user for the factor of a level, then goes on."""
    only = {"passkey": "1"} if level == PHISHING_RESISTANT else {}
    return f"{reverse('account_step_up')}?{urlencode({**only, 'next': target})}"


def set_up_address(level: str, target: str) -> str:
    """Return the page for setting up the factor of a level, then goes on."""
    name = "mfa_add_webauthn" if level == PHISHING_RESISTANT else "mfa_index"
    return f"{reverse(name)}?{urlencode({'next': target})}"


def recovery_codes_left(user: User | AnonymousUser) -> int:
    """Return how many recovery codes this user has not used."""
    codes = factors.of(user).filter(type=factors.RECOVERY_CODES)
    return sum(map(factors.recovery_codes_left, codes))


def verified_factor(user: User, code: str) -> Factor | None:
    """Return the factor of a code, the app or the recovery codes; each code works once.

    Returns None for a wrong code. Raises InvalidToken if none of the server's keys decrypts the
    secret.
    """
    typed = factors.of(user).exclude(type=factors.PASSKEY)
    return next((row for row in typed.select_related("user") if _is_of(row, code)), None)


def _is_of(factor: Factor, code: str) -> bool:
    if factor.type != factors.APP:
        return factors.use_recovery_code(factor, code)
    secret = app_secrets.unseal(factor.data["secret"])
    # allauth would record the use in the cache.
    return factors.is_code_of(secret, code) and code_limits.is_first_use(factor.user, code)


def record_wrong_code(request: HttpRequest, user: User) -> None:
    """Send the signal that a code was wrong, for the app if there is one."""
    tried = factors.of(user).exclude(type=factors.PASSKEY).order_by("-type").first()
    if tried is not None:
        factors.was_refused(request, user, tried)


def is_recent(request: HttpRequest) -> bool:
    """Whether this browser's user signed in recently, with all factors that their account requires.

    Changes to authentication methods require it. ASVS 7.5.1.
    """
    return signed_in_recently(request) and (
        has_second_factor(request) or not is_set_up(request.user)
    )


def remove_all(user: User) -> None:
    """Remove a lost second factor, for an operator: end the sessions, notify the user by mail."""
    with transaction.atomic():
        removed = factors.remove(user, factors.of(user), None)
        end_sessions(
            Session.objects.select_related("user").filter(user=user, ended_at=None),
            Ending.FACTOR_REMOVED,
        )
        known_browsers.forget(user)
        if removed:
            mails.send("mfa/email/second_factor_removed", user.email, {})
