"""Passkeys and security keys: registration and authentication. WebAuthn Level 3 §7.

A passkey names its user and verifies them (by fingerprint, face or PIN), so it suffices alone. The
browser signs our origin with it, so that no other site can use the answer.
"""

import json
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
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
from accounts.passkey_names import distinct, name_for
from foundation import server_keys

#: How many one account may have.
MOST = 20
#: How often one is offered after signing in.
OFFERED_EVERY = timedelta(days=30)
#: What challenges are sealed for, and how many seconds one is valid.
_CHALLENGE = "passkey challenge"
_SECONDS = 600
#: Where the browser session has the id of a passkey that is unknown.
_UNKNOWN = "accounts_unknown_passkey"
_LONGEST_ID = 1023  # WebAuthn §4, Credential ID
_HANDLE_BYTES = 64
_LONGEST_NUMBER = 18
_FLAGS = 32  # WebAuthn §6.1: where authenticator data has its flags
_VERIFIED = UserVerificationRequirement.REQUIRED
_PREFERRED = UserVerificationRequirement.PREFERRED


def passkeys_of(user: User) -> "QuerySet[Factor]":
    """Return a user's passkeys, the oldest first."""
    return factors.of(user).filter(type=factors.PASSKEY).order_by("pk")


def creation_options(
    request: HttpRequest, user: User, *, conditional: bool = False
) -> dict[str, Any]:
    """Return the options for creating a passkey. WebAuthn §5.4, as JSON (§5.1.9).

    With `conditional`, a password manager may create it without asking (§5.1.3), right after it
    filled in the password. Using it takes user verification all the same.
    """
    options, _ = _server().register_begin(
        PublicKeyCredentialUserEntity(
            id=_handle_of(user), name=user.email, display_name=user.get_full_name()
        ),
        credentials=_credentials_of(user),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=_PREFERRED if conditional else _VERIFIED,
        challenge=_new_challenge(request, conditional=conditional),
    )
    return dict(options)


def request_options(request: HttpRequest, user: User | None = None) -> dict[str, Any]:
    """Return the options for using a passkey: one of `user`, or any. WebAuthn §5.5."""
    options, _ = _server().authenticate_begin(
        credentials=_credentials_of(user) if user else [],
        user_verification=_VERIFIED,
        challenge=_new_challenge(request),
    )
    return dict(options)


def made(request: HttpRequest, credential: str, name: str, user: User) -> Factor:
    """Verify a registration and return the new passkey, not saved yet. WebAuthn §7.1.

    Without a name it is named after its authenticator. Raises ValidationError for an invalid one.
    """
    with _understood():
        sent = json.loads(credential)
        answer = RegistrationResponse.from_dict(sent)
        state = _take_challenge(request, answer.response.client_data)
        data = _registered(state, answer)
        if (
            data is None
            or data.credential_id != answer.raw_id
            or len(data.credential_id) > _LONGEST_ID
        ):
            raise ValueError("Not a credential that can be kept.")
        refuse_unsound(data.public_key)
        name = name or name_for(data.aaguid, sent, request.headers.get("User-Agent", ""))
        kept = {
            "id": answer.id,
            "rawId": answer.id,
            "type": "public-key",
            "response": {
                "clientDataJSON": websafe_encode(answer.response.client_data),
                "attestationObject": websafe_encode(answer.response.attestation_object),
            },
        }
    taken = {factors.name_of(row) for row in passkeys_of(user)}
    return factors.new_passkey(user, distinct(name, taken), kept)


def _registered(
    state: dict[str, Any], answer: RegistrationResponse
) -> AttestedCredentialData | None:
    """Verify a registration. WebAuthn §7.1: a conditional one needs no present user.

    The library always demands one. No attestation is verified, so the flag may be set for it.
    """
    if state["conditional"]:
        made = answer.response.attestation_object
        data = bytearray(made.auth_data)
        data[_FLAGS] |= AuthenticatorData.FLAG.UP
        made = AttestationObject.create(made.fmt, AuthenticatorData(bytes(data)), made.att_stmt)
        answer = replace(answer, response=replace(answer.response, attestation_object=made))
    return _server().register_complete(state, answer).credential_data


def verified_passkey(request: HttpRequest, credential: str, user: User | None = None) -> Factor:
    """Verify an assertion and return the passkey, of `user` or of the user it names. WebAuthn §7.2.

    Raises ValidationError for anything but an answer to a pending challenge of this browser, with
    the code `passkey_unknown` where there is no such passkey. A challenge is answered once.
    """
    with _understood():
        answer = AuthenticationResponse.from_dict(json.loads(credential))
        state = _take_challenge(request, answer.response.client_data)
        state["user_verification"] = _VERIFIED
        handle = answer.response.user_handle
        owner = user or _named(handle)
        if handle and _named(handle) != owner:
            raise ValueError("A passkey of another user.")
        row = _row_of(answer.raw_id, owner)
        _server().authenticate_complete(state, [_data_of(row)], answer)
        return row


