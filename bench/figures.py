"""What is measured: the requests of each figure, and how an answer is known to be right."""

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from jwcrypto.jwk import JWK, JWKSet
from jwcrypto.jwt import JWT

from bench.providers import CLIENT_ID, REDIRECT_URI, Provider
from bench.wire import ORIGIN, Answer, Browser, Connection, Task, next_of, request, send_all

#: The requests of one measurement, and the check of each of their answers.
Work = tuple[Sequence[Task], Callable[[Answer], object]]
_MANY_TOKENS = 50
#: Devices that ask for a code: from one IP address, many are refused within a minute.
_FEW_DEVICES = 4
_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


def discovery(provider: Provider, number: int) -> Work:
    """The configuration document."""
    return [request(provider.paths["discovery"])] * number, _says("issuer", ORIGIN)


def jwks(provider: Provider, number: int) -> Work:
    """The keys."""
    return [request(provider.paths["jwks"])] * number, lambda answer: _json(answer)["keys"][0]


def client_credentials(provider: Provider, number: int) -> Work:
    """A token for the client itself, which authenticates by its secret."""
    form = {"grant_type": "client_credentials", "scope": provider.machine_scope}
    basic = (provider.machine_id, provider.client_secret)
    return [request(provider.paths["token"], form, basic=basic)] * number, _says("token_type")


def client_credentials_with_dpop(provider: Provider, number: int) -> Work:
    """The same, bound to a key (RFC 9449): an ES256 proof with each request."""
    form = {"grant_type": "client_credentials", "scope": provider.machine_scope}
    basic, path = (provider.machine_id, provider.client_secret), provider.paths["token"]
    proofs = (_proof("POST", path) for _ in range(number))
    return [request(path, form, basic=basic, headers={"DPoP": proof}) for proof in proofs], _says(
        "token_type", "DPoP"
    )


def authorize(provider: Provider, number: int) -> Work:
    """An authorization request of a user who is signed in and has consented: a code."""
    _ensure_signed_in(provider)
    return [
        provider.browser.request(authorization_address(provider)[0]) for _ in range(number)
    ], _code_of


def code_exchange(provider: Provider, number: int) -> Work:
    """A code for tokens, with PKCE and an ID token signed by RS256."""
    return _exchanges(provider, number), lambda answer: _tokens(provider, answer)


def refresh(provider: Provider, number: int) -> Work:
    """A refresh token for new tokens; each is used once."""
    basic = (CLIENT_ID, provider.client_secret)
    return [
        request(
            provider.paths["token"],
            {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
            basic=basic,
        )
        for tokens in _tokens_of_users(provider, number)
    ], lambda answer: _tokens(provider, answer)


def userinfo(provider: Provider, number: int) -> Work:
    """Who a token's user is."""
    messages = [_user_info(provider, tokens) for tokens in _tokens_of_users(provider, _MANY_TOKENS)]
    return _repeated(messages, number), _says("email", "ana@example.com")


def userinfo_with_dpop(provider: Provider, number: int) -> Work:
    """The same by bound tokens: an ES256 proof with each request."""
    basic, path = (CLIENT_ID, provider.client_secret), provider.paths["token"]
    refreshes = [
        request(
            path,
            {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
            basic=basic,
            headers={"DPoP": _proof("POST", path)},
        )
        for tokens in _tokens_of_users(provider, _MANY_TOKENS)
    ]
    bound = [_json(answer)["access_token"] for answer in send_all(provider.port, refreshes)]
    shown = (bound[index % len(bound)] for index in range(number))
    path = provider.paths["userinfo"]
    headers = (
        {"Authorization": f"DPoP {token}", "DPoP": _proof("GET", path, token)} for token in shown
    )
    return [request(path, headers=each) for each in headers], _says("email", "ana@example.com")


@cache
def _key_of_proofs() -> JWK:
    return JWK.generate(kty="EC", crv="P-256")


def _proof(method: str, path: str, token: str = "") -> str:
    """Return a DPoP proof for a request: of use for a minute."""
    key = _key_of_proofs()
    ath = urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
    claims = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": f"{ORIGIN}{path}",
        "iat": int(time.time()),
        **({"ath": ath} if token else {}),
    }
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.export_public(as_dict=True)}
    proof = JWT(header=header, claims=claims)
    proof.make_signed_token(key)
    signed: str = proof.serialize()
    return signed


def user_info_request(provider: Provider) -> bytes:
    """Return one such request, with a token of its own."""
    return _user_info(provider, _tokens_of_users(provider, 1)[0])


def _user_info(provider: Provider, tokens: dict[str, Any]) -> bytes:
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    return request(provider.paths["userinfo"], headers=bearer)


def introspection(provider: Provider, number: int) -> Work:
    """What a token is, asked by its client."""
    basic = (CLIENT_ID, provider.client_secret)
    messages = [
        request(provider.paths["introspection"], {"token": t["access_token"]}, basic=basic)
        for t in _tokens_of_users(provider, _MANY_TOKENS)
    ]
    return _repeated(messages, number), _says("active", value=True)


def device_poll(provider: Provider, number: int) -> Work:
    """A poll of a device code that waits for its user: the error that says so."""
    form = {"client_id": provider.device_id, "grant_type": _DEVICE_CODE}
    path, codes = provider.paths["token"], _device_codes(provider)
    messages = [request(path, {**form, "device_code": code}) for code in codes]
    return _repeated(messages, number), _waits


@cache
def _device_codes(provider: Provider) -> list[str]:
    """Return codes that wait for a user, for ten minutes."""
    form = {"client_id": provider.device_id, "scope": "openid"}
    asked = [request("/device_authorization", form)] * _FEW_DEVICES
    return [str(_json(answer)["device_code"]) for answer in send_all(provider.port, asked)]


