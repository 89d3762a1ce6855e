"""Pushed authorization requests. RFC 9126."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
import pytest
from django.utils import timezone

from foundation import rate_limits
from idp import policy
from idp.authorization import interactions, pushed_requests
from idp.models import Interaction
from tests.assertions import Signing, assertion_of, form_of, make_key, make_key_client
from tests.elsewhere import Elsewhere
from tests.introducing import introduced
from tests.registering import registered
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    spec,
    unique,
    verified,
)

KEY = make_key()
REQUIRED = "require_pushed_authorization_requests"


@pytest.fixture
def party(browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(make_client(), browser, user)


def push(party: RelyingParty, **overrides: Any) -> httpx.Response:
    return party.post("/par", **party.parameters(**overrides))


def pushed(party: RelyingParty, **overrides: Any) -> str:
    """Push a request, and return its request_uri."""
    response = push(party, **overrides)
    assert response.status_code == 201, response.text
    return response.json()["request_uri"]


def visit(party: RelyingParty, request_uri: str, **parameters: Any) -> httpx.Response:
    sent = {"client_id": party.client.client_id, "request_uri": request_uri, **parameters}
    return party.browser.settle(party.browser.get("/authorize", params=sent))


# --- the whole way ------------------------------------------------------------------------------


@spec("RFC 9126", "2.2")
def test_a_sign_in_with_a_pushed_request(party: RelyingParty) -> None:
    response = push(party, scope="openid email")
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == {"request_uri", "expires_in"}
    assert response.json()["expires_in"] == 90
    answer = party.go_on(visit(party, response.json()["request_uri"]))
    assert answer.state == party.state
    tokens = party.exchange(answer.code).json()
    assert verified(tokens["id_token"])["nonce"] == party.nonce
    assert tokens["scope"].split() == ["email", "openid"]


@spec("RFC 9126", "4")
def test_what_comes_beside_the_reference_is_ignored(party: RelyingParty) -> None:
    outside = {"scope": "openid email", "state": "another", "redirect_uri": "https://evil.example"}
    answer = party.go_on(visit(party, pushed(party), **outside))
    assert answer.state == party.state
    assert party.exchange(answer.code).json()["scope"] == "openid"


@pytest.mark.parametrize("method", ["none", "client_secret_post", "private_key_jwt"])
def test_each_kind_of_client_pushes(method: str, browser: Browser, user: EndUser) -> None:
    if method == "private_key_jwt":
        client = make_key_client(KEY)
    else:
        client = make_client(token_endpoint_auth_method=method)
    party = RelyingParty(client, browser, user)
    assert party.go_on(visit(party, pushed(party))).code


@spec("RFC 9126", "2")
def test_an_assertion_may_be_for_the_endpoint(browser: Browser, user: EndUser) -> None:
    client = make_key_client(KEY)
    party = RelyingParty(client, browser, user)
    for audience in (ISSUER, f"{ISSUER}/token", f"{ISSUER}/par"):
        form = {**party.parameters(), **form_of(assertion_of(client, KEY, aud=audience))}
        response = httpx.post(f"{ISSUER}/par", data=form, verify=False)
        assert response.status_code == 201, (audience, response.text)


@spec("RFC 9126", "3")
def test_a_signed_request_is_pushed(browser: Browser, user: EndUser) -> None:
    client = make_key_client(KEY, require_signed_request_object=True)
    party = RelyingParty(client, browser, user)
    signing = Signing(party, KEY)
    response = party.post("/par", request=signing.object(), scope="openid email")
    assert response.status_code == 201, response.text
    answer = party.go_on(visit(party, response.json()["request_uri"]))
    assert party.exchange(answer.code).json()["scope"] == "openid"
    assert push(party).json()["error"] == "invalid_request"
    forged = Signing(party, make_key()).object()
    assert party.post("/par", request=forged).json()["error"] == "invalid_request_object"


def test_a_client_with_a_document_pushes_first(
    browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    client = introduced(foreign_site)
    party = RelyingParty(client, browser, user)
    assert party.go_on(visit(party, pushed(party))).code


def test_a_page_of_the_client_pushes(party: RelyingParty) -> None:
    client = make_client(
        token_endpoint_auth_method="none", redirect_uris=["https://spa.example.com/callback"]
    )
    spa = RelyingParty(client, party.browser, party.user)
    strange = f"https://{unique('strange')}.example"
    for origin, allowed in (("https://spa.example.com", True), (strange, False)):
        response = spa.post("/par", {"Origin": origin}, **spa.parameters())
        assert ("Access-Control-Allow-Origin" in response.headers) is allowed


# --- a reference --------------------------------------------------------------------------------


@spec("RFC 9126", "7.3")
def test_a_reference_works_once(party: RelyingParty) -> None:
    request_uri = pushed(party)
    assert party.go_on(visit(party, request_uri)).code
    assert is_error_page(visit(party, request_uri))
    assert is_error_page(visit(party, request_uri))


@spec("FAPI 2.0 Security Profile", "5.3.2.2")
def test_a_visit_does_not_use_a_reference_up(party: RelyingParty) -> None:
    """Programs that look at links, a reload and a second tab come before the user has signed in."""
    request_uri = pushed(party)
    with Browser() as program:
        strangers = RelyingParty(party.client, program, party.user)
        assert is_page(visit(strangers, request_uri), "/account/login/")
    assert is_page(visit(party, request_uri), "/account/login/")
    assert party.go_on(visit(party, request_uri)).code
    assert is_error_page(visit(party, request_uri))


def test_an_error_uses_a_reference_up(party: RelyingParty) -> None:
    request_uri = pushed(party, prompt="none")
    answer = party.browser.get(
        "/authorize", params={"client_id": party.client.client_id, "request_uri": request_uri}
    )
    assert "error=login_required" in answer.headers["Location"]
    assert is_error_page(visit(party, request_uri))


def test_the_visitor_may_sign_in_and_reload_meanwhile(party: RelyingParty) -> None:
    page = visit(party, pushed(party))
    assert is_page(page, "/account/login/")
    again = party.browser.get(str(page.url))
    assert is_page(again, "/account/login/")
    assert party.go_on(again).code


@spec("RFC 9126", "2.2")
def test_a_reference_expires(party: RelyingParty) -> None:
    request_uri = pushed(party)
    row = Interaction.objects.get(pushed_as=request_uri.removeprefix(pushed_requests.PREFIX))
    earlier = timezone.now() - policy.PUSHED_REQUEST_LIFETIME - timedelta(seconds=1)
    Interaction.objects.filter(pk=row.pk).update(arrived_at=earlier)
    assert is_error_page(visit(party, request_uri))


@spec("RFC 9126", "2.2")
def test_a_reference_is_for_its_client_alone(party: RelyingParty) -> None:
    request_uri = pushed(party)
    other = RelyingParty(make_client(), party.browser, party.user)
    assert is_error_page(visit(other, request_uri))
    assert party.go_on(visit(party, request_uri)).code


@pytest.mark.parametrize("rest", ["", "x", "A" * 43, "\N{SNOWMAN}", "A" * 5000])
def test_references_that_were_never_given(party: RelyingParty, rest: str) -> None:
    assert is_error_page(visit(party, pushed_requests.PREFIX + rest))


def test_a_reference_is_no_interaction(party: RelyingParty) -> None:
    handle = pushed(party).removeprefix(pushed_requests.PREFIX)
    assert is_error_page(party.browser.get("/authorize", params={"interaction": handle}))


def test_visitors_without_an_address_crowd_out_no_reference(
    party: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pushed request has no IP address, and neither have those of unknown visitors."""
    request_uri = pushed(party)
    monkeypatch.setattr(policy, "INTERACTIONS_PER_ADDRESS", 0)
    interactions._make_room(None)
    assert party.go_on(visit(party, request_uri)).code


