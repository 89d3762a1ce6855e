"""A consent holds to what users were shown: the app, the API, the program on their device.

OIDC Core §3.1.2.4, RFC 7592 §2.2, RFC 8707 §2, RFC 8252 §8.6.
"""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from idp.declaration import apply
from idp.models import Client, Consent
from tests.elsewhere import Elsewhere
from tests.introducing import introduced, let_go_stale, publish
from tests.registering import as_client, manage, registered, replaceable
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_api,
    make_client,
    spec,
    verified,
)

HOST = "https://rp.example.com/callback"
CHANGES: dict[str, dict[str, Any]] = {
    "name": {"client_name": "Bakery"},
    "name in a language": {"client_name#de": "Bäckerei"},
    "logo": {"logo_uri": "https://rp.example.com/logo.png"},
    "another host": {"redirect_uris": [HOST, "https://evil.example/callback"]},
}
NO_CHANGES: dict[str, dict[str, Any]] = {
    "another path": {"redirect_uris": [HOST, "https://rp.example.com/other"]},
    "contacts": {"contacts": ["ops@example.com"]},
}


def is_asked(party: RelyingParty, **parameters: Any) -> bool:
    """Whether the user is asked; a silent request then has its error."""
    silently = party.answer(party.visit(prompt="none", **parameters))
    asked = is_page(party.visit(**parameters), "/consent")
    assert (silently.error == "consent_required") == asked
    assert bool(silently.code) != asked
    return asked


@spec("RFC 7592", "2.2")
@pytest.mark.parametrize("change", [*CHANGES, *NO_CHANGES])
def test_an_app_that_changes_what_users_are_shown_of_it_is_agreed_to_anew(
    browser: Browser, user: EndUser, change: str
) -> None:
    information = registered(token_endpoint_auth_method="none")
    party = RelyingParty(as_client(information), browser, user)
    party.authorize(scope="openid email")
    assert not is_asked(party, scope="openid email")
    changed = {**CHANGES, **NO_CHANGES}[change]
    body = replaceable(information, **changed)
    assert manage("PUT", information, body=body).status_code == 200
    assert is_asked(party) == (change in CHANGES)
    party.authorize()
    assert not is_asked(party)
    # What was allowed to the app as it was, is not allowed to what it is now.
    assert is_asked(party, scope="openid email") == (change in CHANGES)


@spec("RFC 7592", "2.2")
def test_what_it_had_is_told_and_tokens_go_on(browser: Browser, user: EndUser) -> None:
    information = registered(
        grant_types=["authorization_code", "refresh_token"], token_endpoint_auth_method="none"
    )
    party = RelyingParty(as_client(information), browser, user)
    tokens = party.tokens(scope="openid offline_access")
    assert "has changed its name" not in browser.open("/account/apps/").text
    manage("PUT", information, body=replaceable(information, client_name="Bank"))
    page = browser.open("/account/apps/")
    assert "has changed its name" in page.text
    assert party.refresh(tokens["refresh_token"]).status_code == 200
    party.authorize(scope="openid offline_access")
    assert "has changed its name" not in browser.open("/account/apps/").text


@spec("OAuth Client ID Metadata Document", "5.2")
@pytest.mark.parametrize("change", ["name", "another host"])
def test_so_is_one_whose_document_says_otherwise(
    browser: Browser, user: EndUser, foreign_site: Elsewhere, change: str
) -> None:
    party = RelyingParty(introduced(foreign_site), browser, user)
    party.authorize()
    assert not is_asked(party)
    publish(foreign_site, party.client, **CHANGES[change])
    let_go_stale(party.client)
    assert is_asked(party)


def test_operators_vouch_for_what_they_enter(relying_party: RelyingParty) -> None:
    relying_party.authorize()
    for change in CHANGES.values():
        apply({"clients": [{**relying_party.client.metadata, **change}]}, dry_run=False)
        assert not is_asked(relying_party)


@spec("OIDC Core", "3.1.2.4")
def test_an_app_that_changes_while_its_page_is_open_is_shown_again(
    browser: Browser, user: EndUser
) -> None:
    information = registered(token_endpoint_auth_method="none")
    party = RelyingParty(as_client(information), browser, user)
    page = browser.sign_in(user, party.visit())
    manage("PUT", information, body=replaceable(information, client_name="Your bank"))
    again = browser.submit(page, "allow")
    assert is_page(again, "/consent")
    assert "Your bank" in again.text
    assert not Consent.objects.filter(user__sub=user.sub).exists()
    assert party.answer(browser.submit(again, "allow")).code


# --- APIs ---------------------------------------------------------------------------------------


