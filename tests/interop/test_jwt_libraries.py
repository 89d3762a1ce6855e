"""What verifies JWTs in other people's programs: PyJWT and joserfc, with nothing but our JWKS."""

import hashlib
from base64 import urlsafe_b64encode

import httpx
import joserfc.jwt
import jwt
import pytest
from joserfc.jwk import KeySet

from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec

ALGORITHMS = ["RS256", "ES256", "EdDSA"]
HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}


@pytest.fixture(params=ALGORITHMS)
def party(request: pytest.FixtureRequest, browser: Browser, user: EndUser) -> RelyingParty:
    client = make_client(id_token_signed_response_alg=request.param)
    return RelyingParty(client, browser, user)


def algorithm_of(party: RelyingParty) -> str:
    algorithm: str = party.client.metadata["id_token_signed_response_alg"]
    return algorithm


@spec("OIDC Core", "3.1.3.7")
def test_pyjwt(party: RelyingParty) -> None:
    tokens = party.tokens()
    discovered = httpx.get(f"{ISSUER}/.well-known/openid-configuration").json()
    key = jwt.PyJWKClient(discovered["jwks_uri"]).get_signing_key_from_jwt(tokens["id_token"])
    claims = jwt.decode(
        tokens["id_token"],
        key,
        algorithms=[algorithm_of(party)],
        audience=party.client.client_id,
        issuer=discovered["issuer"],
        options={"require": ["iss", "sub", "aud", "exp", "iat", "auth_time"]},
    )
    assert (claims["sub"], claims["nonce"]) == (party.user.sub, party.nonce)
    digest = HASHES[algorithm_of(party)](tokens["access_token"].encode()).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    assert claims["at_hash"] == half


@spec("OIDC Core", "3.1.3.7")
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
def test_joserfc(party: RelyingParty) -> None:
    keys = KeySet.import_key_set(httpx.get(f"{ISSUER}/jwks").json())
    id_token = party.tokens()["id_token"]
    token = joserfc.jwt.decode(id_token, keys, algorithms=[algorithm_of(party)])
    joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": party.client.client_id},
        exp={"essential": True},
        nonce={"essential": True, "value": party.nonce},
    ).validate(token.claims)
    assert token.claims["sub"] == party.user.sub