def test_of_many_uses_at_once_one_succeeds(party: RelyingParty) -> None:
    party.authorize()
    request_uri, together = pushed(party), Barrier(8)
    cookies = dict(party.browser.cookies)

    def use(_: int) -> int:
        together.wait()
        sent = {"client_id": party.client.client_id, "request_uri": request_uri}
        return httpx.get(
            f"{ISSUER}/authorize", params=sent, cookies=cookies, verify=False
        ).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(use, range(8)))
    assert statuses.count(303) == 1, statuses
    assert set(statuses) <= {303, 200, 400}, "answered before: our page, or a used reference"


# --- refusals -----------------------------------------------------------------------------------


@spec("RFC 9126", "2.3")
@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"redirect_uri": "https://evil.example/callback"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": "telepathy"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "nothing-known"}, "invalid_scope"),
        ({"request_uri": f"{pushed_requests.PREFIX}{'A' * 43}"}, "invalid_request"),
        ({"request_uri": "https://rp.example.com/request.jwt"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
        ({"client_id": "another"}, "invalid_request"),
    ],
)
def test_a_bad_request_is_refused_at_once(
    party: RelyingParty, overrides: dict[str, Any], error: str
) -> None:
    response = push(party, **overrides)
    assert response.status_code == 400, response.text
    assert response.json()["error"] == error


