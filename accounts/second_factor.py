"""The second factor: codes of an authenticator app (RFC 6238), recovery codes, and passkeys.

What allauth asks us about it, whether somebody has one, and how an operator removes it.
"""

from base64 import urlsafe_b64encode
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlencode, urlsplit

from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa import app_settings, signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.internal.auth import generate_totp_secret, validate_totp_code
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts import code_limits, known_browsers
from accounts.authentication import has_second_factor, signed_in_recently
from accounts.levels import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR
from accounts.models import Session, User
from accounts.next import with_next
from accounts.sessions import Ending, end_sessions, is_first, is_unchanged

#: How long a secret waits for the app's first code.
_SET_UP_WITHIN = timedelta(hours=1)
_NEW_SECRET = "accounts_new_totp_secret"


class Adapter(DefaultMFAAdapter):
    """Our answers; everything else is as allauth does it."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _(
            "That code is not right. Type the one that your app shows at this moment; the clock of"
            " your device has to be right."
        ),
        "too_many_codes": _(
            "Too many wrong codes. Wait ten minutes, then try again; or use a passkey, or a browser"
            " at which you have signed in before."
        ),
        "too_many_codes_in_a_row": _(
            "Too many wrong codes in a row: none is taken here any more. Use a passkey, a recovery"
            " code, or a browser at which you have signed in before."
        ),
        "unreadable": _(
            "We cannot check codes for this account any more. The people who run this service can"
            " remove the authenticator app from it."
        ),
        "passkey_refused": _("That passkey was not accepted. Try again, or another way."),
        "too_many_passkeys": _("There are too many passkeys already. Remove one first."),
        "unverified_email": _("Prove your e-mail address before you set this up."),
    }

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return where passkeys work: at the issuer's host, whatever Host a request has."""
        issuer = urlsplit(settings.IDP_ISSUER)
        return {"id": issuer.hostname or "", "name": issuer.netloc}

    def get_totp_issuer(self) -> str:
        """Return what authenticator apps show beside the code."""
        return settings.IDP_ISSUER.partition("://")[2]

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code as markup that may stand in a page: no declaration, no styles."""
        svg: str = super().build_totp_svg(url)
        return svg.partition("?>")[2]

    def encrypt(self, text: str) -> str:
        """Seal a secret with the newest of the server's keys."""
        return _sealer().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` hid. Raises InvalidToken if none of the server's keys fits."""
        return _sealer().decrypt(encrypted_text).decode()


class Stage(AuthenticateStage):
    """The step of signing in that asks for the code; `next` goes along."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Ask whoever has a second factor, remembering the password that led here."""
        response, go_on = super().handle()
        if response is not None:
            self.state["password"] = self.login.user.get_session_auth_hash()
            response = redirect(with_next(reverse("mfa_authenticate"), self.request))
        return response, go_on

    def _should_handle(self, request: HttpRequest) -> bool:
        """Whether to ask. allauth's own rule goes by any earlier passkey; here the newest counts.

        Else somebody who once came by passkey could come again by the password alone.
        """
        user = self.login.user
        if user is None or not is_set_up(user):
            return False
        firsts = list(filter(is_first, get_authentication_records(request, user)))
        return not firsts or firsts[-1]["method"] != "mfa"

    def still_stands(self) -> bool:
        """Whether nothing has happened to the account since the step before this one."""
        user = self.login.user
        return (
            isinstance(user, User)
            and user.may_sign_in
            and is_set_up(user)
            and is_unchanged(self.state.get("password", ""), user)
        )


def is_set_up(user: User | AnonymousUser) -> bool:
    """Whether this person is asked for a second factor when signing in."""
    factors = Authenticator.objects.filter(user_id=user.pk)
    return bool(factors.exclude(type=Authenticator.Type.RECOVERY_CODES).exists())


def has_app(user: User | AnonymousUser) -> bool:
    """Whether this person has an authenticator app."""
    return _has(user, Authenticator.Type.TOTP)


def has_passkey(user: User | AnonymousUser) -> bool:
    """Whether this person has a passkey or security key."""
    return _has(user, Authenticator.Type.WEBAUTHN)


def _has(user: User | AnonymousUser, kind: str) -> bool:
    return bool(Authenticator.objects.filter(user_id=user.pk, type=kind).exists())


def reachable_level(user: User) -> str:
    """Return the highest level of authentication that this person can reach with what they have."""
    if has_passkey(user):
        return PHISHING_RESISTANT
    return MULTI_FACTOR if is_set_up(user) else SINGLE_FACTOR


def step_up_address(level: str, target: str) -> str:
    """Return the page that asks somebody signed in for what takes them to a level, then goes on."""
    only = {"passkey": "1"} if level == PHISHING_RESISTANT else {}
    return f"{reverse('account_step_up')}?{urlencode({**only, 'next': target})}"


def set_up_address(level: str, target: str) -> str:
    """Return the page for setting up what takes somebody to a level, then goes on."""
    name = "mfa_add_webauthn" if level == PHISHING_RESISTANT else "mfa_index"
    return f"{reverse(name)}?{urlencode({'next': target})}"


def recovery_codes_left(user: User | AnonymousUser) -> int:
    """Return how many recovery codes this person has not used."""
    codes = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES)
    used = [row.data["used_mask"].bit_count() for row in codes]
    return sum(app_settings.RECOVERY_CODE_COUNT - count for count in used)


def proven_by(user: User, code: str) -> Authenticator | None:
    """Return what a code is of, the app or the recovery codes; each code proves that once.

    None for a wrong code. Raises InvalidToken if none of the server's keys opens the secret.
    """
    typed = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN)
    return next((row for row in typed.select_related("user") if _is_of(row, code)), None)


def _is_of(authenticator: Authenticator, code: str) -> bool:
    if authenticator.type != Authenticator.Type.TOTP:
        return bool(authenticator.wrap().validate_code(code))
    secret = Adapter().decrypt(authenticator.data["secret"])
    # allauth would note the use in the cache.
    return validate_totp_code(secret, code) and code_limits.is_first_use(authenticator.user, code)


def record_wrong_code(http: HttpRequest, user: User) -> None:
    """Tell listeners that a code was wrong: the app's, where there is one."""
    tried = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.WEBAUTHN)
    authenticator = tried.order_by("-type").first()
    if authenticator is not None:
        signals.authentication_failed.send(
            sender=Authenticator, request=http, user=user, authenticator=authenticator
        )


def is_proven(http: HttpRequest) -> bool:
    """Whether the person at this browser signed in lately, with all that their account asks for.

    What changes how somebody signs in needs it. ASVS 7.5.1.
    """
    return signed_in_recently(http) and (has_second_factor(http) or not is_set_up(http.user))


def remove_all(user: User) -> None:
    """Remove a lost second factor, for an operator: the person is signed out and told by mail."""
    with transaction.atomic():
        removed = list(Authenticator.objects.filter(user=user))
        Authenticator.objects.filter(user=user).delete()
        for authenticator in removed:
            signals.authenticator_removed.send(
                sender=Authenticator, request=None, user=user, authenticator=authenticator
            )
        end_sessions(
            Session.objects.select_related("user").filter(user=user, ended_at=None),
            Ending.FACTOR_REMOVED,
        )
        known_browsers.forget(user)
    if removed:
        account_adapter().send_mail("mfa/email/second_factor_removed", user.email, {})


def new_secret(http: HttpRequest) -> str:
    """Return the secret that the person at this browser is setting up an app with.

    It is the same in every tab and after a reload, and sealed while it waits in the session.
    """
    try:
        waiting = _sealer().decrypt(
            http.session.get(_NEW_SECRET, ""), ttl=int(_SET_UP_WITHIN.total_seconds())
        )
        return waiting.decode()
    except InvalidToken:
        secret: str = generate_totp_secret()
        http.session[_NEW_SECRET] = Adapter().encrypt(secret)
        return secret


def forget_new_secret(http: HttpRequest) -> None:
    """Forget the secret once an app has been set up with it."""
    http.session.pop(_NEW_SECRET, None)


def _sealer() -> MultiFernet:
    return _sealer_of(tuple(settings.IDP_SECRET_KEYS))


@lru_cache
def _sealer_of(keys: tuple[str, ...]) -> MultiFernet:
    """Return what seals with the first of the server's keys and opens with all of them.

    These keys are for this purpose alone; `idp.server_keys` derives others from the same.
    """
    info = b"signet accounts second factor"
    derived = (HKDF(SHA256(), length=32, salt=None, info=info).derive(key.encode()) for key in keys)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in derived])
