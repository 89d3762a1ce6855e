"""Keys of a server before this one: they verify the hints that it signed, and nothing else."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from jwcrypto.jwk import JWK

from idp import keys, policy
from idp.jose.signatures import signer
from idp.models import SigningKey
from idp.protocol.errors import InvalidRequest
from idp.tokens.id_token import Hint, read_hint, read_subject
from tests.relying_party import spec

OLD = "https://old.example/o"
CLAIMS = {"iss": OLD, "sub": "7", "aud": "shop", "exp": 1, "iat": 1, "jti": "of-an-id-token"}
KEY = generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
SHORT = generate_private_key(public_exponent=65537, key_size=1024).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


@pytest.fixture(autouse=True)
def keys_of_its_own(database: None) -> Iterator[None]:
    """Leave the keys that a running server knows as they were."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    keys._current = None


@pytest.fixture
def kid(tmp_path: Path) -> str:
    """The id of a key that was imported from PEM with its private key."""
    file = tmp_path / "key.pem"
    file.write_bytes(PEM)
    call_command("import_keys", file, issuer=OLD, hours=10, stdout=(tmp_path / "out").open("w"))
    keys._current = None
    return str(JWK.from_pyca(KEY.public_key()).thumbprint())


def signed(kid: str, **claims: Any) -> str:
    """Return an ID token as the old server made it, with other claims."""
    return signer(kid, "RS256", KEY).sign({**CLAIMS, **claims})


@spec("OIDC Core", "3.1.2.1")
def test_a_hint_that_was_made_before_is_believed(kid: str) -> None:
    assert read_hint(signed(kid)) == Hint("shop", "7", None)
    assert read_hint(signed(kid, iss=policy.ISSUER)) is None
    assert read_hint(signed(kid, iss="https://evil.example")) is None
    assert read_hint(signed(kid, typ="Bearer")) is None  # an access token of Keycloak
    assert read_hint(signer(kid, "RS384", KEY).sign(CLAIMS)) is None
    ours = keys.active_signer("RS256").sign({**CLAIMS, "jti": None})
    assert read_hint(ours) is None  # our key does not speak for the old issuer


def test_it_is_published_for_its_hours_and_never_signs(kid: str) -> None:
    row = SigningKey.objects.get(kid=kid)
    assert (row.state, row.private_sealed) == (SigningKey.State.RETIRED, "")
    assert set(row.public_jwk) == {"kty", "n", "e", "kid", "alg", "use"}
    assert kid in {key["kid"] for key in json.loads(keys.key_set().jwks)["keys"]}
    assert kid not in {each.kid for each in keys.key_set().signers.values()}
    keys.tend(timezone.now())
    keys.rotate("RS256", timezone.now())
    row.refresh_from_db()
    assert row.state == SigningKey.State.RETIRED
    row.published_until = timezone.now() - timedelta(seconds=1)
    row.save()
    keys._current = None
    assert kid not in {key["kid"] for key in json.loads(keys.key_set().jwks)["keys"]}
    assert read_hint(signed(kid)) == Hint("shop", "7", None)


@spec("RFC 8693", "2.1")
def test_what_it_signed_is_exchanged_for_nothing(kid: str) -> None:
    claims = {"iss": policy.ISSUER, "sid": "x", "exp": 4_000_000_000, "jti": None}
    with pytest.raises(InvalidRequest):
        read_subject(signed(kid, **claims), timezone.now(), InvalidRequest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "neither PEM nor JSON"),
        ('{"keys": []}', "no key that signs"),
        ('{"kty": "oct", "k": "c2VjcmV0"}', "no public key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "PEM"),
        (SHORT.decode(), "2048"),
    ],
)
def test_what_is_no_signing_key_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    with pytest.raises(CommandError, match=message):
        call_command("import_keys", file)


def test_a_set_is_imported_without_its_private_parts_and_never_over_a_key_of_ours(
    tmp_path: Path, kid: str
) -> None:
    private = JWK.from_pyca(KEY).export_private(as_dict=True)
    other = {**private, "kid": "of-keycloak", "alg": "PS256", "use": "sig"}
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [other, {**private, "use": "enc"}]}))
    with (tmp_path / "out").open("w") as out:
        call_command("import_keys", file, issuer=OLD, stdout=out)
    assert "d" not in SigningKey.objects.get(kid="of-keycloak").public_jwk
    ours = SigningKey.objects.get(algorithm="RS256", state=SigningKey.State.ACTIVE)
    file.write_text(json.dumps({**private, "kid": ours.kid}))
    with pytest.raises(CommandError, match="own"):
        call_command("import_keys", file, issuer=OLD)
