"""Clients that come with a statement of an issuer whom the operator trusts. RFC 7591 §2.3."""

import time

from idp.models import Client, Event
from tests.assertions import make_key
from tests.elsewhere import Elsewhere
from tests.registering import as_client, manage, register, registered, replaceable
from tests.relying_party import Browser, EndUser, RelyingParty, spec
from tests.statements import ISSUER, PATH, renew_keys, statement

CALLBACK = "https://baker.example/callback"
STATED = {
    "client_name": "Certified bakery",
    "redirect_uris": [CALLBACK],
    "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    "software_version": "2.2",
}


@spec("RFC 7591", "3.1.1")
def test_what_is_stated_goes_before_what_the_client_says(
    browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    now = int(time.time())
    signed = statement(**STATED, iat=now, nbf=now, exp=now + 60, jti="1", sub="anything")
    information = registered(
        software_statement=signed,
        client_name="Another bakery",
        software_id="mine",
        policy_uri="https://rp.example.com/privacy",
        **{"client_name#de": "Eine andere Bäckerei"},
    )
    assert {name: information[name] for name in STATED} == STATED
    assert information["software_statement"] == signed  # unmodified (§3.2.1)
    assert information["policy_uri"] == "https://rp.example.com/privacy"
    assert "client_name#de" not in information
    assert manage("GET", information).json() == {
        name: value for name, value in information.items() if "client_secret" not in name
    }
    event = Event.objects.get(kind=Event.Kind.REGISTERED, client_id=information["client_id"])
    assert event.details["software_statement"] == ISSUER
    app = RelyingParty(as_client(information), browser, user)
    assert "Certified bakery" in app.visit().text


@spec("RFC 7592", "2.2")
def test_a_replacement_sends_its_statement_again_or_is_without(provider: object) -> None:
    soon = int(time.time()) - 28  # so that it has expired a moment from now
    information = registered(software_statement=statement(**STATED, exp=soon))
    time.sleep(3)
    kept = manage("PUT", information, body=replaceable(information, client_name="My own words"))
    assert kept.status_code == 200, kept.text
    assert kept.json()["client_name"] == STATED["client_name"]
    another = statement(**(STATED | {"client_name": "Certified café"}))
    body = replaceable(information, software_statement=another)
    newer = manage("PUT", information, body=body).json()
    assert (newer["client_name"], newer["software_statement"]) == ("Certified café", another)
    body = replaceable(information, software_statement=None, client_name="My own words")
    without = manage("PUT", information, body=body).json()
    assert without["client_name"] == "My own words"
    assert "software_statement" not in without
    event = Event.objects.filter(client_id=information["client_id"]).latest("id")
    assert event.details["changes"]["software_statement"] == [ISSUER, ""]
    assert Client.objects.get(client_id=information["client_id"]).software_statement == ""


@spec("RFC 7591", "3.2.2")
def test_an_issuer_that_was_not_named(provider: object) -> None:
    for stranger in ("https://other.example", f"{ISSUER}/", None, 1, [ISSUER]):
        response = register(software_statement=statement(iss=stranger))
        assert response.status_code == 400
        assert response.json()["error"] == "unapproved_software_statement"


@spec("RFC 7517", "5")
def test_an_issuer_may_change_its_keys(provider: object, foreign_site: Elsewhere) -> None:
    registered(software_statement=statement())
    new = make_key()
    renew_keys(foreign_site, new)
    asked = foreign_site.times(PATH)
    for _ in range(3):
        registered(software_statement=statement(new))
    assert foreign_site.times(PATH) == asked + 1
