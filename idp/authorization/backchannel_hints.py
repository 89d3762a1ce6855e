"""Whom a backchannel authentication request is about: its hint. OIDC CIBA §7.1, §7.2.

A hint that names no user who could answer is no error: the request is answered as any other, no
user is asked, and it expires. Otherwise every client could find out who has an account.
"""

from dataclasses import dataclass

from accounts.addresses import normalised_email
from accounts.models import User
from accounts.visitors import account_at
from foundation.statements import hash_of
from idp.clients.access_policy import allows
from idp.models import Client
from idp.protocol.errors import InvalidRequest, UnknownUserId
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.subjects import problem_with, user_of
from idp.tokens.id_token import hint_is_readable, read_hint

_HINTS = ("login_hint", "id_token_hint", "login_hint_token")
_LONGEST = 254


@dataclass(frozen=True)
class Named:
    """Whom a hint names."""

    #: The user who is asked; None if no user is.
    user: User | None
    #: A hash of whom the hint names, the same for a user by each of their hints.
    key: str


def named_by(client: Client, parameters: Parameters) -> Named:
    """Return whom the request is about. Raises InvalidRequest, UnknownUserId."""
    _there_is_one_hint(parameters)
    id_token_hint = parameters.get("id_token_hint")
    if id_token_hint is not None:
        subject = _subject_in(client, id_token_hint)
        return _named(client, user_of(client, subject), subject)
    hint = parameters.require("login_hint")
    if "@" in hint and len(hint) <= _LONGEST:
        email = normalised_email(hint)
        return _named(client, account_at(email) or user_of(client, hint), email)
    subject = _subject(hint)
    return _named(client, user_of(client, subject), subject)


@upholds("OIDC CIBA §7.2")
def _there_is_one_hint(parameters: Parameters) -> None:
    """OIDC CIBA §7.1, §7.2: one hint, and not more."""
    sent = [name for name in _HINTS if parameters.get(name) is not None]
    if len(sent) != 1:
        raise InvalidRequest("Send either login_hint or id_token_hint: one of them, once.")
    if sent == ["login_hint_token"]:
        raise InvalidRequest(
            "The login_hint_token is not offered here; send login_hint or id_token_hint."
        )


@upholds("OIDC CIBA §7.1")
def _subject_in(client: Client, id_token_hint: str) -> str:
    """Return the sub of an ID token that was issued here to this client. OIDC CIBA §7.1."""
    hint_is_readable(id_token_hint)
    hint = read_hint(id_token_hint)
    if hint is None or hint.client_id != client.client_id:
        raise InvalidRequest(
            "The id_token_hint is not an ID token that was issued here to this client."
        )
    return hint.sub


@upholds("OIDC CIBA §13")
def _subject(hint: str) -> str:
    """Return a hint that can be a sub. What can be no user's name is no secret. OIDC CIBA §13."""
    if problem_with(hint) is not None:
        raise UnknownUserId("The login_hint is neither an email address nor the sub of a user.")
    return hint


def _named(client: Client, user: User | None, hint: str) -> Named:
    key = hash_of(f"user {user.pk}" if user else f"hint {hint}")
    can_answer = (
        user is not None
        and user.is_active
        and not User.objects.unfinished().filter(pk=user.pk).exists()
        and allows(client, user)
    )
    return Named(user if can_answer else None, key)
