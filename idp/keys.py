"""Signing keys: made on first use, loaded once per process, published as a JWK set. RFC 7517."""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.db import DatabaseError, IntegrityError, transaction
from jwcrypto.jwk import JWK

from idp import policy, server_keys
from idp.jose.algorithms import ALGORITHMS, PrivateKey
from idp.jose.sign import Signer, signer
from idp.models import SigningKey

_PURPOSE = "signing key"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class KeySet:
    """The keys as one process knows them for a few seconds."""

    loaded_at: float
    signers: dict[str, Signer]
    public: dict[str, dict[str, Any]]
    jwks: bytes


_lock = threading.Lock()
_current: KeySet | None = None


def key_set() -> KeySet:
    """Return the present keys, at most `policy.PUBLISHED_FOR` old; makes those that are missing."""
    global _current
    known = _current
    if known is not None and _age(known) < policy.PUBLISHED_FOR.total_seconds():
        return known
    with _lock:
        if _current is None or _current is known:
            try:
                _current = _load(known)
            except DatabaseError:
                if known is None:
                    raise
                log.warning("keys_not_reloaded", exc_info=True)
                return known  # what was good a moment ago is better than nothing
        return _current


def active_signer(algorithm: str) -> Signer:
    """Return the signer for one of `policy.SIGNING_ALGORITHMS`."""
    return key_set().signers[algorithm]


def ensure_keys() -> None:
    """Make an active key for each algorithm that lacks one; two processes at once make one."""
    present = set(
        SigningKey.objects.filter(state=SigningKey.State.ACTIVE).values_list("algorithm", flat=True)
    )
    for algorithm in policy.SIGNING_ALGORITHMS:
        if algorithm not in present:
            try:
                with transaction.atomic():
                    make_key(algorithm, SigningKey.State.ACTIVE)
            except IntegrityError:
                continue  # another process was faster, and its key serves as well


def make_key(algorithm: str, state: str) -> SigningKey:
    """Make and store a key for one of the algorithms."""
    private_key = ALGORITHMS[algorithm].generate()
    public = JWK.from_pyca(private_key.public_key())
    kid = public.thumbprint()
    return SigningKey.objects.create(
        kid=kid,
        algorithm=algorithm,
        state=state,
        public_jwk={
            **public.export_public(as_dict=True),
            "kid": kid,
            "alg": algorithm,
            "use": "sig",
        },
        private_sealed=server_keys.seal(
            private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), _PURPOSE
        ),
    )


def _load(known: KeySet | None) -> KeySet:
    ensure_keys()
    rows = list(SigningKey.objects.order_by("created_at", "kid"))
    loaded = {s.kid: s for s in known.signers.values()} if known else {}
    signers = {
        row.algorithm: loaded.get(row.kid) or signer(row.kid, row.algorithm, _private_key(row))
        for row in rows
        if row.state == SigningKey.State.ACTIVE
    }
    public = {row.kid: row.public_jwk for row in rows}
    jwks = json.dumps({"keys": list(public.values())}).encode()
    return KeySet(time.monotonic(), signers, public, jwks)


def _private_key(row: SigningKey) -> PrivateKey:
    der = server_keys.unseal(row.private_sealed, _PURPOSE)
    # Our own key, sealed by ourselves: checking its primes again would cost 46 ms each time.
    return load_der_private_key(  # type: ignore[return-value]
        der, password=None, unsafe_skip_rsa_key_validation=True
    )


def _age(keys: KeySet) -> float:
    return time.monotonic() - keys.loaded_at
