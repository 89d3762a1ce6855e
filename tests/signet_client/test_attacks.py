"""Issuers, sites and answers that lie to the program: it keeps nothing, and sends no secret on."""

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from jwcrypto.jwk import JWK

from signet_client import device
from signet_client.authorization_code import Wish
from signet_client.id_tokens import verified_claims
from signet_client.issuers import Issuer, discover
from signet_client.problems import Problem
from tests.assertions import jwks_of, make_key, sign
from tests.elsewhere import Elsewhere, answering, running
from tests.ports import free_port
from tests.relying_party import spec
from tests.signet_client.conftest import Program, ended

pytestmark = pytest.mark.once
WELL_KNOWN = "/.well-known/openid-configuration"
CLIENT = ("--client-id", "app")


class Liar:
    """An issuer that says what a test wants."""

    def __init__(self, site: Elsewhere) -> None:
        self.site = site
        self.key = make_key()
        self.metadata: dict[str, Any] = {
            "issuer": site.address,
            "authorization_endpoint": f"{site.address}/authorize",
            "token_endpoint": f"{site.address}/token",
            "device_authorization_endpoint": f"{site.address}/device_authorization",
            "revocation_endpoint": f"{site.address}/revoke",
            "jwks_uri": f"{site.address}/jwks",
            "authorization_response_iss_parameter_supported": True,
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        }
        self.publish()
        site.says("/jwks", json.dumps(jwks_of(self.key)).encode())

    def publish(self, **members: Any) -> None:
        self.metadata |= members
        self.site.says(WELL_KNOWN, json.dumps(self.metadata).encode())

    def gives(self, id_token: str | None = None, **members: Any) -> None:
        """Let the token endpoint answer with these."""
        answer = {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}
        more = {"id_token": id_token} if id_token else {}
        self.site.says("/token", json.dumps({**answer, **more, **members}).encode())

    def id_token(self, key: JWK | None = None, algorithm: str = "ES256", **claims: Any) -> str:
        now = int(time.time())
        wanted = {"iss": self.site.address, "aud": "app", "sub": "s", "iat": now, "exp": now + 60}
        kept = {name: it for name, it in {**wanted, **claims}.items() if it is not None}
        return sign(kept, key or self.key, algorithm)


@pytest.fixture
def liar() -> Iterator[Liar]:
    with running(None) as site:
        yield Liar(site)


def request_of(program: Program) -> tuple[str, dict[str, str]]:
    """Return the redirect URI and the parameters of the request that the browser got."""
    parameters = dict(parse_qsl(urlsplit(program.address()).query))
    return parameters["redirect_uri"], parameters


@spec("OIDC Discovery", "4.3")
@spec("RFC 8414", "3.3")
def test_metadata_of_another_issuer_is_not_believed(program: Program, liar: Liar) -> None:
    liar.publish(issuer="https://id.example.com\x1b[31m")
    said = program.run("login", liar.site.address, *CLIENT, code=1).said
    assert "That is not the same" in said
    assert "\x1b" not in said
    secret = {"SIGNET_CLIENT_SECRET": "x" * 40}
    program.run("token", "--issuer", liar.site.address, *CLIENT, code=1, **secret)
    liar.publish(issuer=liar.site.address, token_endpoint="http://id.example.com/token")
    said = program.run("token", "--issuer", liar.site.address, *CLIENT, code=1, **secret).said
    assert "token endpoint has to start with https://" in said
    liar.publish(token_endpoint=f"{liar.site.address}/moved")
    moved = answering(b"", status=307, Location=f"{liar.site.address}/token")
    liar.site.pages["/moved"] = moved
    program.run("token", "--issuer", liar.site.address, *CLIENT, code=1, **secret)
    assert liar.site.forms("/token") == []


