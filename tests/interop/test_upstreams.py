"""Real OpenID providers as upstreams: a second Signet, and npm oidc-provider.

Users sign in there and get an account here; apps here see what they proved there; sign-outs go both
ways.
"""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx
import pytest
from django.contrib.auth.models import Group

from accounts.models import Session, Upstream, User
from tests import secrecy
from tests.conftest import ROOT, Server, make_sqlite_database
from tests.interop.conftest import Traveller, running
from tests.ports import free_port
from tests.programs.builds import npm
from tests.relying_party import (
    ISSUER,
    SET_UP,
    EndUser,
    RelyingParty,
    gone_on,
    is_page,
    make_client,
    unique,
    verified,
)
from tests.upstreams import SECRET, make_upstream

pytestmark = pytest.mark.programs
APP = "https://rp.example.com"
AFTER = f"{APP}/signed-out"
MULTI_FACTOR = "urn:signet:acr:multi-factor"


class Guest(Traveller):
    """A user's browser that goes back and forth, until it is sent to an app here.

    Each server has cookies of its own, as at a host of its own: cookies know no ports.
    """

    def __init__(self) -> None:
        super().__init__()
        self.jars: dict[str, httpx.Cookies] = {}

    def request(self, method: str, url: Any, **members: Any) -> httpx.Response:
        at = urlsplit(urljoin(ISSUER, str(url))).netloc
        self._cookies = self.jars.setdefault(at, httpx.Cookies())
        return super().request(method, url, **members)

    def settle(self, response: httpx.Response) -> httpx.Response:
        for _ in range(30):
            assert response.status_code < 500, response.text
            response = gone_on(response)
            target = urljoin(str(response.url), response.headers.get("Location", ""))
            if not response.is_redirect or target.startswith(APP):
                return response
            response = self.get(target)
        raise AssertionError(f"redirected in a circle: {response.url}")

    def at(self, page: httpx.Response, user: EndUser) -> httpx.Response:
        """Sign in at another server than ours, whose page this is."""
        self.issuer = f"{page.url.scheme}://{page.url.netloc.decode()}"
        try:
            return self.sign_in(user, page)
        finally:
            self.issuer = ISSUER


class Shop(RelyingParty):
    """An app here, whose users come from an upstream."""

    def __init__(self, upstream: Upstream) -> None:
        client = make_client(first_party=True, post_logout_redirect_uris=[AFTER])
        super().__init__(client, Guest(), None)  # type: ignore[arg-type]
        self.upstream = upstream

    def asks(self, **parameters: str) -> httpx.Response:
        """Send the user to the upstream: the page where they stop, or the way back to the app."""
        return self.visit(idp_hint=self.upstream.slug, **parameters)

    def given(self, way_back: httpx.Response) -> dict[str, Any]:
        """Return the tokens of an answer."""
        return self.exchange(self.answer(way_back).code).json()  # type: ignore[no-any-return]

    def leaves(self, tokens: dict[str, Any]) -> httpx.Response:
        """Sign the user out here, and ask to have them back."""
        sent = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER}
        return self.browser.open("/end_session", **sent, state="its state")

    def has_ended(self, tokens: dict[str, Any]) -> str:
        """Return how the session ended that began last, whose tokens then have, too."""
        session = Session.objects.filter(at_upstream__upstream=self.upstream).latest("created_at")
        assert (self.userinfo(tokens["access_token"]).status_code == 200) is (not session.ending)
        return str(session.ending)


def way_out(page: httpx.Response, upstream: Upstream) -> str:
    """Return where the button leads that offers to sign out at an upstream, too."""
    found = re.search(rf'href="(/account/upstream/{upstream.slug}/sign-out[^"]*)"', page.text)
    assert found, page.text
    return ISSUER + unescape(found[1])