def _waits(answer: Answer) -> None:
    """Check that a user has not decided: polls at this rate get slow_down, too."""
    if json.loads(answer.body).get("error") not in {"authorization_pending", "slow_down"}:
        raise AssertionError(f"{answer.status}: {answer.body[:1000]!r}")


def exchange(provider: Provider, number: int) -> Work:
    """An access token for a narrower one (RFC 8693)."""
    basic = (CLIENT_ID, provider.client_secret)
    kind = "urn:ietf:params:oauth:token-type:access_token"
    messages = [
        request(
            provider.paths["token"],
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": tokens["access_token"],
                "subject_token_type": kind,
                "scope": "openid",
            },
            basic=basic,
        )
        for tokens in _tokens_of_users(provider, _MANY_TOKENS)
    ]
    return _repeated(messages, number), _says("issued_token_type", kind)


def sign_in(provider: Provider, number: int) -> Work:
    """Everything from an app's request to its code: the pages, the password, the consent known."""
    _ensure_signed_in(provider)

    def visit() -> Answer:
        # From many addresses: sign-ins from one IP address are limited.
        somewhere = str(IPv4Address(int(IPv4Address("10.0.0.0")) + secrets.randbelow(2**24)))
        browser = Browser(provider.port, ip_address=somewhere)
        return provider.sign_in(browser, authorization_address(provider)[0])

    return [visit] * number, _code_of


@dataclass(frozen=True)
class Figure:
    """Something to measure."""

    prepare: Callable[[Provider, int], Work]
    #: How many requests of it are sent, of those that the command line says.
    share: float = 1
    #: Whether it takes pages, devices, a grant or bound tokens, which the peers here have none of.
    has_pages: bool = False


FIGURES = {
    "discovery": Figure(discovery, share=3),
    "JWKS": Figure(jwks, share=3),
    "client_credentials": Figure(client_credentials),
    "client_credentials with DPoP": Figure(client_credentials_with_dpop, has_pages=True),
    "authorize": Figure(authorize),
    "code exchange, RS256 ID token": Figure(code_exchange),
    "refresh, RS256 ID token": Figure(refresh),
    "UserInfo": Figure(userinfo),
    "UserInfo with DPoP": Figure(userinfo_with_dpop, has_pages=True),
    "introspection": Figure(introspection),
    "poll of a device code": Figure(device_poll, has_pages=True),
    "token exchange": Figure(exchange, has_pages=True),
    "sign-in with password": Figure(sign_in, share=0.05, has_pages=True),
}


def authorization_address(provider: Provider, **more: str) -> tuple[str, str]:
    """Return the address of an authorization request, and its PKCE verifier."""
    verifier = secrets.token_urlsafe(32)
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    parameters = {
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "response_type": "code",
        "scope": provider.scope,
        "state": secrets.token_urlsafe(16),
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
        **more,
    }
    return f"{provider.paths['authorize']}?{urlencode(parameters)}", verifier


def _ensure_signed_in(provider: Provider) -> None:
    if not provider.browser.cookies:
        provider.sign_in(
            provider.browser, authorization_address(provider, **provider.first_time)[0]
        )


def _code_of(answer: Answer) -> str:
    address = next_of(answer)
    if address is None or not address.startswith(REDIRECT_URI):
        raise AssertionError(f"no code: {answer}")
    return parse_qs(urlsplit(address).query)["code"][0]


def _exchanges(provider: Provider, number: int) -> list[bytes]:
    _ensure_signed_in(provider)
    begun = [authorization_address(provider) for _ in range(number)]
    answers = send_all(provider.port, [provider.browser.request(address) for address, _ in begun])
    basic = (CLIENT_ID, provider.client_secret)
    return [
        request(
            provider.paths["token"],
            {
                "grant_type": "authorization_code",
                "code": _code_of(answer),
                "redirect_uri": REDIRECT_URI,
                "code_verifier": verifier,
            },
            basic=basic,
        )
        for answer, (_, verifier) in zip(answers, begun, strict=True)
    ]


def _tokens_of_users(provider: Provider, number: int) -> list[dict[str, Any]]:
    return [_json(answer) for answer in send_all(provider.port, _exchanges(provider, number))]


def _tokens(provider: Provider, answer: Answer) -> None:
    """Check a token response as a relying party would."""
    tokens = _json(answer)
    if not tokens["access_token"] or not tokens["refresh_token"]:
        raise AssertionError(f"tokens are missing: {tokens}")
    claims = json.loads(JWT(jwt=tokens["id_token"], key=_keys(provider)).claims)
    if claims["aud"] not in (CLIENT_ID, [CLIENT_ID]):
        raise AssertionError(f"an ID token for another user: {claims}")


@cache
def _keys(provider: Provider) -> JWKSet:
    connection = Connection(provider.port)
    answer = connection.send(request(provider.paths["jwks"]))
    connection.close()
    return JWKSet.from_json(answer.body.decode())


def _says(member: str, value: object = None) -> Callable[[Answer], None]:
    def check(answer: Answer) -> None:
        said = _json(answer)
        if member not in said or (value is not None and said[member] != value):
            raise AssertionError(f"an answer without {member} {value}: {said}")

    return check


def _json(answer: Answer) -> dict[str, Any]:
    if answer.status != 200:
        raise AssertionError(f"{answer.status}: {answer.body[:1000]!r}")
    members: dict[str, Any] = json.loads(answer.body)
    return members


def _repeated(messages: list[bytes], number: int) -> list[bytes]:
    return [messages[index % len(messages)] for index in range(number)]