def test_what_cannot_be_reached_or_trusted_is_said(
    program: Program, foreign_site: Elsewhere
) -> None:
    assert "not trusted" in program.run("login", foreign_site.address, code=1).said
    assert "cannot be reached" in program.run("login", f"localhost:{free_port()}", code=4).said
    assert "has to start with https" in program.run("login", "http://id.example.com", code=1).said


@spec("RFC 6749", "10.12")
@spec("RFC 9207", "2.4")
def test_answers_to_other_questions_change_nothing_and_a_mix_up_ends_it(
    program: Program, liar: Liar
) -> None:
    process = program.start("login", liar.site.address, *CLIENT)
    address, sent = request_of(program)
    ours = {"state": sent["state"], "iss": liar.site.address, "code": "c"}
    for wrong in ({**ours, "state": "guess"}, {"code": "c"}, {"error": "access_denied"}):
        assert httpx.get(address, params=wrong).status_code == 404
    assert httpx.get(f"{address}?state={sent['state']}&state=x&code=c").status_code == 404
    assert httpx.get(address.replace("/callback", "/"), params=ours).status_code == 404
    assert process.poll() is None
    assert httpx.get(address, params={**ours, "iss": "https://evil.example"}).status_code == 200
    assert "The answer is not from" in ended(process, 1).said
    assert liar.site.forms("/token") == []


@spec("RFC 9207", "2.4")
def test_an_error_is_shown_in_words_that_command_no_terminal_and_no_page(
    program: Program, liar: Liar
) -> None:
    process = program.start("login", liar.site.address, *CLIENT)
    address, sent = request_of(program)
    said = "\x1b]0;<script>alert(1)</script>"
    answer = {"state": sent["state"], "iss": liar.site.address, "error": "access_denied"}
    page = httpx.get(address, params={**answer, "error_description": said})
    assert "<script>" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    ran = ended(process, 1)
    assert "access_denied" in ran.said
    assert "\x1b" not in ran.said


@spec("OIDC Core", "3.1.3.7")
def test_an_id_token_for_another_sign_in_is_no_login(program: Program, liar: Liar) -> None:
    process = program.start("login", liar.site.address, *CLIENT)
    address, sent = request_of(program)
    liar.gives(liar.id_token(nonce="of another sign-in"), refresh_token="r")
    answer = {"state": sent["state"], "iss": liar.site.address, "code": "c"}
    httpx.get(address, params=answer)
    assert "answers another sign-in" in ended(process, 1).said
    [form] = liar.site.forms("/token")
    assert form["redirect_uri"] == address
    assert not list(program.folder.glob(".config/signet/*.json"))


@spec("OIDC Core", "3.1.3.7")
def test_each_rule_about_id_tokens_is_checked(liar: Liar) -> None:
    issuer = discover(liar.site.address)
    assert accepted(issuer, liar.id_token(nonce="n"))
    assert accepted(issuer, liar.id_token(nonce="n", aud=["app", "b"], azp="app"))
    unsigned = ".".join([*_unsigned(liar.id_token(nonce="n")), ""])
    shared = JWK.from_json(
        json.dumps({"kty": "oct", "k": liar.key.export_public(as_dict=True)["x"]})
    )
    wrong = {
        "another issuer": liar.id_token(nonce="n", iss="https://evil.example"),
        "another app": liar.id_token(nonce="n", aud="b"),
        "other apps": liar.id_token(nonce="n", aud=["app", "b"]),
        "expired": liar.id_token(nonce="n", exp=int(time.time()) - 120),
        "the future": liar.id_token(nonce="n", iat=int(time.time()) + 120),
        "no user": liar.id_token(nonce="n", sub=None),
        "another sign-in": liar.id_token(),
        "another access token": liar.id_token(nonce="n", at_hash="AAAA"),
        "no key": liar.id_token(make_key(), nonce="n"),
        "no key of the": unsigned,
        "no key of the issuer": liar.id_token(shared, "HS256", nonce="n"),
    }
    for why, id_token in wrong.items():
        with pytest.raises(Problem, match=why):
            accepted(issuer, id_token)