class SecondSignet:
    """Another Signet, with a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.issuer = f"http://localhost:{free_port()}"
        make_sqlite_database(folder / "there.sqlite3")
        self.environment = {
            "DATABASE_URL": f"sqlite:///{folder / 'there.sqlite3'}",
            "IDP_ISSUER": self.issuer,
            "CACHE_URL": "locmemcache://",
        }
        self.file = folder / "there.yaml"
        self.server = Server(self.issuer, folder / "log", **self.environment)

    def manage(self, *arguments: str) -> None:
        settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", "SIGNET_TEST_SERVER": "1"}
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, **settings, **self.environment}, check=True
        )

    def knows(self, slug: str, user: EndUser) -> None:
        """Enter us as a client, and a user."""
        ours = f"{ISSUER}/account/upstream/{slug}"
        client = {
            "client_id": slug,
            "client_name": "The first Signet",
            "redirect_uris": [f"{ours}/callback"],
            "post_logout_redirect_uris": [f"{ours}/signed-out"],
            "backchannel_logout_uri": f"{ours}/backchannel-logout",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": f"{ISSUER}/jwks",
            "scope": "openid profile email",
            "first_party": True,
        }
        person = {"email": user.email, "password": user.password, "name": "Ana There"}
        person |= {"email_verified": True}
        self.file.write_text(json.dumps({"clients": [client], "users": [person]}))
        self.manage("apply", str(self.file))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory, database: None) -> Iterator[SecondSignet]:
    signet = SecondSignet(tmp_path_factory.mktemp("second"))
    signet.server.wait()
    yield signet
    signet.server.stop()


@pytest.fixture(scope="module")
def oidc_provider(
    provider: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Upstream]]:
    """npm oidc-provider, with an upstream row for each of the ways to authenticate there."""
    folder, issuer = npm("oidc-provider"), f"http://localhost:{free_port()}"
    shutil.copy(Path(__file__).parent / "oidc_provider/server.mjs", folder)
    slugs = {way: unique("npm") for way in ("client_secret_basic", "private_key_jwt")}
    environment = {
        "ISSUER": issuer,
        "PORT": str(urlsplit(issuer).port),
        "RELYING_PARTY": ISSUER,
        "SECRET": SECRET,
        "SLUGS": " ".join(slugs.values()),
    }
    log = tmp_path_factory.mktemp("npm") / "log"
    with running("oidc-provider", ["node", str(folder / "server.mjs")], issuer, log, **environment):
        yield {
            way: make_upstream(
                issuer,
                slug=slug,
                client_id=slug,
                client_auth=way,
                trusts_email=True,
                levels={"acr": {"gold": MULTI_FACTOR}},
                scopes="openid email profile",
            )
            for way, slug in slugs.items()
        }


def test_a_second_signet(provider: object, second: SecondSignet) -> None:
    there = EndUser(f"{unique('ana')}@there.example", secrets.token_urlsafe(12), "")
    secrecy.used.note(there.password)
    slug = unique("second")
    second.knows(slug, there)
    upstream = make_upstream(
        second.issuer,
        slug=slug,
        client_id=slug,
        client_auth="private_key_jwt",
        trusts_email=True,
        levels={"acr": {MULTI_FACTOR: MULTI_FACTOR}},
    )
    shop = Shop(upstream)
    page = shop.asks()
    assert is_page(page, "/account/login/")
    assert str(page.url).startswith(second.issuer)
    tokens = shop.given(shop.browser.at(page, there))
    user = User.objects.get(email=there.email)
    assert (user.name, user.sub) == ("Ana There", verified(tokens["id_token"])["sub"])
    assert verified(tokens["id_token"])["acr"] == "urn:signet:acr:single-factor"

    # A higher level is asked for there, reached there, and counts here.
    shop.browser.issuer = second.issuer
    shop.browser.set_up_app(there, shop.browser.open(f"{second.issuer}{SET_UP}"))
    shop.browser.issuer = ISSUER
    page = shop.asks(acr_values=MULTI_FACTOR, prompt="login")
    tokens = shop.given(shop.browser.at(page, there))
    assert verified(tokens["id_token"])["acr"] == MULTI_FACTOR
    assert shop.has_ended(tokens) == ""

    # Who signs out there is signed out here, by a logout token.
    shop.browser.issuer = second.issuer
    page = shop.browser.open(f"{second.issuer}/account/logout/")
    shop.browser.submit(page, "confirm-logout")
    shop.browser.issuer = ISSUER
    second.manage("worker", "--once")
    assert shop.has_ended(tokens) == "signed-out-upstream"

    # And who signs out here signs out there, too, and comes back to the app.
    tokens = shop.given(shop.browser.at(shop.asks(), there))
    page = shop.leaves(tokens)
    assert shop.has_ended(tokens) == "signed-out"
    left = shop.browser.open(way_out(page, upstream))
    assert left.headers["Location"] == f"{AFTER}?{urlencode({'state': 'its state'})}"
    assert is_page(shop.asks(), "/account/login/")  # there


@pytest.mark.parametrize("way", ["client_secret_basic", "private_key_jwt"])
def test_npm_oidc_provider(oidc_provider: dict[str, Upstream], way: str) -> None:
    upstream, who = oidc_provider[way], unique("ana")
    ours = Group.objects.create(name=unique("Bakers"))
    upstream.mapping = {"groups_claim": "groups", "groups": {"bakers": ours.name}}
    upstream.save()
    shop = Shop(upstream)
    tokens = shop.given(shop.asks(login_hint=who, acr_values="gold"))
    user = User.objects.get(email=f"{who}@there.example")
    assert user.name == "Ana There"
    assert [group.name for group in user.groups.all()] == [ours.name]
    assert verified(tokens["id_token"])["acr"] == MULTI_FACTOR

    # Who signs out there is signed out here, by a logout token.
    confirm_there(shop.browser, shop.browser.open(f"{upstream.issuer}/session/end"))
    assert shop.has_ended(tokens) == "signed-out-upstream"

    # And who signs out here signs out there, too, and comes back to our page.
    shop.given(shop.asks(login_hint=who))
    page = shop.browser.submit(shop.browser.open("/account/logout/"), "confirm-logout")
    page = shop.browser.open(way_out(page, upstream))
    assert str(page.url).startswith(upstream.issuer)
    page = confirm_there(shop.browser, page)
    assert is_page(page, "/account/signed-out/")
    assert f"You have been signed out at {upstream.name}, too." in page.text


def confirm_there(browser: Guest, page: httpx.Response) -> httpx.Response:
    """Press the button of oidc-provider's page."""
    found = re.search(r'name="xsrf" value="(\w+)"', page.text)
    assert found, page.text
    action = f"{page.url.scheme}://{page.url.netloc.decode()}/session/end/confirm"
    return browser.settle(browser.post(action, data={"xsrf": found[1], "logout": "yes"}))
