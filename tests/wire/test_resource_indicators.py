"""Which API an access token is for. RFC 8707, RFC 9068 §3."""

from typing import Any

import pytest

from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    make_api,
    make_client,
    spec,
    verified,
)

GRANTS = ["authorization_code", "refresh_token"]


@pytest.fixture
def bakery() -> dict[str, Any]:
    return make_api()


@pytest.fixture
def bank() -> dict[str, Any]:
    return make_api(access_token_lifetime=120)


@pytest.fixture
def app(browser: Browser, user: EndUser, bakery: dict[str, Any], bank: dict[str, Any]):
    """A website that may use both APIs."""
    scope = " ".join(["openid", "email", "offline_access", *bakery["scopes"], *bank["scopes"]])
    client = make_client(grant_types=GRANTS, scope=scope)
    relying_party = RelyingParty(client, browser, user)
    relying_party.scope = scope
    return relying_party


def refused(response: Any) -> bool:
    return response.status_code == 400 and response.json()["error"] == "invalid_target"


@spec("RFC 8707", "2.1")
@pytest.mark.parametrize(
    "resource",
    ["https://unknown.example.com", "/relative", "https://a.example.com/#fragment", "x", "ü"],
)
def test_an_unknown_resource_is_refused_by_authorize(app, bakery, resource: str) -> None:
    answer = app.answer(app.visit(resource=[bakery["identifier"], resource]))
    assert (answer.error, answer.state, answer.code) == ("invalid_target", app.state, None)


@spec("RFC 8707", "2.1")
def test_an_identifier_is_compared_as_it_is(app, bakery) -> None:
    for other in (bakery["identifier"] + "/", bakery["identifier"].upper()):
        assert app.answer(app.visit(resource=other)).error == "invalid_target"


@spec("RFC 8707", "2.2")
def test_an_unknown_resource_is_refused_by_token_and_the_code_stays(app, bakery) -> None:
    code = app.authorize(scope=app.scope).code
    assert refused(app.exchange(code, resource="https://unknown.example.com"))
    assert app.exchange(code, resource=bakery["identifier"]).status_code == 200


@spec("RFC 8707", "2.2")
def test_the_resource_of_the_authorization_is_the_tokens(app, bakery) -> None:
    tokens = app.tokens(scope=app.scope, resource=bakery["identifier"])
    assert verified(tokens["access_token"])["aud"] == bakery["identifier"]


@spec("RFC 8707", "2.2")
def test_one_that_the_authorization_did_not_name_is_refused(app, bakery, bank) -> None:
    code = app.authorize(scope=app.scope, resource=bakery["identifier"]).code
    assert refused(app.exchange(code, resource=bank["identifier"]))
    assert refused(app.exchange(code, resource=[bakery["identifier"], bank["identifier"]]))
    assert app.exchange(code).status_code == 200


@spec("RFC 8707", "2.2")
def test_an_authorization_that_named_none_is_for_any(app, bank) -> None:
    code = app.authorize(scope=app.scope).code
    tokens = app.exchange(code, resource=bank["identifier"]).json()
    assert verified(tokens["access_token"])["aud"] == bank["identifier"]


@spec("RFC 8707", "2")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_several_resources_at_once(app, bakery, bank, method: str) -> None:
    both = [bakery["identifier"], bank["identifier"]]
    parameters = app.parameters(scope=app.scope, resource=both)
    sent = {"params": parameters} if method == "GET" else {"data": parameters}
    page = app.browser.settle(app.browser.request(method, "/authorize", **sent))
    tokens = app.exchange(app.go_on(page).code).json()
    claims = verified(tokens["access_token"])
    assert claims["aud"] == both
    assert set(claims["scope"].split()) == {*bakery["scopes"], *bank["scopes"]}
    assert tokens["expires_in"] == 120  # the shorter of the two


@spec("RFC 8707", "2.2")
def test_a_subset_for_each_token_of_one_authorization(app, bakery, bank) -> None:
    both = [bakery["identifier"], bank["identifier"]]
    code = app.authorize(scope=app.scope, resource=both).code
    first = app.exchange(code, resource=bakery["identifier"]).json()
    second = app.refresh(first["refresh_token"], resource=bank["identifier"]).json()
    third = app.refresh(second["refresh_token"]).json()
    audiences = [verified(tokens["access_token"])["aud"] for tokens in (first, second, third)]
    assert audiences == [*both, both]


@spec("RFC 8707", "2.2")
def test_a_refresh_for_a_resource_not_named_is_refused_and_costs_nothing(app, bakery, bank) -> None:
    tokens = app.tokens(scope=app.scope, resource=bakery["identifier"])
    assert refused(app.refresh(tokens["refresh_token"], resource=bank["identifier"]))
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@spec("RFC 8707", "3")
def test_a_token_has_the_scopes_of_its_api_alone(app, bakery) -> None:
    tokens = app.tokens(scope=app.scope, resource=bakery["identifier"])
    assert tokens["scope"].split() == bakery["scopes"]
    assert verified(tokens["access_token"])["scope"].split() == bakery["scopes"]
    # The user is still told about, in the ID token.
    assert verified(tokens["id_token"])["sub"] == app.user.sub


