"""The quick start on oidc-client-ts: code with PKCE, renewed in an iframe without a word.

Its address is another port of our own site, which proves nothing about third-party cookies: where
an app is on another site, browsers send our session cookie to no iframe, and renewal takes a
refresh token.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import pytest
from django.core.management import call_command
from playwright.sync_api import BrowserContext, Request, Route, expect

from idp.developers.quick_starts import QUICK_STARTS
from idp.models import Client
from tests import secrecy
from tests.browser.single_page_app import single_page_app
from tests.browser.visitor import Site, Visitor
from tests.conftest import ROOT
from tests.relying_party import ISSUER, EndUser, make_client

LIBRARY = ROOT / "tests/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"


@contextmanager
def running(quick_start: str, **metadata: Any) -> Iterator[str]:
    """Run a quick start with a client of its own; gives its address."""
    with single_page_app(LIBRARY) as app:
        client = make_client(
            client_name="Bakery",
            profile="recommended",
            token_endpoint_auth_method="none",
            redirect_uris=[f"{app.url}/callback", f"{app.url}/silent"],
            post_logout_redirect_uris=[f"{app.url}/"],
            **metadata,
        )
        registered = Client.objects.get(client_id=client.client_id)
        app.pages["/"] = QUICK_STARTS[quick_start].filled_in(registered)
        yield app.url


@pytest.fixture
def app() -> Iterator[str]:
    """The address of a running app."""
    with running("single-page-app") as address:
        yield address


@pytest.fixture
def visitor(open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site) -> Visitor:
    """`user` at a browser that adds no header of ours: it would be one too many for CORS."""
    return Visitor(open_browser(extra_http_headers={}).new_page(), user, bakery)


def renewed(visitor: Visitor) -> Any:
    """Renew in an iframe: the tokens, or the error's code."""
    result = visitor.page.evaluate(
        "manager.signinSilent().then(user => [user.access_token, user.profile.sub],"
        " problem => problem.error || String(problem))"
    )
    if isinstance(result, list):
        secrecy.used.note(result[0])
    return result


def test_signing_in_and_silent_renewal(app: str, visitor: Visitor) -> None:
    visitor.page.goto(app)
    visitor.press("Sign in")
    visitor.sign_in()
    visitor.allow()
    visitor.page.wait_for_url(f"{app}/")
    visitor.sees(visitor.user.email)
    first = visitor.page.evaluate("manager.getUser().then(user => user.access_token)")
    secrecy.used.note(first)
    with visitor.page.expect_request(lambda asked: "prompt=none" in asked.url) as asked:
        again, sub = renewed(visitor)
    assert asked.value.frame.parent_frame is not None  # in an iframe, where nothing is shown
    assert again != first
    assert sub == visitor.user.sub
    visitor.page.reload()
    visitor.press("Sign out")
    visitor.page.wait_for_url(f"{app}/")
    visitor.sees("Not signed in")
    assert renewed(visitor) == "login_required"


def test_tokens_bound_to_a_key(visitor: Visitor) -> None:
    """Also the code, the renewed token and UserInfo; the key never leaves the browser."""
    with running("single-page-app-dpop", dpop_bound_access_tokens=True) as app:
        visitor.page.goto(app)
        visitor.press("Sign in")
        visitor.sign_in()
        visitor.allow()
        visitor.page.wait_for_url(f"{app}/")
        visitor.sees(visitor.user.email)
        token, sub = renewed(visitor)
        assert sub == visitor.user.sub
        for scheme in ("Bearer", "DPoP"):
            stolen = {"Authorization": f"{scheme} {token}"}
            assert httpx.get(f"{ISSUER}/userinfo", headers=stolen, verify=False).status_code == 401
        kept = "manager.settings.dpop.store.get(manager.settings.client_id)"
        assert visitor.page.evaluate(f"{kept}.then(it => it.keys.privateKey.extractable)") is False
        # An API may name a nonce first, which the next proof has.
        visitor.page.route("**/userinfo", wants_a_nonce)
        with visitor.page.expect_request(lambda asked: "a-nonce" in proof_of(asked)):
            visitor.page.reload()
        visitor.sees(visitor.user.email)
        visitor.press("Sign out")
        visitor.page.wait_for_url(f"{app}/")
        visitor.sees("Not signed in")


def wants_a_nonce(route: Route) -> None:
    if "a-nonce" in proof_of(route.request):
        route.continue_()
        return
    exposed = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "*"}
    route.fulfill(status=401, headers={"DPoP-Nonce": "a-nonce", **exposed})


def proof_of(request: Request) -> list[str]:
    """Return the claims of the proof that a request has, none for none."""
    proof = request.headers.get("dpop")
    return list(jwt.decode(proof, options={"verify_signature": False}).values()) if proof else []


def test_silence_when_no_user_is_signed_in(app: str, visitor: Visitor) -> None:
    visitor.page.goto(app)
    assert renewed(visitor) == "login_required"


def test_signing_out_of_one_app_ends_the_other(app: str, visitor: Visitor) -> None:
    """The sample site signs out and the library's watch sees it; then the other way round.

    The library asks our frame every second; what it says is `unchanged` until it isn't. The sample
    site is told by the worker.
    """
    bakery = visitor.in_another_tab()
    visitor.page.goto(app)
    visitor.press("Sign in")
    visitor.sign_in()
    visitor.allow()
    visitor.sees(visitor.user.email)
    bakery.start_at_bakery()
    bakery.allow()
    bakery.is_welcome_at_bakery()
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.wait_for_timeout(2500)
    assert not [url for url in asked if "prompt=none" in url], "nothing has changed yet"
    bakery.page.click("#sign-out")
    bakery.page.click("#sign-out-signet")
    visitor.sees("Signed out")

    visitor.press("Sign in")
    visitor.sign_in()
    visitor.sees(visitor.user.email)
    bakery.page.goto(bakery.bakery.url)
    bakery.page.click("#sign-in")
    bakery.is_welcome_at_bakery()
    visitor.press("Sign out")
    visitor.sees("Not signed in")
    call_command("worker", "--once")
    bakery.page.reload()
    expect(bakery.page.locator("#sign-in")).to_be_visible()
