"""The second factor: codes of an authenticator app (RFC 6238), recovery codes, and passkeys.

Whether a user has one, which factor a code belongs to, and how an operator removes it.
"""

from urllib.parse import urlencode

from cryptography.fernet import InvalidToken
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts import app_secrets, known_browsers
from accounts.allauth_door import factors, mails
from accounts.allauth_door.factors import Factor
from accounts.authentication import has_second_factor, signed_in_recently
from accounts.levels import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR
from accounts.models import Session, User
from accounts.passkey_names import distinct
from accounts.sessions import Ending, end_sessions

#: How many authenticator apps one account may have: each makes guessing a code easier.
MOST_APPS = 5
#: With `request`, `user` and the `authenticator`, which has its new name.
factor_renamed = Signal()


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


def named_factors_of(user: User | AnonymousUser) -> "QuerySet[Factor]":
    """Return a user's factors that have names: authenticator apps and passkeys."""
    return factors.of(user).exclude(type=factors.RECOVERY_CODES)


def recovery_codes_of(user: User | AnonymousUser) -> Factor | None:
    """Return a user's set of recovery codes, if they have one."""
    return factors.of(user).filter(type=factors.RECOVERY_CODES).first()


def has_codes_to_save(user: User | AnonymousUser) -> bool:
    """Whether the user has recovery codes that they have not confirmed to have saved."""
    codes = recovery_codes_of(user)
    return codes is not None and not factors.are_saved(codes)


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
    # allauth would record the use in the cache, for less time than the code is valid.
    step = factors.step_of(app_secrets.unseal(factor.data["secret"]), code)
    return step is not None and factors.use_step(factor, step)


def apps_of(user: User | AnonymousUser) -> "QuerySet[Factor]":
    """Return a user's authenticator apps, the oldest first."""
    return factors.of(user).filter(type=factors.APP).order_by("pk")


def set_up_app(request: HttpRequest, secret: str, name: str, step: int) -> Factor | None:
    """Give the signed-in user an app with this secret; None if an app has it already.

    A button that is pressed twice sets one app up. Raises IntegrityError if another tab makes
    recovery codes at the same time.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update()  # the other press waits
        list(locked.filter(pk__in=[request.user.pk]))
        if has_app_with(request.user, secret):
            return None
        taken = {factors.name_of(app) for app in apps_of(request.user)}
        name = distinct(name or str(_("Authenticator app")), taken)
        return factors.set_up_app(request, secret, name, step)


def has_app_with(user: User | AnonymousUser, secret: str) -> bool:
    """Whether one of the user's apps has this secret."""
    return any(_has_secret(app, secret) for app in apps_of(user))


def _has_secret(app: Factor, secret: str) -> bool:
    try:
        return constant_time_compare(app_secrets.unseal(app.data["secret"]), secret)
    except InvalidToken:
        return False


def rename(request: HttpRequest, factor: Factor, name: str) -> None:
    """Give an app or a passkey another name, and send the signal."""
    before = factors.name_of(factor)
    if name == before:
        return
    factors.rename(factor, name)
    factor_renamed.send(sender=Factor, request=request, user=factor.user, authenticator=factor)


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


def remove_all(user: User, actor: User | None = None) -> None:
    """Remove a lost second factor, for an operator: end the sessions, notify the user by mail."""
    with transaction.atomic():
        removed = factors.remove(user, factors.of(user), None, actor)
        end_sessions(
            Session.objects.select_related("user").filter(user=user, ended_at=None),
            Ending.FACTOR_REMOVED,
        )
        known_browsers.forget(user)
        if removed:
            mails.send("mfa/email/second_factor_removed", user.email, {})
