"""Passkeys and security keys: registration and authentication. WebAuthn Level 3 §7.

A passkey names its user and verifies them (by fingerprint, face or PIN), so it suffices alone. The
browser signs our origin with it, so that no other site can use the answer.
"""

import json
import secrets
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts import code_limits
from accounts.allauth_door import factors
from accounts.allauth_door.factors import Factor
from accounts.models import User
from accounts.passkey_keys import OFFERED, refuse_unsound

#: How many one account may have.
MOST = 20
#: Limits of pending challenges in a browser session: their number (one per tab) and lifetime in
#: seconds.
_CHALLENGES = "accounts_passkey_challenges"
_TABS = 8
_SECONDS = 600
_LONGEST_ID = 1023  # WebAuthn §4, Credential ID
_HANDLE_BYTES = 64
_LONGEST_NUMBER = 18
_VERIFIED = UserVerificationRequirement.REQUIRED


def passkeys_of(user: User) -> "QuerySet[Factor]":
    """Return a user's passkeys, the oldest first."""
    return factors.of(user).filter(type=factors.PASSKEY).order_by("pk")


def creation_options(request: HttpRequest, user: User) -> dict[str, Any]:
    """Return the options for creating a passkey. WebAuthn §5.4, as JSON (§5.1.9)."""
    options, state = _server().register_begin(
        PublicKeyCredentialUserEntity(
            id=_handle_of(user), name=user.email, display_name=user.get_full_name()
        ),
        credentials=_credentials_of(user),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_VERIFIED,
    )
    _keep_challenge(request, state["challenge"])
    return dict(options)


def request_options(request: HttpRequest, user: User | None = None) -> dict[str, Any]:
    """Return the options for using a passkey: one of `user`, or any. WebAuthn §5.5."""
    options, state = _server().authenticate_begin(
        credentials=_credentials_of(user) if user else [], user_verification=_VERIFIED
    )
    _keep_challenge(request, state["challenge"])
    return dict(options)


def made(request: HttpRequest, credential: str, name: str, user: User) -> Factor:
    """Verify a registration and return the new passkey, not saved yet. WebAuthn §7.1.

    Raises ValidationError for an invalid one.
    """
    with _understood():
        answer = RegistrationResponse.from_dict(json.loads(credential))
        state = _take_challenge(request, answer.response.client_data)
        data = _server().register_complete(state, answer).credential_data
        if (
            data is None
            or data.credential_id != answer.raw_id
            or len(data.credential_id) > _LONGEST_ID
        ):
            raise ValueError("Not a credential that can be kept.")
        refuse_unsound(data.public_key)
        kept = {
            "id": answer.id,
            "rawId": answer.id,
            "type": "public-key",
            "response": {
                "clientDataJSON": websafe_encode(answer.response.client_data),
                "attestationObject": websafe_encode(answer.response.attestation_object),
            },
        }
    return factors.new_passkey(user, name, kept)


def verified_passkey(request: HttpRequest, credential: str, user: User | None = None) -> Factor:
    """Verify an assertion and return the passkey, of `user` or of the user it names. WebAuthn §7.2.

    Raises ValidationError for anything but an answer to a pending challenge of this browser
    session. A challenge is answered once.
    """
    with _understood():
        answer = AuthenticationResponse.from_dict(json.loads(credential))
        state = _take_challenge(request, answer.response.client_data)
        handle = answer.response.user_handle
        owner = user or _named(handle)
        if handle and _named(handle) != owner:
            raise ValueError("A passkey of another user.")
        used = _server().authenticate_complete(state, _credentials_of(owner), answer)
        return next(
            row for row in passkeys_of(owner) if _data_of(row).credential_id == used.credential_id
        )


def _server() -> Fido2Server:
    """Return the relying party: the issuer's host, at its very origin and no other."""
    host = urlsplit(settings.IDP_ISSUER).hostname or ""
    name = settings.IDP_ORIGIN.partition("://")[2]
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=host, name=name),
        verify_origin=lambda origin: origin == settings.IDP_ORIGIN,
    )
    server.allowed_algorithms = OFFERED
    return server


def _credentials_of(user: User) -> list[AttestedCredentialData]:
    return [_data_of(row) for row in passkeys_of(user)]


def _data_of(row: Factor) -> AttestedCredentialData:
    data: AttestedCredentialData = row.wrap().authenticator_data.credential_data
    return data


def _handle_of(user: User) -> bytes:
    """Return the user handle of new passkeys: random, made with the first. WebAuthn §14.6.1."""
    if user.passkey_handle is None:
        made = websafe_encode(secrets.token_bytes(_HANDLE_BYTES))
        User.objects.filter(pk=user.pk, passkey_handle=None).update(passkey_handle=made)
        user.refresh_from_db(fields=["passkey_handle"])
    return websafe_decode(user.passkey_handle or "")


def _named(handle: bytes | None) -> User:
    """Return the user that a user handle names. Raises ValueError for an unknown one.

    Handles that were made before they were random hold the primary key of the user.
    """
    handle = handle or b""
    if handle.isdigit() and len(handle) <= _LONGEST_NUMBER:
        user = User.objects.filter(pk=int(handle)).first()
    else:
        user = User.objects.filter(passkey_handle=websafe_encode(handle)).first()
    if user is None:
        raise ValueError("An unknown passkey.")
    return user


def _keep_challenge(request: HttpRequest, challenge: str) -> None:
    """Store a challenge; each tab has its own, and the oldest are dropped."""
    waiting = [*_waiting(request), [challenge, time.time()]]
    request.session[_CHALLENGES] = waiting[-_TABS:]


def _take_challenge(request: HttpRequest, client_data: CollectedClientData) -> dict[str, Any]:
    """Return the state of the challenge that was answered, and use it up.

    Raises ValueError if it is not of this browser session, was answered before, or was answered
    within a cross-origin frame.
    """
    answered = websafe_encode(client_data.challenge)
    waiting = _waiting(request)
    others = [entry for entry in waiting if not constant_time_compare(entry[0], answered)]
    if len(others) == len(waiting) or client_data.cross_origin:
        raise ValueError("Not an answer to a challenge of this browser session.")
    request.session[_CHALLENGES] = others
    if not code_limits.is_first_answer(answered):  # parallel requests read the same session
        raise ValueError("This challenge was answered before.")
    return {"challenge": answered, "user_verification": _VERIFIED}


def _waiting(request: HttpRequest) -> list[Any]:
    since = time.time() - _SECONDS
    return [entry for entry in request.session.get(_CHALLENGES, []) if entry[1] > since]


@contextmanager
def _understood() -> Iterator[None]:
    """Turn every error in an answer, which is untrusted input, into one ValidationError."""
    try:
        yield
    except ValidationError:
        raise
    except (
        *(ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError),
        *(StopIteration, TypeError, ValueError, UnsupportedAlgorithm, struct.error),
    ) as problem:
        raise factors.refusal("passkey_refused") from problem