def offer_is_due(user: User) -> bool:
    """Whether to offer a passkey to a user without one: once in a while, and not in vain."""
    if passkeys_of(user).exists():
        return False
    if user.passkey_offered_at and user.passkey_offered_at > timezone.now() - OFFERED_EVERY:
        return False
    return _may_have_one(user)


def note_offer(user: User) -> None:
    """Record that a passkey is offered to the user."""
    User.objects.filter(pk=user.pk).update(passkey_offered_at=timezone.now())


def _may_have_one(user: User) -> bool:
    try:
        factors.may_be_set_up(user)
    except ValidationError:
        return False
    return True


def signals_for(user: User) -> dict[str, Any] | None:
    """Return what tells the browser which passkeys of the user exist; None if none was made.

    WebAuthn Level 3 §5.1.10: password managers then hide others, and show the present name.
    """
    if user.passkey_handle is None:
        return None
    return {
        "rpId": relying_party_id(),
        "userId": user.passkey_handle,
        "name": user.email,
        "displayName": user.get_full_name(),
        "allAcceptedCredentialIds": [credential_id_of(row) for row in passkeys_of(user)],
    }


def relying_party_id() -> str:
    """Return the relying party's id: the issuer's host."""
    return urlsplit(settings.IDP_ISSUER).hostname or ""


def note_unknown(request: HttpRequest, credential: str) -> None:
    """Store the id that a browser sent for a passkey that no account has, for the next page.

    Only the server says that one is unknown: an address that did could delete a good passkey.
    """
    request.session[_UNKNOWN] = _credential_id_in(credential)


def pop_unknown(request: HttpRequest) -> dict[str, str] | None:
    """Return what tells this browser to forget such a passkey, once. WebAuthn Level 3 §5.1.10.1."""
    credential_id = request.session.pop(_UNKNOWN, "")
    return {"rpId": relying_party_id(), "credentialId": credential_id} if credential_id else None


def credential_id_of(passkey: Factor) -> str:
    """Return the id of a passkey's credential, base64url."""
    return str(websafe_encode(_data_of(passkey).credential_id))


def _credential_id_in(credential: str) -> str:
    """Return the credential id in a browser's answer, base64url; empty if there is none."""
    try:
        sent = json.loads(credential)["rawId"]
        return sent if 0 < len(websafe_decode(sent)) <= _LONGEST_ID else ""
    except (TypeError, ValueError, LookupError):
        return ""


def _server() -> Fido2Server:
    return _server_at(relying_party_id(), settings.IDP_ORIGIN)


@cache
def _server_at(host: str, only: str) -> Fido2Server:
    """Return the relying party: the issuer's host, at its very origin and no other."""
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=host, name=only.partition("://")[2]),
        verify_origin=lambda origin: origin == only,
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


def _row_of(credential_id: bytes, owner: User) -> Factor:
    """Return the passkey of this id. Raises ValidationError if the user has none."""
    for row in passkeys_of(owner):
        if _data_of(row).credential_id == credential_id:
            return row
    raise factors.refusal("passkey_unknown")


def _named(handle: bytes | None) -> User:
    """Return the user that a user handle names. Raises ValidationError for an unknown one.

    Handles that were made before they were random hold the primary key of the user.
    """
    handle = handle or b""
    if handle.isdigit() and len(handle) <= _LONGEST_NUMBER:
        user = User.objects.filter(pk=int(handle)).first()
    else:
        user = User.objects.filter(passkey_handle=websafe_encode(handle)).first()
    if user is None:
        raise factors.refusal("passkey_unknown")
    return user


def _new_challenge(request: HttpRequest, *, conditional: bool = False) -> bytes:
    """Return a challenge for this browser and its user.

    It is sealed and not stored, so a page can ask for several at once: of two requests that change
    one browser session at the same time, the one that ends last undoes the other's change.
    """
    said = json.dumps([*_asked_by(request), conditional])
    return server_keys.seal(said.encode(), _CHALLENGE).encode()


def _take_challenge(request: HttpRequest, client_data: CollectedClientData) -> dict[str, Any]:
    """Return the state of the challenge that was answered, and use it up.

    Raises ValueError if it is not for this browser and its user, is too old, was answered before,
    or was answered within a cross-origin frame.
    """
    sealed = client_data.challenge.decode()
    try:
        *asked_by, conditional = json.loads(server_keys.unseal(sealed, _CHALLENGE, _SECONDS))
    except InvalidToken as problem:
        raise ValueError("Not a challenge of ours, or too old.") from problem
    if asked_by != _asked_by(request) or client_data.cross_origin:
        raise ValueError("Not an answer to a challenge of this browser.")
    if not code_limits.is_first_answer(sealed):
        raise ValueError("This challenge was answered before.")
    return {
        "challenge": websafe_encode(client_data.challenge),
        "user_verification": _PREFERRED if conditional else _VERIFIED,
        "conditional": conditional,
    }


def _asked_by(request: HttpRequest) -> list[Any]:
    """Return what tells browsers and users apart: the cookie that every form is sent with."""
    return [request.COOKIES.get(settings.CSRF_COOKIE_NAME, ""), request.user.pk]


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