def of_api(response: httpx.Response) -> bool:
    return response.status_code == 400 and response.json()["error"] == "invalid_target"


@spec("RFC 8707", "2")
@pytest.mark.parametrize("kind", ["registered", "document"])
def test_an_api_without_scopes_is_not_open_to_apps_that_registered_themselves(
    browser: Browser, user: EndUser, foreign_site: Elsewhere, kind: str
) -> None:
    """They would get a token that opens all of it, while the page says that they see nothing."""
    api = make_api(scopes=[])["identifier"]
    client = (
        as_client(registered(token_endpoint_auth_method="none"))
        if kind == "registered"
        else introduced(foreign_site)
    )
    party = RelyingParty(client, browser, user)
    assert party.answer(party.visit(resource=api)).error == "invalid_target"
    assert of_api(party.exchange(party.authorize().code, resource=api))
    apply(
        {"resource_servers": [{"identifier": api, "scopes": [], "open_to_self_registered": True}]},
        dry_run=False,
    )
    page = party.visit(resource=api)
    assert is_page(page, "/consent")
    assert f"In your name at {api.removeprefix('https://')}" in page.text
    assert "nothing else about you" not in page.text
    tokens = party.exchange(party.go_on(page).code).json()
    assert verified(tokens["access_token"])["aud"] == api


@spec("RFC 8707", "2")
def test_the_page_names_every_api_and_a_new_one_is_asked_for(
    browser: Browser, user: EndUser
) -> None:
    bank, bakery = make_api(scopes=[], name="Bank"), make_api(name="Bakery")
    client = make_client(scope=" ".join(["openid", *bakery["scopes"]]))
    party = RelyingParty(client, browser, user)
    party.authorize()
    page = party.visit(resource=bank["identifier"])
    assert is_page(page, "/consent")
    assert f"In your name at Bank ({bank['identifier'].removeprefix('https://')})" in page.text
    assert "Bakery" not in page.text
    party.go_on(page)
    assert not is_asked(party, resource=bank["identifier"])
    with_scope = {"scope": " ".join(["openid", *bakery["scopes"]])}
    assert "In your name at Bakery" in party.visit(**with_scope).text
    party.authorize(**with_scope)
    # The scope was agreed to, and what it belongs to was named: now also as the audience.
    page = party.visit(**with_scope, resource=[api["identifier"] for api in (bank, bakery)])
    assert is_page(page, "/consent")
    apps = browser.open("/account/apps/").text
    assert "In your name at Bank" in apps
    assert "In your name at Bakery" in apps


@spec("RFC 8707", "2.2")
def test_an_api_without_scopes_has_to_be_named_to_the_user(browser: Browser, user: EndUser) -> None:
    bank = make_api(scopes=[])["identifier"]
    party = RelyingParty(make_client(), browser, user)
    code = party.authorize().code
    assert of_api(party.exchange(code, resource=bank))
    assert party.exchange(code).status_code == 200
    own = RelyingParty(make_client(first_party=True), browser, user)
    assert own.exchange(own.authorize().code, resource=bank).status_code == 200


# --- programs on a device -----------------------------------------------------------------------


@spec("RFC 8252", "8.6")
@pytest.mark.parametrize("kind", ["registered", "entered"])
def test_another_program_of_the_device_is_asked_about(
    browser: Browser, user: EndUser, kind: str
) -> None:
    native = {
        "redirect_uris": ["http://127.0.0.1/callback"],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
    }
    client = as_client(registered(**native)) if kind == "registered" else make_client(**native)

    def at(port: int) -> RelyingParty:
        uri = f"http://127.0.0.1:{port}/callback"
        listening = replace(client, metadata={**client.metadata, "redirect_uris": [uri]})
        return RelyingParty(listening, browser, user)

    page = browser.sign_in(user, at(51004).visit())
    assert "a program on your device" in page.text
    at(51004).go_on(page)
    assert not is_asked(at(51004))
    assert is_asked(at(51005))
    at(51005).authorize()
    assert not is_asked(at(51005))
    assert not is_asked(at(51004))
    for port in range(40000, 40025):
        at(port).authorize()
    consent = Consent.objects.get(client__client_id=client.client_id)
    assert consent.loopback_ports == list(range(40005, 40025)), "a bounded list, the newest kept"


def test_a_consent_of_before_is_kept_for_apps_of_operators(returning: RelyingParty) -> None:
    client = Client.objects.get(client_id=returning.client.client_id)
    consent = Consent.objects.get(client=client)
    assert (client.display_fingerprint, consent.display_fingerprint) == ("", "")
    assert not is_asked(returning)
