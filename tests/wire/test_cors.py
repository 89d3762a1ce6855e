"""Which web pages may read our answers. Fetch standard, RFC 9700 §2.6."""

import httpx
import pytest

from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_api,
    make_client,
    spec,
    unique,
)

OPEN = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks"]
GUARDED = ["/token", "/userinfo"]
ALLOW = "Access-Control-Allow-Origin"


def from_page(path: str, origin: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(
        method, f"{ISSUER}{path}", headers={"Origin": origin, **headers}, verify=False
    )


def preflight(path: str, origin: str) -> httpx.Response:
    headers = {
        "Access-Control-Request-Method": "GET" if path == "/userinfo" else "POST",
        "Access-Control-Request-Headers": "authorization, content-type, mcp-protocol-version",
    }
    return from_page(path, origin, "OPTIONS", **headers)


@pytest.fixture
def origin(provider: object) -> str:
    """The origin of a registered single-page app."""
    origin = f"https://{unique('spa')}.example.com"
    make_client(token_endpoint_auth_method="none", redirect_uris=[f"{origin}/callback"])
    return origin


@spec("OIDC Discovery", "4")
@pytest.mark.parametrize("path", OPEN)
def test_discovery_and_keys_are_for_everyone(provider: object, path: str) -> None:
    response = from_page(path, "https://anywhere.example")
    assert response.headers[ALLOW] in {"*", "https://anywhere.example"}
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert response.headers.get_list(ALLOW, split_commas=True) == [response.headers[ALLOW]]
    asked = preflight(path, "https://anywhere.example")
    assert asked.status_code in {200, 204}
    assert asked.headers[ALLOW] in {"*", "https://anywhere.example"}
    assert "mcp-protocol-version" in asked.headers["Access-Control-Allow-Headers"].lower()


@spec("RFC 9728", "3.1")
def test_the_metadata_of_an_api_is_for_everyone(provider: object) -> None:
    api = make_api(identifier=f"{ISSUER}/{unique('api')}/")
    path = f"/.well-known/oauth-protected-resource{api['identifier'].removeprefix(ISSUER)}"
    response = from_page(path, "https://anywhere.example", MCP_PROTOCOL_VERSION="2025-11-25")
    assert response.json()["resource"] == api["identifier"]
    asked = preflight(path, "https://anywhere.example")
    for answer in (response, asked):
        assert answer.headers[ALLOW] in {"*", "https://anywhere.example"}
        assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "mcp-protocol-version" in asked.headers["Access-Control-Allow-Headers"].lower()


@spec("RFC 9700", "2.6")
@pytest.mark.parametrize("path", GUARDED)
def test_an_apps_own_page_may_ask(origin: str, path: str) -> None:
    asked = preflight(path, origin)
    assert asked.status_code in {200, 204}
    assert asked.headers[ALLOW] == origin
    allowed = asked.headers["Access-Control-Allow-Headers"].lower()
    assert "authorization" in allowed
    assert "content-type" in allowed
    assert "mcp-protocol-version" in allowed
    answered = from_page(path, origin, "POST")
    assert answered.status_code >= 400
    assert answered.headers[ALLOW] == origin
    assert "origin" in answered.headers["Vary"].lower()
    assert "www-authenticate" in answered.headers["Access-Control-Expose-Headers"].lower()


@spec("RFC 9700", "2.6")
@pytest.mark.parametrize("path", [*GUARDED, *OPEN, "/revoke", "/register", "/introspect"])
def test_pages_ask_with_credentials_at_the_token_endpoint_alone(origin: str, path: str) -> None:
    for response in (preflight(path, origin), from_page(path, origin, "POST")):
        allowed = response.headers.get("Access-Control-Allow-Credentials")
        assert allowed == ("true" if path == "/token" else None)
        assert response.headers.get(ALLOW) != "*" or allowed is None
        assert "Set-Cookie" not in response.headers


@spec("RFC 9700", "2.6")
def test_a_browsers_cookies_mean_nothing_at_the_token_endpoint(
    origin: str, browser: Browser, user: EndUser
) -> None:
    """A page that sends the user's cookies along gets what it would get without them."""
    browser.sign_in(user)
    assert len(browser.cookies) > 0
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "x"}
    with_cookies = browser.post("/token", data=form, headers={"Origin": origin})
    without = httpx.post(f"{ISSUER}/token", data=form, headers={"Origin": origin}, verify=False)
    assert with_cookies.status_code == without.status_code == 401
    assert with_cookies.json()["error"] == without.json()["error"]
    assert "Set-Cookie" not in with_cookies.headers
    assert "cookie" not in with_cookies.headers["Vary"].lower()