@spec("RFC 9126", "2.1")
def test_a_client_with_a_secret_has_to_prove_itself(party: RelyingParty) -> None:
    response = httpx.post(f"{ISSUER}/par", data=party.parameters(), verify=False)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert httpx.get(f"{ISSUER}/par", verify=False).status_code == 405


@spec("RFC 9126", "7.1")
def test_who_needs_no_secret_cannot_push_any_number(party: RelyingParty) -> None:
    spa = RelyingParty(make_client(token_endpoint_auth_method="none"), party.browser, party.user)
    address = "198.51.100.126"
    for _ in range(pushed_requests.REQUESTS.allowed):
        rate_limits.count((pushed_requests.REQUESTS, address))
    response = spa.post("/par", {"X-Forwarded-For": address}, **spa.parameters())
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert pushed(spa)
    assert push(party).status_code == 201


# --- where it is required -----------------------------------------------------------------------


@spec("RFC 9126", "6")
def test_a_client_that_has_to_push(browser: Browser, user: EndUser) -> None:
    party = RelyingParty(make_client(**{REQUIRED: True}), browser, user)
    assert party.answer(party.visit()).error == "invalid_request"
    assert party.go_on(visit(party, pushed(party))).code


@spec("RFC 9126", "5")
def test_discovery_and_registration_know_it(provider: object) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    assert facts["pushed_authorization_request_endpoint"] == f"{ISSUER}/par"
    assert facts[REQUIRED] is False
    information = registered(**{REQUIRED: True})
    assert information[REQUIRED] is True
    assert registered()[REQUIRED] is False


# --- redirect URIs that are not registered ------------------------------------------------------


@spec("RFC 9126", "2.4")
def test_which_redirect_uris_may_be_pushed_where_an_operator_allows_it(
    party: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    from idp.models import Client
    from idp.protocol.parameters import Parameters

    secret = Client.objects.get(client_id=party.client.client_id)
    public = Client(client_id=unique("public"), token_endpoint_auth_method="none")

    def brought(client: Client, uri: str) -> str | None:
        return pushed_requests.pushed_uri(client, Parameters({"redirect_uri": uri}))

    new = "https://rp.example.com/new"
    assert brought(secret, new) is None
    monkeypatch.setattr(policy, "PUSHED_REDIRECT_URIS", True)
    assert brought(secret, new) == new
    assert brought(public, new) is None
    for bad in (f"{new}#x", "http://rp.example.com/", "javascript:alert(1)", "app.example:/x"):
        assert brought(secret, bad) is None, bad
