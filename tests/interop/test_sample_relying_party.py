"""Authlib, as the sample relying party uses it, and PyJWT, as the sample API does.

Flask sites that `make run` starts.
"""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.management import call_command
from django.utils import timezone

from idp.declaration import apply
from idp.models import AccessToken, Grant
from tests.conftest import Server
from tests.interop.conftest import Process, Traveller, running
from tests.ports import free_address
from tests.relying_party import ISSUER, EndUser, Registered, make_client

#: The sample API: where it is, and by that name it is known.
BREAD = f"{free_address()}/"


@contextmanager
def bakery(
    log: Path, issuer: str = ISSUER, api: str = BREAD, **metadata: Any
) -> Iterator[tuple[Process, Registered]]:
    """Run the sample with a client of its own, under the rules that operators get by default."""
    address = free_address()
    apply({"resource_servers": [{"identifier": api, "scopes": ["bread.read"]}]}, dry_run=False)
    client = make_client(
        redirect_uris=[f"{address}/callback"],
        post_logout_redirect_uris=[f"{address}/"],
        # By this name we may go there (IDP_OUTBOUND_ALLOW).
        backchannel_logout_uri=f"{address}/signed-out-at-signet".replace("127.0.0.1", "localhost"),
        **{
            "profile": "recommended",
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile email address phone offline_access bread.read",
            **metadata,
        },
    )
    command = [sys.executable, "-m", "flask", "--app", "examples/relying_party/app", "run"]
    with running(
        "the sample relying party",
        [*command, "--port", str(urlsplit(address).port)],
        address,
        log,
        OIDC_ISSUER=issuer,
        OIDC_CLIENT_ID=client.client_id,
        OIDC_CLIENT_SECRET=client.secret or "",
        API_IDENTIFIER=api,
    ) as process:
        yield process, client
        assert "Traceback" not in process.log.read_text()


