"""Microsoft's MSAL for Python, whose authorities have a path: an issuer with one, behind nginx.

Once nginx passes the path on, and once it takes it off. OIDC Discovery §4, RFC 8414 §3.1.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import msal
import pytest
import requests

from tests import secrecy
from tests.conftest import Server
from tests.reading import brought
from tests.relying_party import Browser, EndUser, make_client, spec
from tests.reverse_proxy import Provider, provider_behind_nginx

REDIRECT_URI = "https://rp.example.com/callback"
PASSED_ON = "location /auth { proxy_pass http://127.0.0.1:%(port)s; }"
TAKEN_OFF = "location /auth/ { proxy_pass http://127.0.0.1:%(port)s/; }"
#: Metadata at the root of the host.
WELL_KNOWN = "location ~ ^/.well-known/.+/auth$ { proxy_pass http://127.0.0.1:%(port)s; }"
#: Another app of the host says which cookies came along.
OTHERS = 'location /shop { default_type text/plain; return 200 "cookies: $http_cookie"; }'


@pytest.fixture(scope="module", params=[PASSED_ON, TAKEN_OFF], ids=["passed on", "taken off"])
def provider_at_path(
    request: pytest.FixtureRequest,
    provider: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Provider]:
    locations = request.param + WELL_KNOWN + OTHERS
    with provider_behind_nginx(tmp_path_factory.mktemp("nginx"), locations, "/auth") as proxied:
        yield proxied


@pytest.fixture
def app(provider_at_path: Provider) -> msal.ConfidentialClientApplication:
    """An app as MSAL's documentation builds it, with an app that the wizard would make."""
    client = make_client(
        profile="recommended",
        redirect_uris=[REDIRECT_URI],
        grant_types=["authorization_code", "refresh_token"],
    )
    session = requests.Session()
    session.trust_env, session.verify = False, str(provider_at_path.authority)
    return msal.ConfidentialClientApplication(
        client.client_id,
        client_credential=client.secret,
        oidc_authority=provider_at_path.issuer,
        http_client=session,
    )


def authorized(browser: Browser, user: EndUser, address: str) -> dict[str, str]:
    """Sign in and agree; return the parameters that come to the redirect URI."""
    page = browser.sign_in(user, browser.settle(browser.get(address)))
    return brought(browser.submit(page, "allow"))


@spec("OIDC Core", "3.1")
def test_signing_in_and_refreshing(
    app: msal.ConfidentialClientApplication, provider_at_path: Provider, user: EndUser
) -> None:
    flow = app.initiate_auth_code_flow(
        ["email"], redirect_uri=REDIRECT_URI, response_mode="form_post"
    )
    assert flow["auth_uri"].startswith(f"{provider_at_path.issuer}/authorize?")
    with Browser(provider_at_path.issuer) as browser:
        answer = authorized(browser, user, flow["auth_uri"])
    assert answer["iss"] == provider_at_path.issuer
    tokens = noted(app.acquire_token_by_auth_code_flow(flow, answer))
    assert tokens["id_token_claims"]["iss"] == provider_at_path.issuer
    assert tokens["id_token_claims"]["sub"] == user.sub
    renewed = noted(app.acquire_token_by_refresh_token(tokens["refresh_token"], ["email"]))
    assert renewed["access_token"] != tokens["access_token"]
    bearer = {"Authorization": f"Bearer {renewed['access_token']}"}
    userinfo = httpx.get(f"{provider_at_path.issuer}/userinfo", headers=bearer, verify=False)
    assert userinfo.json()["email"] == user.email


def noted(tokens: dict[str, Any]) -> dict[str, Any]:
    assert "error" not in tokens, tokens
    secrecy.used.note_members(tokens)
    return tokens


@spec("RFC 6265", "5.1.4")
def test_cookies_stay_below_the_path(provider_at_path: Provider, user: EndUser) -> None:
    with Browser(provider_at_path.issuer) as browser:
        home = browser.sign_in(user)
        assert home.url.path == "/auth/account/"
        cookies = {cookie.name: cookie for cookie in browser.cookies.jar}
        assert {cookie.path for cookie in cookies.values()} == {"/auth"}
        assert {"__Secure-session", "__Secure-csrf"} <= cookies.keys()
        assert not [name for name in cookies if name.startswith("__Host-")]
        origin = provider_at_path.issuer.removesuffix("/auth")
        assert browser.get(f"{origin}/shop").text == "cookies: "
        assert is_at(
            browser.submit(browser.open("/account/logout/"), "confirm-logout"), "/signed-out/"
        )


def is_at(page: httpx.Response, end: str) -> bool:
    return page.status_code == 200 and page.url.path.endswith(end)


@spec("RFC 8414", "3.1")
def test_metadata_is_found_in_both_ways(provider_at_path: Provider) -> None:
    issuer = provider_at_path.issuer
    origin = issuer.removesuffix("/auth")
    for name in ("openid-configuration", "oauth-authorization-server"):
        for address in (f"{issuer}/.well-known/{name}", f"{origin}/.well-known/{name}/auth"):
            found = httpx.get(address, verify=False)
            assert found.status_code == 200, address
            assert found.json()["issuer"] == issuer
