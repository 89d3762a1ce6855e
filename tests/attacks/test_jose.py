"""Forged and absurd JOSE, where a token of ours is expected. RFC 8725; SECURITY 5."""

import json
import time
import zlib
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jwcrypto.jwk import JWK, JWKSet
from jwcrypto.jws import JWS

from idp.jose.signatures import base64url, signer
from idp.jose.verify import octet_keys, verified_by
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec


def part(value: Any) -> str:
    return base64url(json.dumps(value).encode())


def claims_for(party: RelyingParty) -> dict[str, Any]:
    return {"iss": ISSUER, "sub": party.user.sub, "aud": party.client.client_id}


def published(algorithm: str) -> JWK:
    keys = JWKSet.from_json(httpx.get(f"{ISSUER}/jwks", verify=False).text)
    return next(key for key in keys["keys"] if key["alg"] == algorithm)


@pytest.fixture
def party(browser: Browser, user: EndUser) -> RelyingParty:
    party = RelyingParty(make_client(), browser, user)
    hint = party.tokens()["id_token"]
    assert not refuses(party, hint)
    return party


def refuses(party: RelyingParty, hint: str) -> bool:
    started = time.monotonic()
    sent = party.parameters(prompt="none", id_token_hint=hint)
    response = party.browser.post("/authorize", data=sent)
    assert response.status_code < 500
    answer = party.answer(party.browser.settle(response))
    assert time.monotonic() - started < 20
    assert answer.error in {None, "invalid_request"}
    return answer.error is not None


@spec("RFC 8725", "2.1")
def test_our_public_key_is_nobodys_secret(party: RelyingParty) -> None:
    key = published("RS256")
    public = key.get_op_key("verify")
    spki = PublicFormat.SubjectPublicKeyInfo
    for encoding in (Encoding.PEM, Encoding.DER):
        octets = public.public_bytes(encoding, spki)
        for kid in (key["kid"], None):
            assert refuses(party, signer(kid, "HS256", octets).sign(claims_for(party)))


@spec("RFC 8725", "3.2")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, ["RS256"], 1, "RS256\0"])
def test_unsigned_is_refused(party: RelyingParty, alg: Any) -> None:
    header = {"alg": alg, "kid": published("RS256")["kid"], "typ": "JWT"}
    for signature in ("", "AAAA"):
        assert refuses(party, f"{part(header)}.{part(claims_for(party))}.{signature}")


@spec("RFC 8725", "3.10")
@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_that_is_brought_along_is_not_looked_at(party: RelyingParty, member: str) -> None:
    mine = JWK.generate(kty="RSA", size=2048, kid="mine")
    brought = {
        "jwk": mine.export_public(as_dict=True),
        "jku": "http://127.0.0.1:1/jwks",
        "x5u": "http://127.0.0.1:1/x5u",
        "x5c": ["AAAA"],
    }
    for kid in (published("RS256")["kid"], "mine"):
        header = {"alg": "RS256", "kid": kid, "typ": "JWT", member: brought[member]}
        jws = JWS(json.dumps(claims_for(party)))
        jws.add_signature(mine, protected=json.dumps(header))
        assert refuses(party, jws.serialize(compact=True))


@spec("RFC 8725", "3.10")
@pytest.mark.parametrize(
    "kid",
    ["../../../../dev/null", "' OR 1=1 --", "x" * 3000, "", "\0", ["a"], {"a": 1}, 1, None, "/etc"],
)
def test_a_kid_is_a_name_and_nothing_more(party: RelyingParty, kid: Any) -> None:
    for alg, key in (("HS256", b""), ("HS256", bytes(32))):
        forged = signer(kid, alg, key).sign(claims_for(party))
        assert refuses(party, forged)


@spec("RFC 7515", "4.1.11")
@pytest.mark.parametrize("extension", [{"crit": ["exp"]}, {"crit": ["b64"], "b64": False}])
def test_extensions_are_not_understood(extension: dict[str, Any]) -> None:
    header = {"alg": "HS256", **extension}
    signature = signer(None, "HS256", bytes(32)).algorithm.sign(
        bytes(32), f"{part(header)}.{part({})}".encode()
    )
    token = f"{part(header)}.{part({})}.{base64url(signature)}"
    assert verified_by(token, octet_keys([bytes(32)]), frozenset({"HS256"})) is None
    plain = signer(None, "HS256", bytes(32)).sign({})
    assert verified_by(plain, octet_keys([bytes(32)]), frozenset({"HS256"})) == {}


def test_a_short_secret_or_key_proves_nothing() -> None:
    token = signer(None, "HS512", b"short").sign({})
    assert verified_by(token, octet_keys([b"short"]), frozenset({"HS512"})) is None
    weak = JWK.generate(kty="RSA", size=1024)
    jws = JWS("{}")
    jws.add_signature(weak, protected=json.dumps({"alg": "RS256"}))
    key = weak.export_public(as_dict=True)
    assert verified_by(jws.serialize(compact=True), [key], frozenset({"RS256"})) is None


@spec("RFC 8725", "3.6")
@pytest.mark.parametrize(
    "header",
    [
        {"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2s": "AAAA", "p2c": 2_000_000_000},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF", "cty": "JWT"},
    ],
)
def test_nothing_encrypted_is_opened(party: RelyingParty, header: dict[str, Any]) -> None:
    bomb = base64url(zlib.compress(bytes(20_000_000), 9)[:9000])
    assert refuses(party, f"{part(header)}.AAAA.AAAA.{bomb}.AAAA")


def test_nesting_leads_nowhere(party: RelyingParty) -> None:
    token = party.tokens()["id_token"]
    for _ in range(20):
        header = {"alg": "RS256", "kid": published("RS256")["kid"], "cty": "JWT", "typ": "JWT"}
        token = f"{part(header)}.{base64url(token.encode())}.AAAA"
        if len(token) > 30_000:
            break
    assert refuses(party, token)
    assert refuses(party, f"{base64url(b'[' * 3000)}.{base64url(b'[' * 3000)}.AAAA")


@spec("OIDC Core", "10.1")
def test_one_clients_secret_signs_for_no_other(browser: Browser, user: EndUser) -> None:
    mine = make_client(id_token_signed_response_alg="HS256")
    theirs = RelyingParty(make_client(id_token_signed_response_alg="HS256"), browser, user)
    assert not refuses(theirs, theirs.tokens()["id_token"])
    secret = (mine.secret or "").encode()
    assert refuses(theirs, signer(None, "HS256", secret).sign(claims_for(theirs)))
    # Nor does a secret sign for a client that is not registered for that.
    plain = RelyingParty(make_client(), browser, user)
    secret = (plain.client.secret or "").encode()
    assert refuses(plain, signer(None, "HS256", secret).sign(claims_for(plain)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["RS256", "HS256", "ES512", "EdDSA", "none"]) | JSON},
    optional=dict.fromkeys(("kid", "typ", "crit", "b64", "jwk", "zip", "enc"), JSON),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(header=HEADERS, claims=JSON, signature=st.binary(max_size=80))
@example(header={"alg": "HS256"}, claims={"aud": "\0"}, signature=b"x")
@example(header={"alg": "HS256"}, claims={"aud": "x" * 9000}, signature=b"x")
def test_no_hint_breaks_anything(
    party: RelyingParty, header: Any, claims: Any, signature: bytes
) -> None:
    hint = f"{part(header)}.{part(claims)}.{base64url(signature)}"
    assert refuses(party, hint)
