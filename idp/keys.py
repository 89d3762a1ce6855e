"""Our keys: made at the first start, loaded once per process, published as a JWK set. RFC 7517.

Every algorithm that is offered has its key from the start: one made later would sign before every
process and every client had seen it.
"""

import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from jwcrypto.jwk import JWK

from foundation import server_keys
from foundation.outages import OutageError
from idp import policy
from idp.clients import secrets
from idp.jose.decrypt import GENERATORS
from idp.jose.signatures import ALGORITHMS, PrivateKey, Signer, signer
from idp.models import AccessToken, Client, SigningKey
from idp.protocol.errors import InvalidClientMetadata
from idp.protocol.rules import upholds

_PURPOSE = "signing key"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ImportedKey:
    """A public key of a server before this one, and the issuer of what it signed."""

    jwk: dict[str, Any]
    issuer: str


@dataclass(frozen=True)
class KeySet:
    """The keys as one process knows them for a few seconds."""

    loaded_at: float
    signers: dict[str, Signer]
    #: Every key's public part by kid, those retired long ago too: id_token_hints have no end.
    public: dict[str, dict[str, Any]]
    #: Our private encryption keys by algorithm, then kid.
    decrypting: dict[str, dict[str, JWK]]
    #: The published JWK set: all keys that may have signed something still valid.
    jwks: bytes
    #: Keys of a server before this one by kid: they verify hints, and nothing else.
    imported: dict[str, ImportedKey] = field(default_factory=dict)


#: Seconds to wait for another thread that loads the first keys.
_LOADS_WITHIN = 1.0
_lock = threading.Lock()
_current: KeySet | None = None


def key_set() -> KeySet:
    """Return the present keys, about `policy.PUBLISHED_FOR` old; creates missing ones.

    One thread reloads them, while the others use the old ones. If that fails, the old ones stay in
    use. Raises OutageError if no keys can be had.
    """
    global _current
    known = _current
    if known is None:
        return _first()
    age = time.monotonic() - known.loaded_at
    if age >= policy.PUBLISHED_FOR.total_seconds() and _lock.acquire(blocking=False):
        try:
            _current = _load(known)
        except (DatabaseError, OutageError) as problem:
            log.warning("keys_not_reloaded", reason=type(problem).__name__)
            _current = replace(known, loaded_at=time.monotonic())
        finally:
            _lock.release()
        return _current
    return known


def check() -> None:
    """Load the keys as if none were known. Raises OutageError where one can't be opened."""
    _load(None)


def closed() -> list[SigningKey]:
    """Return the keys, in use or to be used, that no key of IDP_SECRET_KEYS opens."""
    return [
        key
        for key in SigningKey.objects.exclude(private_sealed="")
        if (key.state != SigningKey.State.RETIRED or key.algorithm in GENERATORS)
        and not server_keys.opens(key.private_sealed, _PURPOSE)
    ]


def _first() -> KeySet:
    global _current
    if not _lock.acquire(timeout=_LOADS_WITHIN):  # the loading thread waits for the database
        raise OutageError("keys")
    try:
        if _current is None:
            _current = _load(None)
        return _current
    finally:
        _lock.release()


def active_signer(algorithm: str) -> Signer:
    """Return the signer for one of `policy.SIGNING_ALGORITHMS`."""
    return key_set().signers[algorithm]


def decryption_keys(algorithm: str) -> dict[str, JWK]:
    """Return our private keys by kid for one of `policy.DECRYPTION_ALGORITHMS`.

    All that were published lately: a client may have fetched the set a while ago.
    """
    return key_set().decrypting.get(algorithm, {})


@upholds("OIDC Core §10.1")
def signer_for(client: Client, algorithm: str) -> Signer:
    """Return the signing key for a client and algorithm: a key of ours, or the client's secret.

    OIDC Core §10.1: the octets of the client_secret are the key. Raises InvalidClientMetadata if no
    valid secret is stored that is long enough (RFC 7518 §3.2).
    """
    if algorithm not in policy.MAC_ALGORITHMS:
        return key_set().signers[algorithm]
    needed = ALGORITHMS[algorithm].octets
    for key in secrets.hmac_keys(client, timezone.now()):
        if len(key) >= needed:
            return signer(None, algorithm, key)
    raise InvalidClientMetadata(
        f"The client is registered for {algorithm}, but has no valid secret of {needed} characters "
        "that can sign; it needs a new secret."
    )


def ensure_keys() -> None:
    """Make an active key for each algorithm that lacks one; of several at once, one makes it."""
    present = set(
        SigningKey.objects.filter(state=SigningKey.State.ACTIVE).values_list("algorithm", flat=True)
    )
    for algorithm in policy.KEY_ALGORITHMS:
        if algorithm not in present:
            with suppress(IntegrityError), transaction.atomic():  # another process was faster
                make_key(algorithm, SigningKey.State.ACTIVE)