@pytest.fixture(scope="module")
def bread(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Run the sample API at its address."""
    command = [sys.executable, "-m", "flask", "--app", "examples/api/app", "run"]
    with running(
        "the sample API",
        [*command, "--port", str(urlsplit(BREAD).port)],
        BREAD,
        tmp_path_factory.mktemp("bread") / "log",
        OIDC_ISSUER=ISSUER,
        API_IDENTIFIER=BREAD,
    ) as process:
        yield process
        assert "Traceback" not in process.log.read_text()


@pytest.fixture(scope="module")
def sample(
    provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Process, Registered]]:
    with bakery(tmp_path_factory.mktemp("bakery") / "log") as started:
        yield started


@pytest.fixture
def site(sample: tuple[Process, Registered]) -> str:
    return sample[0].address


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, str] = {}
        self._open: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "input", "br"}:
            self._open.append(dict(attrs).get("id"))

    def handle_endtag(self, _tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for name in filter(None, self._open):
            self.texts[name] = self.texts.get(name, "") + data


def texts(page: httpx.Response) -> dict[str, str]:
    """Return the text of each element that has an id."""
    parser = _Texts()
    parser.feed(page.text)
    return parser.texts


def sign_in(
    traveller: Traveller, user: EndUser, site: str, button: str = "allow"
) -> httpx.Response:
    return traveller.agree(user, traveller.open(f"{site}/login"), button)


@pytest.mark.smoke
def test_a_user_signs_in_is_asked_about_and_signs_out(
    sample: tuple[Process, Registered], traveller: Traveller, user: EndUser
) -> None:
    process, client = sample
    page = sign_in(traveller, user, process.address)
    assert str(page.url) == f"{process.address}/"
    assert texts(page)["scope"] == ("address bread.read email offline_access openid phone profile")
    claims = json.loads(texts(page)["claims"])
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ISSUER, user.sub, client.client_id)

    assert texts(page)["name"] == "Ana Lima"
    page = traveller.press(page, "ask-userinfo")
    userinfo = json.loads(texts(page)["userinfo-claims"])
    assert userinfo["sub"] == user.sub
    assert (userinfo["email"], userinfo["email_verified"]) == (user.email, True)
    assert userinfo["address"]["country"] == "Portugal"
    assert userinfo["phone_number"] == "+351 21 000 0000"

    page = traveller.press(page, "sign-out")
    assert "sign-in" in texts(traveller.open(process.address))
    page = traveller.press(page, "sign-out-signet")
    assert str(page.url) == f"{process.address}/"
    assert traveller.open(f"{process.address}/login").url.path == "/account/login/"


def test_a_user_opens_it_from_their_list_of_apps(
    site: str, traveller: Traveller, user: EndUser
) -> None:
    sign_in(traveller, user, site)
    page = traveller.open(f"{site}/login/initiate?iss={ISSUER}&login_hint={user.email}")
    assert str(page.url) == f"{site}/"
    assert json.loads(texts(page)["claims"])["sub"] == user.sub


def test_no_other_user_starts_a_sign_in_there(site: str, traveller: Traveller) -> None:
    for query in ("", "?iss=https://evil.example", f"?iss={ISSUER}.evil.example"):
        assert traveller.open(f"{site}/login/initiate{query}").status_code == 400


def test_an_api_is_called_tokens_are_refreshed_and_revoked(
    bread: Process, site: str, traveller: Traveller, user: EndUser
) -> None:
    page = sign_in(traveller, user, site)
    first = json.loads(texts(page)["claims"])
    for _ in range(2):  # each time with the refresh token that the last one gave
        page = traveller.press(page, "call-api")
        answer = json.loads(texts(page)["api-answer"])
        assert answer["for_user"] == user.sub
        assert "rye" in answer["bread"]
        page = traveller.press(page, "refresh")
        refreshed = json.loads(texts(page)["refreshed"])
        assert (refreshed["sub"], refreshed["auth_time"]) == (user.sub, first["auth_time"])
    page = traveller.press(page, "ask-userinfo")
    assert texts(page)["name"] == "Ana Lima"

    page = traveller.press(page, "revoke")
    assert "revoked" in texts(page)
    page = traveller.press(page, "refresh")
    assert "invalid_grant" in texts(page)["refresh-error"]
    page = traveller.press(page, "call-api")
    assert "invalid_grant" in texts(page)["api-error"]
    assert "api-answer" not in texts(page)
    page = traveller.press(page, "ask-userinfo")
    assert "invalid_token" in texts(page)["userinfo-error"]


def test_signing_out_revokes(
    bread: Process, sample: tuple[Process, Registered], traveller: Traveller, user: EndUser
) -> None:
    process, _ = sample
    page = traveller.press(sign_in(traveller, user, process.address), "call-api")
    mine = Grant.objects.filter(user__sub=user.sub)
    assert mine.get().revoked_at is None
    traveller.press(page, "sign-out")
    assert mine.get().revoked_at is not None


def test_the_tokens_live_on_after_signing_out_of_signet(
    bread: Process, site: str, traveller: Traveller, user: EndUser
) -> None:
    """That is what access while away is for."""
    page = sign_in(traveller, user, site)
    traveller.press(traveller.open("/account/logout/"), "confirm-logout")
    assert "api-answer" in texts(traveller.press(page, "call-api"))


def test_a_sign_out_at_signet_reaches_it(site: str, traveller: Traveller, user: EndUser) -> None:
    sign_in(traveller, user, site)
    told = f"{site}/signed-out-at-signet"
    for form in ({}, {"logout_token": "x"}, {"logout_token": jwt.encode({}, "x" * 32)}):
        assert httpx.post(told, data=form).status_code == 400
    assert texts(traveller.open(site))["claims"]
    traveller.press(traveller.open("/account/logout/"), "confirm-logout")
    call_command("worker", "--once")
    assert "claims" not in texts(traveller.open(site))


def test_the_api_is_down(traveller: Traveller, user: EndUser, tmp_path: Path) -> None:
    with bakery(tmp_path / "log", api=f"{free_address()}/") as (process, _):
        page = traveller.press(sign_in(traveller, user, process.address), "call-api")
        assert "cannot be reached" in texts(page)["api-error"]


def test_an_app_that_may_not_refresh(
    provider: Server, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with bakery(tmp_path / "log", grant_types=["authorization_code"]) as (process, _):
        page = sign_in(traveller, user, process.address)
        for button, error in {"refresh": "refresh-error", "call-api": "api-error"}.items():
            page = traveller.press(page, button)
            assert error in texts(page)
        page = traveller.press(page, "revoke")
        page = traveller.press(page, "ask-userinfo")
        assert "invalid_token" in texts(page)["userinfo-error"]


def test_the_next_sign_in_asks_nothing(site: str, traveller: Traveller, user: EndUser) -> None:
    page = traveller.press(sign_in(traveller, user, site), "sign-out")
    page = traveller.open(f"{site}/login")
    assert json.loads(texts(page)["claims"])["sub"] == user.sub


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_other_signatures(
    provider: Server, algorithm: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with bakery(tmp_path / "log", id_token_signed_response_alg=algorithm) as (process, _):
        page = sign_in(traveller, user, process.address)
        assert f'"alg": "{algorithm}"' in unescape(page.text)
        assert json.loads(texts(page)["claims"])["sub"] == user.sub


def test_a_no_is_taken_kindly(site: str, traveller: Traveller, user: EndUser) -> None:
    page = sign_in(traveller, user, site, "deny")
    assert page.status_code == 400
    assert texts(page)["error"] == "access_denied"
    assert "That is fine" in page.text
    assert "sign-in" in texts(traveller.open(site))


def test_an_answer_that_this_browser_did_not_ask_for(site: str, traveller: Traveller) -> None:
    for address in ("/callback", "/callback?code=stolen&state=unknown"):
        page = traveller.open(site + address)
        assert page.status_code == 400
        assert texts(page)["error"] == "mismatching_state"


def test_an_answer_works_once(site: str, traveller: Traveller, user: EndUser) -> None:
    sign_in(traveller, user, site)
    answer = traveller.until(f"{site}/login", f"{site}/callback")
    assert "claims" in texts(traveller.open(answer))
    assert texts(traveller.open(answer))["error"] == "mismatching_state"


def test_two_tabs_sign_in(site: str, traveller: Traveller, user: EndUser) -> None:
    first, second = traveller.open(f"{site}/login"), traveller.open(f"{site}/login")
    assert "claims" in texts(traveller.agree(user, second))
    assert "claims" in texts(traveller.open(str(first.url)))


def test_an_expired_access_token(
    sample: tuple[Process, Registered], traveller: Traveller, user: EndUser
) -> None:
    process, client = sample
    page = sign_in(traveller, user, process.address)
    tokens = AccessToken.objects.filter(application__client_id=client.client_id, user__sub=user.sub)
    assert tokens.update(expires=timezone.now()) == 1
    page = traveller.press(page, "ask-userinfo")
    assert page.status_code == 200
    assert "invalid_token" in texts(page)["userinfo-error"]
    assert "userinfo-claims" not in texts(page)
    assert texts(page)["name"] == "Ana Lima"


def test_the_cookie_stays_small(site: str, traveller: Traveller, user: EndUser) -> None:
    """Browsers drop a cookie over 4 KB, and with it the sign-in. Users press Back and retry."""
    for _ in range(25):
        page = traveller.open(f"{site}/login")
    page = traveller.agree(user, page)
    traveller.press(page, "ask-userinfo")
    cookie = traveller.cookies.get("bakery", domain="127.0.0.1")
    assert cookie is not None
    assert len(f"bakery={cookie}") < 4000


def test_the_provider_is_down(traveller: Traveller, tmp_path: Path) -> None:
    with bakery(tmp_path / "log", issuer=free_address()) as (process, _):
        page = traveller.open(f"{process.address}/login")
        assert page.status_code == 503
        assert texts(page)["error"] == "unreachable"


@contextmanager
def impostor(**documents: Any) -> Iterator[str]:
    """Answer with these documents by path, whatever the method; "HERE" in one is the address."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps(documents[self.path.rpartition("/")[2].replace("-", "_")])
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.replace("HERE", address).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield address
        server.shutdown()


def come_back(traveller: Traveller, site: str, authorization_endpoint: str) -> httpx.Response:
    """Begin a sign-in, and return with a code without having asked anybody."""
    asked = traveller.until(f"{site}/login", authorization_endpoint)
    return traveller.open(f"{site}/callback", code="code", state=httpx.URL(asked).params["state"])


def test_the_provider_goes_down_during_a_sign_in(traveller: Traveller, tmp_path: Path) -> None:
    gone = free_address()
    discovery = {"authorization_endpoint": f"{ISSUER}/authorize", "token_endpoint": f"{gone}/token"}
    with (
        impostor(openid_configuration=discovery) as issuer,
        bakery(tmp_path / "log", issuer=issuer) as (process, _),
    ):
        page = come_back(traveller, process.address, f"{ISSUER}/authorize")
        assert page.status_code == 503
        assert texts(page)["error"] == "unreachable"


def test_a_forged_id_token(traveller: Traveller, tmp_path: Path) -> None:
    """It names a published key, and is signed with another."""
    discovery = {
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": "HERE/token",
        "jwks_uri": f"{ISSUER}/jwks",
    }
    published = httpx.get(f"{ISSUER}/jwks").json()["keys"]
    kid = next(key["kid"] for key in published if key["alg"] == "ES256")
    forged = jwt.encode({}, ec.generate_private_key(ec.SECP256R1()), "ES256", headers={"kid": kid})
    tokens = {"access_token": "a", "token_type": "Bearer", "expires_in": 9, "id_token": forged}
    with (
        impostor(openid_configuration=discovery, token=tokens) as issuer,
        bakery(tmp_path / "log", issuer=issuer) as (process, _),
    ):
        page = come_back(traveller, process.address, f"{ISSUER}/authorize")
        assert page.status_code == 400
        assert texts(page)["error"] == "bad_signature"
        assert "sign-in" in texts(traveller.open(process.address))
