"""A single-page app on keycloak-js, the library as its makers publish it.

Its page is on another port of our own site; what it may read of our answers is decided by origin.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext

from tests import secrecy
from tests.browser.single_page_app import single_page_app
from tests.browser.visitor import Site, Visitor
from tests.conftest import ROOT
from tests.relying_party import ISSUER, EndUser, make_client, verified

LIBRARY = ROOT / "tests/node_modules/keycloak-js/lib/keycloak.js"
#: As docs/relying-parties.md says it.
PAGE = """<!doctype html><html lang="en"><title>Bakery</title>
<h1 id="state">Loading</h1>
<button id="in" type="button">Sign in</button>
<script type="module">
import Keycloak from "/keycloak.js";
const keycloak = new Keycloak({ oidcProvider: "%(issuer)s", clientId: "%(client_id)s" });
window.keycloak = keycloak;
document.getElementById("in").onclick = () => keycloak.login();
const show = text => { document.getElementById("state").textContent = text; };
const options = {
  onLoad: "check-sso",
  silentCheckSsoRedirectUri: location.origin + "/silent",
  checkLoginIframe: false,
  scope: "openid email offline_access",
};
keycloak.init(options)
  .then(isIn => show(isIn ? "Signed in" : "Signed out"))
  .catch(problem => show("Failed: " + (problem.message || JSON.stringify(problem))));
</script>"""
SILENT = """<!doctype html><html lang="en"><title>Silent</title>
<script>parent.postMessage(location.href, location.origin)</script>"""


@pytest.fixture
def app() -> Iterator[str]:
    """The address of a running app with a client of its own."""
    with single_page_app(LIBRARY) as app:
        client = make_client(
            client_name="Bakery",
            profile="recommended",
            token_endpoint_auth_method="none",
            grant_types=["authorization_code", "refresh_token"],
            access_token_format="jwt",
            redirect_uris=[f"{app.url}/", f"{app.url}/silent"],
            post_logout_redirect_uris=[f"{app.url}/"],
        )
        page = PAGE % {"issuer": ISSUER, "client_id": client.client_id}
        app.pages |= {"/silent": SILENT, "/": page}
        yield app.url


@pytest.fixture
def visitor(open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site) -> Visitor:
    """`user` at a browser that adds no header of ours: it would be one too many for CORS."""
    return Visitor(open_browser(extra_http_headers={}).new_page(), user, bakery)


def ask(visitor: Visitor, script: str) -> Any:
    """Return what a script of the page comes to, or its problem's message."""
    return visitor.page.evaluate(f"{script}.catch(problem => problem.message)")


def tokens_of(visitor: Visitor) -> dict[str, Any]:
    """Return the tokens that the library holds."""
    names = ("token", "refreshToken", "idToken")
    tokens = {name: visitor.page.evaluate(f"keycloak.{name}") for name in names}
    secrecy.used.note(*tokens.values())
    return tokens


def signed_in(app: str, visitor: Visitor) -> None:
    visitor.page.goto(app)
    visitor.sees("Signed out")
    visitor.press("Sign in")
    visitor.sign_in()
    visitor.allow()
    visitor.page.wait_for_url(f"{app}/")
    visitor.sees("Signed in")


def test_signing_in_and_reading_userinfo(app: str, visitor: Visitor) -> None:
    signed_in(app, visitor)
    assert verified(tokens_of(visitor)["idToken"])["sub"] == visitor.user.sub
    assert visitor.page.evaluate("keycloak.tokenParsed.sub") == visitor.user.sub
    assert ask(visitor, "keycloak.loadUserInfo()")["email"] == visitor.user.email


def test_renewing_by_refresh_token(app: str, visitor: Visitor) -> None:
    signed_in(app, visitor)
    first = tokens_of(visitor)
    for _ in range(2):
        assert ask(visitor, "keycloak.updateToken(-1)") is True
    again = tokens_of(visitor)
    assert again["token"] != first["token"]
    assert again["refreshToken"] != first["refreshToken"]
    assert visitor.page.evaluate("keycloak.authenticated") is True


def test_a_known_user_is_signed_in_silently(app: str, visitor: Visitor) -> None:
    signed_in(app, visitor)
    tokens_of(visitor)
    with visitor.page.expect_request(lambda asked: "prompt=none" in asked.url) as asked:
        visitor.page.reload()
    visitor.sees("Signed in")
    tokens_of(visitor)
    assert asked.value.frame.parent_frame is not None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_signing_out(app: str, visitor: Visitor, method: str) -> None:
    signed_in(app, visitor)
    tokens_of(visitor)
    visitor.page.evaluate(f"void keycloak.logout({{logoutMethod: '{method}'}})")
    visitor.page.wait_for_url(f"{app}/")
    visitor.sees("Signed out")
