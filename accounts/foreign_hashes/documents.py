"""Hashes that others write as several members: Keycloak's credentials, Firebase's users."""

import json
from collections.abc import Mapping
from typing import Any

from accounts.foreign_hashes import bounds
from accounts.foreign_hashes.forms import argon2, pbkdf2

#: Keycloak's names of digests, and of versions of Argon2.
_KEYCLOAK = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}
_ARGON2_VERSIONS = {"1.0": "16", "1.3": "19"}
#: What Firebase's documentation allows.
_MEM_COST, _ROUNDS = range(1, 15), range(1, 9)
_LONGEST = 20_000


def document(text: str) -> str:
    """Return a hash within a JSON object as it is stored. Raises ValueError.

    A credential of a Keycloak realm export; or a user of a Firebase export, with the project's
    `hash_config` as a further member.
    """
    try:
        found = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("It begins like a JSON object, but is none.")  # noqa: TRY004
    if "hash_config" in found:
        return firebase_hash(_text(found, "passwordHash"), _text(found, "salt"), found)
    return _keycloak_hash(found)


def firebase_hash(password_hash: str, salt: str, config: Mapping[str, Any]) -> str:
    """Return a hash of Firebase Authentication as it is stored. Raises ValueError.

    `password_hash` and `salt` are the user's `passwordHash` and `salt`, `config` the project's
    password hash parameters, or an object with these as `hash_config`: `base64_signer_key`,
    `base64_salt_separator`, `rounds` and `mem_cost`.
    """
    config = config.get("hash_config", config)
    if not isinstance(config, dict):
        raise ValueError("Its hash_config is not an object.")  # noqa: TRY004
    mem_cost, rounds = _number(config, "mem_cost"), _number(config, "rounds")
    if mem_cost not in _MEM_COST or rounds not in _ROUNDS:
        raise ValueError("Its mem_cost has to be from 1 to 14, and its rounds from 1 to 8.")
    parts = (
        bounds.decoded(_text(config, "base64_salt_separator"), "salt separator"),
        bounds.decoded(_text(config, "base64_signer_key"), "signer key"),
        bounds.decoded(salt, "salt"),
        bounds.decoded_hash(password_hash),
    )
    if len(parts[1]) != len(parts[3]):
        raise ValueError("Its hash has another length than the signer key, so it is of another.")
    return "$".join(("firebase_scrypt", str(mem_cost), str(rounds), *map(bounds.encoded, parts)))


def _keycloak_hash(credential: Mapping[str, Any]) -> str:
    if credential.get("type", "password") != "password":
        raise ValueError("This credential is no password.")
    data, secret = _part(credential, "credentialData"), _part(credential, "secretData")
    algorithm = _text(data, "algorithm")
    iterations = _number(data, "hashIterations")
    # Before version 8, all of it was in one object.
    value = _text(secret, "hashedSaltedValue" if "hashedSaltedValue" in secret else "value")
    salt = _text(secret, "salt")
    if algorithm == "argon2":
        return _keycloak_argon2(data.get("additionalParameters"), iterations, salt, value)
    if algorithm not in _KEYCLOAK:
        raise ValueError("Its algorithm is none of argon2, pbkdf2, pbkdf2-sha256, pbkdf2-sha512.")
    return pbkdf2(_KEYCLOAK[algorithm], iterations, salt, value)


def _keycloak_argon2(parameters: Any, passes: int, salt: str, value: str) -> str:
    parameters = parameters if isinstance(parameters, dict) else {}
    first = {
        name: values[0] if isinstance(values, list) and values else None
        for name, values in parameters.items()
    }
    version = _ARGON2_VERSIONS.get(_text(first, "version"))
    if version is None:
        raise ValueError("Its version of Argon2 is neither 1.0 nor 1.3.")
    memory, lanes = _number(first, "memory"), _number(first, "parallelism")
    unpadded = (bounds.encoded(bounds.decoded(part, "salt")).rstrip("=") for part in (salt, value))
    costs = f"m={memory},t={passes},p={lanes}"
    return argon2("$".join(("", f"argon2{_text(first, 'type')}", f"v={version}", costs, *unpadded)))


def _part(credential: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a member that is an object written as text, or the credential where it is missing."""
    if name not in credential:
        return credential
    try:
        part = json.loads(_text(credential, name))
    except (ValueError, RecursionError):
        part = None
    if not isinstance(part, dict):
        raise ValueError(f"Its {name} is not a JSON object.")  # noqa: TRY004
    return part


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise ValueError(f"Its {name} is missing, or not a text.")  # noqa: TRY004
    return value


def _number(members: Mapping[str, Any], name: str) -> int:
    value = members.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"Its {name} is missing, or not a number.")  # noqa: TRY004
    return value