@spec("RFC 9068", "3")
def test_apis_that_want_different_tokens_are_asked_for_one_by_one(app, bakery) -> None:
    opaque = make_api(access_token_format="opaque", scopes=[])
    both = [bakery["identifier"], opaque["identifier"]]
    code = app.authorize(scope=app.scope, resource=both).code
    assert refused(app.exchange(code))
    tokens = app.exchange(code, resource=opaque["identifier"]).json()
    assert tokens["access_token"].count(".") == 0


@spec("RFC 8707", "2")
@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_token_for_an_api_opens_nothing_at_userinfo(app, form: str) -> None:
    api = make_api(access_token_format=form, scopes=[])
    tokens = app.tokens(scope=app.scope, resource=api["identifier"])
    response = app.userinfo(tokens["access_token"])
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


# --- a client for itself ------------------------------------------------------------------------


@pytest.fixture
def machine(browser: Browser, user: EndUser, bakery, bank) -> RelyingParty:
    """A client without a user that may use both APIs."""
    client = make_client(
        grant_types=["client_credentials"],
        response_types=[],
        redirect_uris=None,
        scope=" ".join(["openid", *bakery["scopes"], *bank["scopes"]]),
    )
    return RelyingParty(client, browser, user)


def ask(machine: RelyingParty, **parameters: Any):
    return machine.token(grant_type="client_credentials", **parameters)


@spec("RFC 6749", "4.4")
def test_a_client_gets_a_token_for_itself(machine, bakery) -> None:
    tokens = ask(machine, resource=bakery["identifier"]).json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope"}
    claims = verified(tokens["access_token"])
    assert claims["sub"] == claims["client_id"] == machine.client.client_id
    assert claims["aud"] == bakery["identifier"]
    assert claims["scope"].split() == bakery["scopes"]
    assert not {"auth_time", "acr", "amr"} & set(claims)


@spec("RFC 6749", "3.3")
def test_a_client_may_ask_for_some_of_its_scopes(machine, bakery, bank) -> None:
    assert ask(machine, scope=bank["scopes"][0]).json()["scope"] == bank["scopes"][0]
    everything = ask(machine).json()["scope"].split()
    assert everything == sorted([*bakery["scopes"], *bank["scopes"]])


@spec("RFC 6749", "4.4")
@pytest.mark.parametrize("scope", ["openid", "another:scope", "offline_access"])
def test_a_client_has_no_users_scopes_and_none_of_others(machine, scope: str) -> None:
    assert ask(machine, scope=scope).json()["error"] == "invalid_scope"


@spec("RFC 8707", "2.2")
def test_a_client_is_told_that_a_resource_is_unknown(machine) -> None:
    assert refused(ask(machine, resource="https://unknown.example.com"))


@spec("RFC 6749", "3.3")
def test_nobody_is_asked_to_agree_to_a_token_that_would_open_nothing(app) -> None:
    """Before any page: the client's request is at fault, whoever the user is."""
    api = make_api()
    answer = app.answer(app.visit(scope=app.scope, resource=api["identifier"]))
    assert (answer.error, answer.state) == ("invalid_scope", app.state)


@spec("RFC 8707", "2.2")
def test_nobody_is_asked_for_scopes_of_an_api_that_no_token_could_have(app, bakery, bank) -> None:
    page = app.browser.sign_in(app.user, app.visit(scope=app.scope, resource=bakery["identifier"]))
    assert bakery["scopes"][0] in page.text
    assert bank["scopes"][0] not in page.text
    tokens = app.exchange(app.answer(app.browser.submit(page, "allow")).code).json()
    assert tokens["scope"].split() == bakery["scopes"]


@spec("RFC 8707", "2.2")
def test_apis_that_want_different_tokens_get_none_from_the_authorization_endpoint(
    browser: Browser, user: EndUser, bakery
) -> None:
    opaque = make_api(access_token_format="opaque")
    scope = " ".join(["openid", *bakery["scopes"], *opaque["scopes"]])
    kinds = {"grant_types": ["implicit"], "response_types": ["token"]}
    app = RelyingParty(make_client(scope=scope, **kinds), browser, user)
    both = [bakery["identifier"], opaque["identifier"]]
    page = app.visit(scope=scope, resource=both, response_type="token")
    assert "error=invalid_target" in page.headers["Location"]


@spec("RFC 6749", "3.3")
def test_without_a_scope_a_client_gets_what_it_may_ask_of_the_api(app, bakery, bank) -> None:
    tokens = app.tokens(scope=None, resource=bakery["identifier"])
    assert tokens["scope"].split() == bakery["scopes"]
    assert "id_token" not in tokens
    both = [bakery["identifier"], bank["identifier"]]
    tokens = app.tokens(scope=None, resource=both)
    assert set(tokens["scope"].split()) == {*bakery["scopes"], *bank["scopes"]}
    assert app.tokens(scope=None)["scope"] == "openid"


@spec("RFC 6749", "3.3")
def test_without_a_scope_an_api_that_has_none_is_named_all_the_same(app) -> None:
    api = make_api(scopes=[])
    tokens = app.tokens(scope=None, resource=api["identifier"])
    assert verified(tokens["access_token"])["aud"] == api["identifier"]
    assert "scope" not in tokens