@spec("RFC 9700", "2.6")
@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "near",
    [
        "https://{another}.example",
        "null",
        "{origin}.evil.example",
        "{origin}:8443",
        "{origin}/",
        "http://{host}",
        "HTTPS://{host}",
        "https://evil.{host}",
        "",
    ],
)
def test_no_other_page_may(origin: str, path: str, near: str) -> None:
    host = origin.removeprefix("https://")
    other = near.format(origin=origin, host=host, another=unique("another"))
    for response in (preflight(path, other), from_page(path, other, "POST")):
        assert ALLOW not in response.headers
        assert "Access-Control-Allow-Credentials" not in response.headers


@spec("RFC 9700", "2.6")
@pytest.mark.parametrize("path", ["/authorize", "/consent", "/account/login/", "/account/"])
def test_pages_are_for_no_script_of_others(origin: str, path: str) -> None:
    for response in (from_page(path, origin), preflight(path, origin)):
        assert not [name for name in response.headers if name.startswith("access-control-")]


@spec("RFC 9700", "2.6")
def test_a_client_with_a_secret_names_its_pages_itself(provider: object) -> None:
    name = unique("shop")
    make_client(
        redirect_uris=[f"https://{name}.example.com/callback"],
        allowed_origins=[f"https://app.{name}.example.com"],
    )
    assert ALLOW not in preflight("/token", f"https://{name}.example.com").headers
    assert ALLOW in preflight("/token", f"https://app.{name}.example.com").headers


@spec("RFC 9700", "2.6")
def test_a_disabled_clients_page_may_not(provider: object) -> None:
    origin = f"https://{unique('spa')}.example.com"
    metadata = {"token_endpoint_auth_method": "none", "redirect_uris": [f"{origin}/callback"]}
    client = make_client(**metadata)
    assert ALLOW in preflight("/token", origin).headers
    make_client(client_id=client.client_id, enabled=False, **metadata)
    assert ALLOW not in preflight("/token", origin).headers


@spec("RFC 9700", "2.6")
def test_an_app_in_the_browser_gets_through(origin: str, browser: Browser, user: EndUser) -> None:
    uri = f"{origin}/callback"
    client = make_client(token_endpoint_auth_method="none", redirect_uris=[uri])
    app = RelyingParty(client, browser, user)
    data = {
        "grant_type": "authorization_code",
        "client_id": client.client_id,
        "code": app.authorize().code,
        "redirect_uri": uri,
        "code_verifier": app.code_verifier,
    }
    tokens = httpx.post(f"{ISSUER}/token", data=data, headers={"Origin": origin}, verify=False)
    assert tokens.headers[ALLOW] == origin
    bearer = f"Bearer {tokens.json()['access_token']}"
    assert from_page("/userinfo", origin, Authorization=bearer).json()["sub"] == user.sub


@spec("RFC 7591", "3")
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
def test_registering_from_anywhere(provider: object, method: str) -> None:
    """A page that registers its app has no origin that we could know, and no cookie of ours."""
    headers = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type, mcp-protocol-version",
    }
    asked = from_page("/register", "https://anywhere.example", "OPTIONS", **headers)
    assert asked.status_code in {200, 204}
    assert asked.headers[ALLOW] in {"*", "https://anywhere.example"}
    assert method in asked.headers["Access-Control-Allow-Methods"].split(", ")
    for name in ("authorization", "content-type", "mcp-protocol-version"):
        assert name in asked.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in asked.headers
    answered = from_page("/register", "https://anywhere.example", method, Cookie="a=b")
    assert "Access-Control-Allow-Credentials" not in answered.headers
    assert answered.headers[ALLOW] in {"*", "https://anywhere.example"}
    assert answered.status_code >= 400


@spec("RFC 7592", "2")
def test_other_addresses_are_told_no_more_methods(origin: str) -> None:
    allowed = preflight("/token", origin).headers["Access-Control-Allow-Methods"].split(", ")
    assert allowed == ["GET", "POST", "OPTIONS"]
