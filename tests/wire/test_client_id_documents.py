"""Clients whose client_id is the address of a document that describes them."""

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from idp import policy
from idp.models import Client, Event
from tests.assertions import assertion_of, form_of, jwks_of, make_key
from tests.elsewhere import Elsewhere, answering
from tests.introducing import introduced, let_go_stale, publish
from tests.registering import REDIRECT_URI
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    spec,
)

CIMD = "OAuth Client ID Metadata Document"
DAY = timedelta(days=1)


def row_of(party: RelyingParty) -> Client:
    return Client.objects.get(client_id=party.client.client_id)


def path_of(party: RelyingParty) -> str:
    return "/" + party.client.client_id.rpartition("/")[2]


@pytest.fixture
def party(browser: Browser, user: EndUser, foreign_site: Elsewhere) -> RelyingParty:
    """An app that introduces itself by a document, and was never here."""
    return RelyingParty(introduced(foreign_site), browser, user)


@spec(CIMD, "5")
def test_an_app_that_nobody_registered_signs_users_in(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    page = party.browser.sign_in(party.user, party.visit(scope="openid email"))
    assert is_page(page, "/consent")
    assert f"localhost:{foreign_site.port}" in page.text  # whose it is (§8.5)
    assert "on your device" not in page.text
    answer = party.answer(party.browser.submit(page, "allow"))
    tokens = party.exchange(answer.code).json()
    assert party.userinfo(tokens["access_token"]).json()["email"] == party.user.email
    assert party.answer(party.visit(scope="openid email")).code
    assert foreign_site.times(path_of(party)) == 1
    row = row_of(party)
    assert (row.profile, row.skip_authorization) == ("recommended", False)
    event = Event.objects.get(kind=Event.Kind.REGISTERED, client_id=row.client_id)
    assert event.details["redirect_hosts"] == ["rp.example.com"]


@spec(CIMD, "8.2")
def test_an_app_that_proves_itself_with_a_key(
    browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    key = make_key()
    client = introduced(
        foreign_site, token_endpoint_auth_method="private_key_jwt", jwks=jwks_of(key)
    )
    party = RelyingParty(client, browser, user)
    code = party.authorize().code
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": party.code_verifier,
    }
    bare = httpx.post(f"{ISSUER}/token", data={**form, "client_id": client.client_id}, verify=False)
    assert bare.json()["error"] == "invalid_client"
    proof = form_of(assertion_of(client, key))
    assert "access_token" in httpx.post(f"{ISSUER}/token", data=form | proof, verify=False).json()


def test_what_a_document_says_to_other_providers(
    browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    """It is one for all of them; a program on a device comes with whatever port it got."""
    client = introduced(
        foreign_site,
        redirect_uris=["http://127.0.0.1/callback"],
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:device_code", {}],
        response_types=["code", "id_token token"],
        scope="openid mcp:tools",
        token_endpoint_auth_method=None,
    )
    party = RelyingParty(client, browser, user)
    uri = "http://127.0.0.1:40123/callback"
    page = browser.sign_in(user, party.visit(redirect_uri=uri, scope="openid email"))
    assert "on your device" in page.text
    row = row_of(party)
    assert (row.grant_types, row.response_types) == (["authorization_code"], ["code"])
    assert (row.is_public, row.scopes) == (True, [])
    without = party.visit(redirect_uri=uri, code_challenge=None, code_challenge_method=None)
    assert "error=invalid_request" in without.headers["Location"]


@spec(CIMD, "8.4")
def test_a_changed_document_changes_the_app_and_not_what_the_operator_decided(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    party.authorize()
    before = row_of(party)
    before.required_acr, before.scopes = policy.ACR_VALUES[0], ["openid", "email"]
    before.save()
    uri = "https://new.example.com/callback"
    publish(foreign_site, party.client, redirect_uris=[uri], client_name="New", scope="openid")
    assert is_error_page(party.visit())  # until the document is looked at again
    let_go_stale(party.client)
    consent = party.visit()
    assert "<bdi>New</bdi>" in consent.text
    assert party.answer(party.browser.submit(consent, "allow")).code
    assert is_error_page(party.visit(redirect_uri=REDIRECT_URI))
    after = row_of(party)
    assert (after.name, after.redirect_uris) == ("New", [uri])
    assert (after.required_acr, after.scopes) == (before.required_acr, before.scopes)
    assert after.version > before.version
    event = Event.objects.filter(client_id=after.client_id, kind=Event.Kind.CHANGED).latest("id")
    assert event.details["changes"]["redirect_uris"] == [[REDIRECT_URI], [uri]]


@spec(CIMD, "5.2")
def test_a_document_is_looked_at_again_when_it_may_have_changed(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    party.authorize()
    version = row_of(party).version
    hour = {"Cache_Control": "public, max-age=4000", "Age": "400"}
    for headers, seconds in ((hour, 3600), ({"Cache_Control": "no-store"}, 300), ({}, 300)):
        publish(foreign_site, party.client, headers=headers)
        let_go_stale(party.client)
        assert party.answer(party.visit()).code
        left = row_of(party).cimd_expires_at - timezone.now()
        assert seconds - 30 < left.total_seconds() <= seconds
    assert row_of(party).version == version  # nothing new was said
    assert foreign_site.times(path_of(party)) == 4


@spec(CIMD, "5.1")
def test_a_server_that_is_silent_for_a_while_keeps_nobody_out(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    party.authorize()
    foreign_site.pages[path_of(party)] = answering(b"", status=503)
    let_go_stale(party.client, fetched=DAY - timedelta(hours=1))
    asked = foreign_site.times(path_of(party))
    for _ in range(3):
        assert party.answer(party.visit()).code
    assert foreign_site.times(path_of(party)) == asked + 1  # once a minute
    let_go_stale(party.client, fetched=DAY)
    assert is_error_page(party.visit())
    assert is_error_page(party.visit())
    publish(foreign_site, party.client)
    assert party.answer(party.visit()).code  # no error is remembered


@spec(CIMD, "5.1")
def test_a_document_that_is_gone_or_says_nothing_usable_any_more(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    party.authorize()
    let_go_stale(party.client)
    path = path_of(party)
    for gone in (answering(b"", status=410), answering(b"{}"), answering(b"{", status=200)):
        foreign_site.pages[path] = gone
        assert is_error_page(party.visit())
    publish(foreign_site, party.client)
    assert party.answer(party.visit()).code


def test_what_an_operator_disabled_stays_so_and_is_not_fetched(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    party.authorize()
    row = row_of(party)
    row.enabled = False
    row.save()
    let_go_stale(party.client)
    publish(foreign_site, party.client, client_name="New")
    assert is_error_page(party.visit())
    assert not row_of(party).enabled
    assert foreign_site.times(path_of(party)) == 1


@spec(CIMD, "7.2")
def test_an_address_that_an_operator_registered_is_not_fetched(
    browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    client_id = f"{foreign_site.address}/registered"
    assert RelyingParty(make_client(client_id=client_id), browser, user).authorize().code
    assert foreign_site.times("/registered") == 0


def test_only_the_authorization_endpoint_fetches(
    party: RelyingParty, foreign_site: Elsewhere
) -> None:
    client_id = party.client.client_id
    form = {"client_id": client_id, "token": "x", "code": "x", "grant_type": "authorization_code"}
    for path in ("/token", "/introspect", "/revoke", "/end_session"):
        answer = httpx.post(f"{ISSUER}{path}", data=form, verify=False)
        assert answer.status_code in {400, 401}
    assert foreign_site.times(path_of(party)) == 0
