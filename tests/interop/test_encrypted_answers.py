"""Authlib and joserfc read ID tokens and UserInfo: signed, with a secret, encrypted."""

from typing import Any

import httpx
import pytest
from authlib.oidc.core import CodeIDToken
from joserfc import jwe, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from tests.reading import EC, RSA, encrypted_client, shared
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    spec,
)


def read(client: Registered, token: str, algorithm: str) -> Any:
    """Return the claims of what was signed."""
    key: Any = KeySet.import_key_set(httpx.get(f"{ISSUER}/jwks").json())
    if algorithm.startswith("HS"):
        key = OctKey.import_key(client.secret or "")
    return jwt.decode(token, key, algorithms=[algorithm])


@spec("OIDC Core", "10.1")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "PS256", "PS512", "ES512"])
def test_authlib_believes_every_signature(algorithm: str, browser: Browser, user: EndUser) -> None:
    client = make_client(
        id_token_signed_response_alg=algorithm, userinfo_signed_response_alg=algorithm
    )
    party = RelyingParty(client, browser, user)
    tokens = party.tokens(scope="openid email")
    id_token = read(client, tokens["id_token"], algorithm)
    expected = {"client_id": client.client_id, "nonce": party.nonce}
    claims = CodeIDToken(
        id_token.claims,
        id_token.header,
        {"iss": {"essential": True, "value": ISSUER}},
        {**expected, "access_token": tokens["access_token"]},
    )
    claims.validate()  # at_hash too
    userinfo = read(client, party.userinfo(tokens["access_token"]).text, algorithm)
    assert (userinfo.claims["sub"], userinfo.claims["email"]) == (claims["sub"], user.email)


@spec("OIDC Core", "10.2")
@pytest.mark.parametrize(
    ("alg", "enc"),
    [
        ("RSA-OAEP", "A128CBC-HS256"),
        ("RSA-OAEP-256", "A256GCM"),
        ("ECDH-ES", "A256CBC-HS512"),
        ("ECDH-ES+A128KW", "A128GCM"),
        ("A192KW", "A192GCM"),
        ("dir", "A256CBC-HS512"),
        ("dir", "A128GCM"),
    ],
)
def test_joserfc_decrypts(alg: str, enc: str, browser: Browser, user: EndUser) -> None:
    client = encrypted_client(alg, enc)
    token = RelyingParty(client, browser, user).tokens()["id_token"]
    keys = {"RSA": (RSAKey, RSA), "ECDH": (ECKey, EC)}
    kind, key = keys.get(alg.split("-")[0], (OctKey, None))
    key = key or shared(client.secret or "", alg, enc)
    opened = jwe.decrypt_compact(token, kind.import_key(key.export(as_dict=True)), [alg, enc])
    assert opened.plaintext is not None
    assert read(client, opened.plaintext.decode(), "RS256").claims["sub"] == user.sub
