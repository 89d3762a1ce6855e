"""Links by which a user chooses a password: invitations, and resets that an operator sends.

Nothing is stored. The link is signed over the account's present password and address, so a change
of either invalidates it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts import passwords
from accounts.allauth_door import email_addresses, mails, sign_ins
from accounts.models import User
from accounts.upstream.directory.passwords import home_of

VALID_FOR = timedelta(days=7)
RESET_VALID_FOR = timedelta(days=1)
_TOKEN = re.compile(r"([1-9][0-9]{0,17}):[0-9A-Za-z]{1,12}:[0-9A-Za-z_-]{43}")


def invite(user: User) -> str:
    """Mail a user the link for choosing a password, and return the link.

    The link is a secret for the user, or for an operator who forwards it. Raises ValueError if the
    account is disabled.
    """
    return _mail(user, "account/email/invitation", {"days": VALID_FOR.days}, token_for)


def send_reset(user: User) -> None:
    """Mail a user who has an account a link for choosing a new password, valid for a day.

    Their password works until they have chosen another. Raises ValueError if the account is
    disabled, or a directory has its password.
    """
    context = {"hours": int(RESET_VALID_FOR.total_seconds() // 3600)}
    _mail(user, "account/email/reset_link", context, reset_token_for)


def _mail(
    user: User, template: str, context: dict[str, Any], token_of: Callable[[User], str]
) -> str:
    if not user.is_active:
        raise ValueError(f"{user.email} is disabled")
    if (home := home_of(user)) is not None:
        raise ValueError(f"{home.name} has the password of {user.email}")
    with transaction.atomic():
        _adopt(user)
        _list_address(user)
        link = f"{settings.IDP_ORIGIN}{reverse('account_invitation', args=[token_of(user)])}"
        mails.send(template, user.email, {"link": link, **context})
    return link


def token_for(user: User) -> str:
    """Return a token that lets this user, as they are now, choose a password."""
    return _signer(user).sign(str(user.pk))


def reset_token_for(user: User) -> str:
    """Return such a token that is valid for a day."""
    return _signer(user, "reset").sign(str(user.pk))


def invited_by(token: str) -> User | None:
    """Return the user whom a token invites, or None if it is used, expired or invalid.

    None, too, if a directory has the user's password by now.
    """
    parts = _TOKEN.fullmatch(token)
    user = User.objects.filter(pk=int(parts[1]), is_active=True).first() if parts else None
    if user is None or home_of(user) is not None:
        return None
    for purpose, valid_for in (("invitation", VALID_FOR), ("reset", RESET_VALID_FOR)):
        with suppress(BadSignature):
            _signer(user, purpose).unsign(token, max_age=valid_for)
            return user
    return None


def accept(request: HttpRequest, user: User, password: str) -> HttpResponse | None:
    """Set the password and sign in; return None if the invitation was used in the meantime.

    The link came by mail, so it verifies the address as a reset's code does. A second factor is
    asked for all the same.
    """
    if not passwords.replace(user, password):
        return None
    _list_address(user)
    with suppress(
        IntegrityError
    ):  # Another account has verified the address in the meantime: a code is asked for.
        email_addresses.verify(request, user, user.email)
    return sign_ins.begin_with_new_password(request, user)


def _adopt(user: User) -> None:
    """Remove what another user's unfinished sign-up with this address left."""
    if User.objects.unfinished().filter(pk=user.pk).exists():
        user.self_registered = False
        user.set_unusable_password()
        user.save(update_fields=["self_registered", "password"])


def _list_address(user: User) -> None:
    """Ensure that there is a record of the address, which says whether it is verified."""
    if not email_addresses.is_recorded(user, user.email):
        user.set_email(user.email, verified=False)


def _signer(user: User, purpose: str = "invitation") -> TimestampSigner:
    return TimestampSigner(salt=f"accounts.{purpose}:{user.password}:{user.email}")
