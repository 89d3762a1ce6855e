"""APIs that are open to clients that come by themselves. RFC 7591 §2, RFC 8707 §2, RFC 9728 §2."""

from typing import Any

import httpx
import pytest

from idp.declaration import apply
from tests.elsewhere import Elsewhere
from tests.introducing import introduced
from tests.registering import as_client, initial_token, manage, registered, replaceable
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_page,
    make_client,
    spec,
    unique,
    verified,
)

GRANTS = ["authorization_code", "refresh_token"]


def open_api(**members: Any) -> dict[str, Any]:
    """Make an API with two open scopes and a closed one; return its entry."""
    name = unique("notes")
    described = {
        f"{name}.read": {"description": f"Read the notes of {name}", "self_registered": True},
        f"{name}.write": {"self_registered": True},
        f"{name}.admin": f"Administer {name}",
    }
    entry = {"identifier": f"https://{name}.example.com/mcp", "scopes": described, **members}
    apply({"resource_servers": [entry]}, dry_run=False)
    return entry


@pytest.fixture
def api(provider: object) -> dict[str, Any]:
    return open_api()


@pytest.fixture(params=["registered", "document"])
def client(request: pytest.FixtureRequest, foreign_site: Elsewhere, provider: object) -> Registered:
    """A client that registered itself, or that has a document."""
    metadata = {"token_endpoint_auth_method": "none", "grant_types": GRANTS}
    if request.param == "registered":
        return as_client(registered(**metadata))
    return introduced(foreign_site, **metadata)


@pytest.fixture
def app(client: Registered, browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(client, browser, user)


def scopes(api: dict[str, Any]) -> tuple[str, str, str]:
    """Return the names of an API's scopes: two open ones, and the closed one."""
    read, write, admin = api["scopes"]
    return read, write, admin


@spec("RFC 8707", "2")
def test_who_comes_by_itself_asks_for_open_scopes_and_the_person_agrees(
    app: RelyingParty, api: dict[str, Any]
) -> None:
    read, write, admin = scopes(api)
    asked = {"scope": f"openid {read} {write} {admin}", "resource": api["identifier"]}
    page = app.browser.sign_in(app.user, app.visit(**asked))
    assert is_page(page, "/consent")
    assert f"Read the notes of {read.removesuffix('.read')}" in page.text
    assert admin not in page.text
    assert "Administer" not in page.text
    code = app.answer(app.browser.submit(page, "allow")).code
    tokens = app.exchange(code, resource=api["identifier"]).json()
    claims = verified(tokens["access_token"])
    assert (claims["aud"], claims["scope"].split()) == (api["identifier"], [read, write])
    assert tokens["scope"] == claims["scope"]


@spec("RFC 6749", "3.3")
def test_without_a_scope_it_gets_what_is_open_at_the_api(
    app: RelyingParty, api: dict[str, Any]
) -> None:
    read, write, _admin = scopes(api)
    tokens = app.tokens(scope=None, resource=api["identifier"])
    assert tokens["scope"].split() == [read, write]
    assert app.tokens(scope=None)["scope"] == "openid"


@spec("RFC 6749", "3.3")
def test_more_is_asked_for_later_and_agreed_to(app: RelyingParty, api: dict[str, Any]) -> None:
    """What it registered, or was granted first, is not the end of it: the step-up of MCP."""
    read, write, _admin = scopes(api)
    assert app.tokens(scope=read, resource=api["identifier"])["scope"] == read
    page = app.visit(scope=f"{read} {write}", resource=api["identifier"])
    assert is_page(page, "/consent")
    code = app.answer(app.browser.submit(page, "allow")).code
    assert app.exchange(code).json()["scope"].split() == [read, write]


@spec("RFC 9068", "3")
def test_what_is_closed_is_refused_before_the_person_signs_in(
    app: RelyingParty, api: dict[str, Any]
) -> None:
    *_open, admin = scopes(api)
    answer = app.answer(app.visit(scope=f"openid {admin}", resource=api["identifier"]))
    assert (answer.error, answer.state) == ("invalid_scope", app.state)
    assert "this client may ask for" in (answer.error_description or "")
    assert api["identifier"].split("/")[2].split(".")[0] in (answer.error_description or "")


@spec("RFC 7591", "2")
def test_a_registration_with_open_scopes_is_answered_with_them(api: dict[str, Any]) -> None:
    read, write, admin = scopes(api)
    information = registered(scope=f"openid {read} {admin}")
    assert information["scope"] == f"openid {read}"
    assert manage("GET", information).json()["scope"] == information["scope"]
    body = replaceable(information, scope=f"{write} {admin}")
    assert manage("PUT", information, body=body).json()["scope"] == write


@spec("RFC 7591", "5")
def test_an_initial_access_token_that_names_scopes_limits_its_clients_to_them(
    browser: Browser, user: EndUser, api: dict[str, Any]
) -> None:
    read, _write, admin = scopes(api)
    limited = registered(initial_token(scopes=["openid"]), scope=f"openid {read}")
    assert limited["scope"] == "openid"
    app = RelyingParty(as_client(limited), browser, user)
    assert app.answer(app.visit(scope=read, resource=api["identifier"])).error == "invalid_scope"
    opened = registered(initial_token(scopes=["openid", admin]), scope=f"openid {admin} {read}")
    assert opened["scope"] == f"openid {admin}"
    app = RelyingParty(as_client(opened), browser, user)
    assert app.tokens(scope=None, resource=api["identifier"])["scope"] == admin


@spec("RFC 6749", "3.3")
def test_an_operators_client_gets_what_the_operator_gave_it(
    browser: Browser, user: EndUser, api: dict[str, Any]
) -> None:
    read, _write, admin = scopes(api)
    app = RelyingParty(make_client(scope=f"openid {admin}"), browser, user)
    asked = {"scope": f"openid {read} {admin}", "resource": api["identifier"]}
    assert app.tokens(**asked)["scope"] == admin


@spec("OIDC Discovery", "3")
def test_discovery_lists_what_such_a_client_can_get(provider: object) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/oauth-authorization-server", verify=False).json()
    information = registered(grant_types=GRANTS)
    # device_sso is listed while an operator has given it to an app; none gets it by itself.
    assert set(facts["scopes_supported"]) - {"device_sso"} == set(information["scope"].split())