def rotate(algorithm: str, now: datetime) -> str:
    """Run the next step of an algorithm's rotation, and return which it was.

    A new key is published first; after KEY_PUBLISHED_BEFORE it becomes active, and the old one is
    retired: published until nothing signed with it can be valid.
    """
    with transaction.atomic():
        of_algorithm = _locked(algorithm)
        following = of_algorithm.filter(state=SigningKey.State.NEXT).first()
        if following is None:
            return f"{make_key(algorithm, SigningKey.State.NEXT)} is published"
        if now - following.created_at < policy.KEY_PUBLISHED_BEFORE:
            return f"{following} stays published until every client has seen it"
        of_algorithm.filter(state=SigningKey.State.ACTIVE).update(
            state=SigningKey.State.RETIRED, retired_at=now
        )
        _activate(following, now)
        return f"{following} is active"


def can_rotate(algorithm: str, now: datetime) -> bool:
    """Whether `rotate` would do anything: a next key has to be published for a while first."""
    following = SigningKey.objects.filter(algorithm=algorithm, state=SigningKey.State.NEXT).first()
    return following is None or now - following.created_at >= policy.KEY_PUBLISHED_BEFORE


def replace_at_once(algorithm: str) -> str:
    """Replace a compromised key at once: nothing signed with it is valid any more.

    Removes the keys of the algorithm, also the published next one, since it was stored beside them;
    and revokes the JWT access tokens that they signed, which are known without checking a
    signature.
    """
    with transaction.atomic():
        of_algorithm = _locked(algorithm)
        kids = of_algorithm.values_list("kid", flat=True)
        signed: Any = AccessToken.objects.filter(signed_with__in=list(kids))
        signed._raw_delete(signed.db)
        of_algorithm.delete()
        key = make_key(algorithm, SigningKey.State.ACTIVE)
    return f"{key} is active, and every older {algorithm} key is gone"


def tend(now: datetime) -> None:
    """Run the schedule: rotate keys that are due, and delete the private keys of expired ones."""
    ensure_keys()
    due = now - policy.KEY_LIFETIME + policy.KEY_PUBLISHED_BEFORE
    forgotten = now - policy.SIGNED_AT_MOST
    for algorithm in policy.KEY_ALGORITHMS:
        with transaction.atomic():
            of_algorithm = _locked(algorithm)
            active = of_algorithm.filter(state=SigningKey.State.ACTIVE).first()
            if active is not None and (active.activated_at or active.created_at) <= due:
                rotate(algorithm, now)
            over = of_algorithm.filter(state=SigningKey.State.RETIRED, retired_at__lte=forgotten)
            over.exclude(private_sealed="").update(private_sealed="")


def _locked(algorithm: str) -> QuerySet[SigningKey]:
    """Lock an algorithm's keys and return them; in a transaction.

    Later queries see the changes of others: of two processes that rotate at once, the second finds
    the step done. The oldest key is locked for all of them, so that no process holds one lock and
    waits for another.
    """
    of_algorithm = SigningKey.objects.filter(algorithm=algorithm)
    oldest = of_algorithm.order_by("created_at", "kid").select_for_update()
    while oldest.first() is None and of_algorithm.exists():
        pass  # the locked key was replaced meanwhile: lock the new one
    return of_algorithm


def _activate(key: SigningKey, now: datetime) -> None:
    key.state = SigningKey.State.ACTIVE
    key.activated_at = now
    key.save(update_fields=["state", "activated_at"])


def make_key(algorithm: str, state: str) -> SigningKey:
    """Make and store a key for one of the algorithms."""
    encrypts = algorithm in GENERATORS
    private_key = GENERATORS[algorithm]() if encrypts else ALGORITHMS[algorithm].generate()
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
            "use": "enc" if encrypts else "sig",
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
        if row.state == SigningKey.State.ACTIVE and row.algorithm in policy.SIGNING_ALGORITHMS
    }
    signing = [row for row in rows if row.algorithm not in GENERATORS]
    public = {row.kid: row.public_jwk for row in signing if not row.imported_from}
    imported = {
        row.kid: ImportedKey(row.public_jwk, row.imported_from)
        for row in signing
        if row.imported_from
    }
    published = [row.public_jwk for row in rows if _is_published(row, timezone.now())]
    decrypting: dict[str, dict[str, JWK]] = {}
    for row in rows:
        if row.algorithm in GENERATORS and row.private_sealed:
            jwk = JWK.from_pyca(_private_key(row))
            decrypting.setdefault(row.algorithm, {})[row.kid] = jwk
    jwks = json.dumps({"keys": published}).encode()
    return KeySet(time.monotonic(), signers, public, decrypting, jwks, imported)


def _is_published(row: SigningKey, now: datetime) -> bool:
    """Whether the JWK set has this key."""
    if row.published_until is not None:
        return row.published_until > now
    if row.retired_at is None:
        return True
    # New content is not encrypted to a retired key.
    return row.retired_at > now - policy.SIGNED_AT_MOST and row.algorithm not in GENERATORS


def _private_key(row: SigningKey) -> PrivateKey:
    try:
        der = server_keys.unseal(row.private_sealed, _PURPOSE)
    except InvalidToken:
        log.error("key_not_opened", kid=row.kid, algorithm=row.algorithm)  # noqa: TRY400
        raise OutageError("keys") from None
    # Our own key, sealed by ourselves: checking its primes again would cost 46 ms each time.
    return load_der_private_key(  # type: ignore[return-value]
        der, password=None, unsafe_skip_rsa_key_validation=True
    )
