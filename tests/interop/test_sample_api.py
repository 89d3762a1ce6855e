"""The sample API: PyJWT believes our JWT access tokens, and nothing else. RFC 9068 §4."""

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from idp import keys
from idp.declaration import apply
from tests.conftest import Server
from tests.interop.conftest import running
from tests.ports import free_address
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec, unique

API = f"{free_address()}/"
SCOPE = "openid bread.read bread.write"


@pytest.fixture(scope="module")
def bread(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the sample API; give the address of its bread."""
    entry = {"identifier": API, "scopes": ["bread.read", "bread.write"]}
    apply({"resource_servers": [entry]}, dry_run=False)
    command = [sys.executable, "-m", "flask", "--app", "examples/api/app", "run"]
    with running(
        "the sample API",
        [*command, "--port", str(urlsplit(API).port)],
        API,
        tmp_path_factory.mktemp("bread") / "log",
        OIDC_ISSUER=ISSUER,
        API_IDENTIFIER=API,
    ) as process:
        yield f"{API}bread"
        assert "Traceback" not in process.log.read_text()


@pytest.fixture
def party(browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(make_client(scope=SCOPE), browser, user)


def call(bread: str, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
    return httpx.get(bread, headers=headers)


@pytest.mark.smoke
def test_a_token_for_it(bread: str, party: RelyingParty) -> None:
    token = party.tokens(scope=SCOPE, resource=API)["access_token"]
    answer = call(bread, token)
    assert answer.status_code == 200, answer.headers
    assert answer.json()["for_user"] == party.user.sub
    assert answer.json()["for_client"] == party.client.client_id


@spec("RFC 6750", "3.1")
def test_no_token(bread: str) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        answer = httpx.get(bread, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith('Bearer scope="bread.read"')
        assert "error" not in answer.headers["WWW-Authenticate"]


@spec("RFC 9728", "5.1")
def test_it_says_whose_tokens_it_takes(bread: str) -> None:
    challenge = call(bread, "x").headers["WWW-Authenticate"]
    address = challenge.partition('resource_metadata="')[2].partition('"')[0]
    metadata = httpx.get(address).json()
    assert (metadata["resource"], metadata["authorization_servers"]) == (API, [ISSUER])


@spec("RFC 6750", "3.1")
def test_too_little_scope(bread: str, party: RelyingParty) -> None:
    token = party.tokens(scope="openid bread.write", resource=API)["access_token"]
    answer = call(bread, token)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="bread.read"' in answer.headers["WWW-Authenticate"]


def refused(bread: str, token: str) -> bool:
    answer = call(bread, token)
    challenge = answer.headers.get("WWW-Authenticate", "")
    return answer.status_code == 401 and 'error="invalid_token"' in challenge


def other_tokens(party: RelyingParty) -> Iterator[str]:
    """Tokens of ours that are not for this API."""
    elsewhere = f"https://{unique('api')}.example.com/"
    entry = {"identifier": elsewhere, "scopes": ["bread.read"]}
    apply({"resource_servers": [entry]}, dry_run=False)
    tokens = party.tokens(scope=SCOPE)
    yield tokens["access_token"]
    yield tokens["id_token"]
    yield party.tokens(scope=SCOPE, resource=elsewhere)["access_token"]
    # RFC 9068 §5: even an ID token whose audience is the API, by its client's unlucky name.
    client = make_client(client_id=API, token_endpoint_auth_method="client_secret_post")
    yield RelyingParty(client, party.browser, party.user).tokens()["id_token"]


@spec("RFC 9068", "4")
def test_tokens_that_are_for_others(bread: str, party: RelyingParty) -> None:
    for token in other_tokens(party):
        assert refused(bread, token), token


def encoded(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@spec("RFC 8725", "2.1")
def test_forged_tokens(bread: str, party: RelyingParty) -> None:
    token = party.tokens(scope=SCOPE, resource=API)["access_token"]
    header, payload, signature = token.split(".")
    kid = jwt.get_unverified_header(token)["kid"]
    claims = json.loads(urlsafe_b64decode(payload + "=="))
    stranger = rsa.generate_private_key(65537, 2048)
    headers = {"typ": "at+jwt", "kid": kid}
    for forged in (
        f"{encoded({'alg': 'none', **headers})}.{payload}.",
        f"{header}.{encoded({**claims, 'sub': 'somebody'})}.{signature}",
        jwt.encode(claims, stranger, "RS256", headers=headers),
        jwt.encode(claims, stranger, "RS256", headers={**headers, "kid": "unknown"}),
        jwt.encode(claims, "the public key, as a secret for HMAC", "HS256", headers=headers),
        jwt.encode(claims, stranger, "RS256", headers={"typ": "at+jwt"}),
        "x",
        "a.b.c",
        "é",
        f"{encoded({'alg': 'RS256', 'typ': 5})}.{payload}.{signature}",
    ):
        assert refused(bread, forged), forged


@spec("RFC 9068", "2.2")
@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://id.example.com"},
        {"aud": "https://api.example.com/"},
        {"aud": API.rstrip("/")},
        {"exp": 1},
        {"exp": None},
        {"client_id": None},
        {"typ": "JWT"},
    ],
    ids=["iss", "aud", "aud without a slash", "exp", "no exp", "no client_id", "typ"],
)
def test_a_token_of_ours_that_is_wrong_in_one_thing(
    bread: str, party: RelyingParty, change: dict[str, Any]
) -> None:
    """Signed with our own key, so that it is this one thing that is noticed."""
    token = party.tokens(scope=SCOPE, resource=API)["access_token"]
    claims = {**jwt.decode(token, options={"verify_signature": False}), **change}
    typ = claims.pop("typ", "at+jwt")
    claims = {name: value for name, value in claims.items() if value is not None}
    signed = keys.active_signer("RS256").sign(claims, typ=typ)
    assert refused(bread, signed)
    assert call(bread, token).status_code == 200
