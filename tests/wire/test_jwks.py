"""The published keys. RFC 7517, OIDC Core §10.1."""

import httpx
import pytest
from jwcrypto.jwk import JWK

from tests.relying_party import ISSUER, spec

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "RSA-OAEP-256": ("RSA", None),
    "ECDH-ES": ("EC", "P-256"),
}
FOR_ENCRYPTION = {"RSA-OAEP-256", "ECDH-ES"}


def published() -> httpx.Response:
    return httpx.get(f"{ISSUER}/jwks", verify=False)


@pytest.fixture
def keys(provider: object) -> list[dict[str, str]]:
    return published().json()["keys"]


@spec("RFC 7517", "5")
def test_it_is_json_that_may_be_kept(provider: object) -> None:
    response = published()
    assert response.headers["Content-Type"] in {"application/json", "application/jwk-set+json"}
    assert "public" in response.headers["Cache-Control"]
    etag = response.headers["ETag"]
    again = httpx.get(f"{ISSUER}/jwks", headers={"If-None-Match": etag}, verify=False)
    assert again.status_code == 304


@spec("RFC 7517", "4")
def test_every_key_is_public_and_says_what_it_is_for(keys: list[dict[str, str]]) -> None:
    for key in keys:
        assert not PRIVATE & set(key)
        assert key["use"] == ("enc" if key["alg"] in FOR_ENCRYPTION else "sig")
        assert (key["kty"], key.get("crv")) == KINDS[key["alg"]]


@spec("RFC 7638", "3")
def test_every_kid_is_its_keys_own(keys: list[dict[str, str]]) -> None:
    assert len({key["kid"] for key in keys}) == len(keys)
    assert all(JWK(**key).thumbprint() == key["kid"] for key in keys)


@spec("RFC 7518", "3.3")
def test_rsa_keys_are_long_enough(keys: list[dict[str, str]]) -> None:
    lengths = [len(key["n"]) * 6 for key in keys if key["kty"] == "RSA"]
    assert lengths
    assert min(lengths) >= 2048


@spec("OIDC Discovery", "3")
def test_there_is_a_key_for_each_algorithm(keys: list[dict[str, str]]) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    offered = set(facts["id_token_signing_alg_values_supported"])
    published = {key["alg"] for key in keys} - FOR_ENCRYPTION
    assert {"RS256", "ES256", "EdDSA"} <= published <= offered  # others come when first needed