def accepted(issuer: Issuer, id_token: str) -> Any:
    return verified_claims(issuer, id_token, "app", nonce="n", access_token="a-token")


def _unsigned(id_token: str) -> tuple[str, str]:
    _header, payload, _signature = id_token.split(".")
    return "eyJhbGciOiJub25lIn0", payload


@spec("RFC 8628", "3.5")
def test_a_device_polls_as_it_is_told(liar: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(device.time, "sleep", slept.append)
    told: list[str] = []
    liar.site.says("/device_authorization", json.dumps(DEVICE_ANSWER).encode())
    answers = ["authorization_pending", "slow_down", "authorization_pending", "busy", ""]
    liar.site.pages["/token"] = in_turn(liar, answers)
    wish = Wish("app", "openid", ["https://api.example.com/"])
    tokens, claims = device.sign_in(discover(liar.site.address), wish, told.append)
    assert (tokens.refresh_token, claims["sub"]) == ("r", "s")
    assert slept == [2, 2, 7, 7, 14]
    [asked] = liar.site.forms("/device_authorization")
    assert asked == {"client_id": "app", "scope": "openid", "resource": wish.resources[0]}
    assert {form["device_code"] for form in liar.site.forms("/token")} == {"dc"}
    assert "https://id.example.com/device" in told[0]
    assert "BCDF-GHJK" in told[0]
    assert "\x1b" not in told[0]
    for error, why in (("access_denied", "denied"), ("expired_token", "expired")):
        liar.site.pages["/token"] = in_turn(liar, [error])
        with pytest.raises(Problem, match=why):
            device.sign_in(discover(liar.site.address), wish, told.append)


DEVICE_ANSWER = {
    "device_code": "dc",
    "user_code": "BCDF-GHJK\x1b[2J",
    "verification_uri": "https://id.example.com/device",
    "expires_in": 600,
    "interval": 2,
}


def in_turn(liar: Liar, errors: list[str]) -> Any:
    """Return what answers with these errors, one after the other; for an empty one, with tokens."""
    left = iter(errors)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        error = next(left)
        tokens = {"access_token": "a-token", "token_type": "bearer", "refresh_token": "r"}
        members = {"error": error} if error else {**tokens, "id_token": liar.id_token()}
        status = 503 if error == "busy" else 400 if error else 200
        answering(json.dumps(members).encode(), status=status)(handler)

    return answer


def test_a_login_survives_an_issuer_that_is_down_and_ends_when_it_says_so(
    program: Program, liar: Liar
) -> None:
    process = program.start("login", liar.site.address, *CLIENT, "--scope", "api")
    address, sent = request_of(program)
    liar.gives(refresh_token="r", expires_in=1)
    answer = {"state": sent["state"], "iss": liar.site.address, "code": "c"}
    httpx.get(address, params=answer)
    ended(process)
    liar.site.pages["/token"] = answering(b"", status=503)
    assert "cannot answer now" in program.run("token", code=4).said
    liar.gives(refresh_token="s", access_token="b-token")
    assert program.run("token").output == "b-token\n"
    program.expire()
    liar.site.says("/token", b'{"access_token": "c", "token_type": "DPoP"}')
    assert "of another kind: DPoP" in program.run("token", code=1).said
    liar.site.pages["/token"] = answering(b'{"error": "invalid_grant"}', status=400)
    assert "has ended" in program.run("token", code=3).said
    asked = len(liar.site.forms("/token"))
    assert "has ended" in program.run("token", code=3).said
    assert len(liar.site.forms("/token")) == asked
    # It is deleted here, whether or not it could be revoked there.
    liar.site.pages["/revoke"] = answering(b"", status=503)
    liar.site.pages.pop(WELL_KNOWN)
    assert "was not revoked" in program.run("logout", code=1).said
    assert not list(program.folder.glob(".config/signet/*.json"))
