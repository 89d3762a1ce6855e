"""Kinds of tokens never mix, and forged ones prove nothing. RFC 8725, RFC 6750."""

import json
import socket
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import pytest
from jwcrypto.common import json_encode
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from tests.relying_party import ISSUER, Browser, RelyingParty, make_client, make_user, spec


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header: dict[str, Any], claims: dict[str, Any], key: JWK) -> str:
    token = JWS(json_encode(claims))
    token.allowed_algs = [header["alg"]]
    token.add_signature(key, alg=None, protected=json_encode(header))
    return token.serialize(compact=True)


#: A key that is not ours.
OWN = JWK.generate(kty="RSA", size=2048)


def forgeries(genuine: str, client_id: str) -> dict[str, str]:
    """Return ways to make, without our key, what looks like a genuine ID token."""
    head, body, signature = genuine.split(".")
    header, claims = decoded(head), decoded(body)
    published = httpx.get(f"{ISSUER}/jwks", verify=False).json()["keys"]
    ours = next(key for key in published if key["kid"] == header["kid"])
    own = OWN
    own_public = own.export_public(as_dict=True)
    pem = JWK(**ours).export_to_pem()
    shared = JWK(kty="oct", k=encoded(pem))
    modulus = JWK(kty="oct", k=ours["n"])
    deep = b'{"a":' * 2000
    evil = {"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"}
    return {
        "alg none": f"{encoded({**header, 'alg': 'none'})}.{body}.",
        "alg None": f"{encoded({**header, 'alg': 'None'})}.{body}.{signature}",
        "no alg": f"{encoded({'kid': header['kid']})}.{body}.{signature}",
        "no signature": f"{head}.{body}.",
        "another's signature": f"{head}.{encoded({**claims, 'aud': client_id})}.{signature[::-1]}",
        "changed claims": f"{head}.{encoded({**claims, 'iat': 1})}.{signature}",
        "hs256 with our public key": signed({**header, "alg": "HS256"}, claims, shared),
        "hs256 with our modulus": signed({**header, "alg": "HS256"}, claims, modulus),
        "our kid": signed(header, claims, own),
        "no kid": signed({"alg": "RS256"}, claims, own),
        "own jwk": signed({**header, "jwk": own_public}, claims, own),
        "own jwk and kid": signed(
            {"alg": "RS256", "kid": own.thumbprint(), "jwk": own_public}, claims, own
        ),
        "jku and x5u": signed({**header, **evil}, claims, own),
        "unknown crit": f"{encoded({**header, 'crit': ['x'], 'x': 1})}.{body}.{signature}",
        "b64 false": f"{encoded({**header, 'b64': False, 'crit': ['b64']})}.{body}.{signature}",
        "kid is a list": f"{encoded({**header, 'kid': []})}.{body}.{signature}",
        "kid is a path": f"{encoded({**header, 'kid': '../../dev/null'})}.{body}.{signature}",
        "json serialization": json.dumps(
            {"protected": head, "payload": body, "signature": signature}
        ),
        "five parts": f"{genuine}.x.y",
        "deep header": f"{encoded(deep)}.{body}.{signature}",
        "deep claims": f"{head}.{encoded(b'[' * 8000)}.{signature}",
        "huge": f"{head}.{'A' * 30_000}.{signature}",
        "not a token": "x",
        "dots": "..",
    }


FORGERIES = [
    *("alg none", "alg None", "no alg", "no signature", "another's signature", "changed claims"),
    *("hs256 with our public key", "hs256 with our modulus", "our kid", "no kid", "own jwk"),
    *("own jwk and kid", "jku and x5u", "unknown crit", "b64 false", "kid is a list"),
    *("kid is a path", "json serialization", "five parts", "deep header", "deep claims"),
    *("huge", "not a token", "dots"),
]


@spec("RFC 8725", "3.1")
@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forged_hint_is_refused(settled: RelyingParty, kind: str) -> None:
    genuine = settled.tokens()["id_token"]
    forged = forgeries(genuine, settled.client.client_id)[kind]
    response = settled.browser.post(
        "/authorize", data=settled.parameters(prompt="none", id_token_hint=forged)
    )
    answer = settled.answer(settled.browser.settle(response))
    assert answer.error in {"invalid_request", "login_required"}
    assert answer.code is None


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_genuine_hint_is_taken_so_that_the_forgeries_can_fail(
    settled: RelyingParty, algorithm: str
) -> None:
    client = make_client(id_token_signed_response_alg=algorithm, first_party=True)
    other = RelyingParty(client, settled.browser, settled.user)
    hint = other.tokens()["id_token"]
    assert other.answer(other.visit(prompt="none", id_token_hint=hint)).code


@spec("OIDC Core", "3.1.2.1")
def test_a_hint_for_another_client_is_refused(settled: RelyingParty) -> None:
    other = RelyingParty(make_client(), settled.browser, settled.user)
    foreign = other.tokens()["id_token"]
    answer = settled.answer(settled.visit(prompt="none", id_token_hint=foreign))
    assert answer.error == "invalid_request"


@spec("RFC 8725", "3.11")
def test_what_is_not_an_access_token_opens_nothing(settled: RelyingParty) -> None:
    code = settled.answer(settled.visit()).code or ""
    id_token = settled.tokens()["id_token"]
    for value in (code, id_token, settled.client.secret or "", settled.client.client_id):
        assert settled.userinfo(value).status_code == 401


@spec("RFC 6749", "4.1.3")
def test_what_is_not_a_code_redeems_nothing(settled: RelyingParty) -> None:
    tokens = settled.tokens()
    for value in (tokens["access_token"], tokens["id_token"]):
        assert settled.exchange(value).json()["error"] == "invalid_grant"
    assert settled.userinfo(tokens["access_token"]).status_code == 200


@spec("RFC 6750", "5.2")
@pytest.mark.parametrize("place", [0, 20, -1])
def test_an_altered_token_opens_nothing(settled: RelyingParty, place: int) -> None:
    token = list(settled.tokens()["access_token"])
    token[place] = "A" if token[place] != "A" else "B"
    assert settled.userinfo("".join(token)).status_code == 401


@spec("RFC 9700", "4.3.2")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_in_the_address_is_refused(settled: RelyingParty, method: str) -> None:
    token = settled.tokens()["access_token"]
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        response = httpx.request(
            method,
            f"{ISSUER}/userinfo",
            params={"access_token": token},
            headers=headers,
            verify=False,
        )
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_request"


@spec("RFC 6750", "2.2")
def test_a_token_twice_in_the_body_is_refused(settled: RelyingParty) -> None:
    token = settled.tokens()["access_token"]
    response = httpx.post(f"{ISSUER}/userinfo", data={"access_token": [token, token]}, verify=False)
    assert response.status_code == 400


@spec("OIDC Core", "5.4")
def test_a_token_shows_one_user_only(settled: RelyingParty) -> None:
    with Browser() as elsewhere:
        other = RelyingParty(settled.client, elsewhere, make_user())
        theirs = other.tokens()["access_token"]
    assert settled.userinfo(theirs).json()["sub"] == other.user.sub
    mine = settled.tokens()["access_token"]
    assert settled.userinfo(mine).json()["sub"] == settled.user.sub


@spec("RFC 9700", "2.6")
def test_nothing_is_fetched_for_a_hint(settled: RelyingParty) -> None:
    genuine = settled.tokens()["id_token"]
    head, body, signature = genuine.split(".")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        header = {**decoded(head), "jku": url, "x5u": url}
        settled.visit(prompt="none", id_token_hint=f"{encoded(header)}.{body}.{signature}")
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
