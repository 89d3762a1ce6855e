"""The ID token, as a relying party checks it. OIDC Core §2, §3.1.3.6, §3.1.3.7."""

import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    spec,
    verified,
)

HASHES = {
    **{
        f"{family}{bits}": getattr(hashlib, f"sha{bits}")
        for family in ("RS", "PS", "ES")
        for bits in (256, 384, 512)
    },
    "EdDSA": hashlib.sha512,
}


def header_of(jwt: str) -> dict[str, Any]:
    part = jwt.split(".")[0]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@spec("OIDC Core", "2")
def test_the_claims_of_an_id_token(relying_party: RelyingParty) -> None:
    before = int(time.time())
    claims = verified(relying_party.tokens(scope="openid profile email phone address")["id_token"])
    assert claims["iss"] == ISSUER
    assert claims["sub"] == relying_party.user.sub
    assert claims["aud"] == relying_party.client.client_id
    assert claims["nonce"] == relying_party.nonce
    assert before <= claims["auth_time"] <= claims["iat"] <= time.time() < claims["exp"]
    assert claims["amr"] == ["pwd"]
    assert isinstance(claims["acr"], str)
    assert isinstance(claims["sid"], str)


@spec("OIDC Core", "15.1")
@pytest.mark.parametrize("algorithm", [None, *HASHES])
def test_it_is_signed_as_the_client_registered(
    browser: Browser, user: EndUser, algorithm: str | None
) -> None:
    client = make_client(id_token_signed_response_alg=algorithm)
    tokens = RelyingParty(client, browser, user).tokens()
    header = header_of(tokens["id_token"])
    assert header["alg"] == (algorithm or "RS256")
    keys = httpx.get(f"{ISSUER}/jwks", verify=False).json()["keys"]
    assert [key["alg"] for key in keys if key["kid"] == header["kid"]] == [header["alg"]]
    assert not {"jku", "jwk", "x5u", "x5c"} & set(header)
    claims = verified(tokens["id_token"])
    digest = HASHES[header["alg"]](tokens["access_token"].encode()).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    assert claims["at_hash"] == half


@spec("OIDC Core", "3.1.2.1")
def test_without_a_nonce_there_is_none(relying_party: RelyingParty) -> None:
    assert "nonce" not in verified(relying_party.tokens(nonce=None)["id_token"])


@spec("OIDC Core", "3.1.2.1")
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    nonce=st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=300
    )
)
def test_the_nonce_comes_back_exactly(returning: RelyingParty, nonce: str) -> None:
    code = returning.answer(returning.visit(nonce=nonce)).code
    assert verified(returning.exchange(code).json()["id_token"])["nonce"] == nonce


@spec("OIDC Core", "8")
def test_a_public_subject_is_the_same_for_every_client(returning: RelyingParty) -> None:
    other = RelyingParty(make_client(), returning.browser, returning.user)
    mine = verified(returning.tokens()["id_token"])
    theirs = verified(other.tokens()["id_token"])
    assert mine["sub"] == theirs["sub"]
    assert mine["sid"] != theirs["sid"]


@spec("OIDC Back-Channel Logout", "2.1")
def test_sid_names_the_session(returning: RelyingParty) -> None:
    here = [verified(returning.tokens()["id_token"])["sid"] for _ in range(2)]
    with Browser() as elsewhere:
        tokens = RelyingParty(returning.client, elsewhere, returning.user).tokens()
    assert here[0] == here[1] != verified(tokens["id_token"])["sid"]
