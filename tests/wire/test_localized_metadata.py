"""What an app is called in other languages. OIDC Dynamic Client Registration §2.1."""

import pytest

from idp.declaration import apply, entry_of
from idp.models import Client, ClientLogo
from tests.registering import document, registered, send
from tests.relying_party import Browser, EndUser, RelyingParty, make_client, spec, unique

IN_GERMAN = {
    "client_name#de": "Brotladen",
    "policy_uri#de-DE": "https://rp.example.com/datenschutz",
    "logo_uri#de": "https://de.example.com/logo.png",
}


@spec("OIDC Dynamic Client Registration", "2.1")
@pytest.mark.parametrize("language", ["de", "en"])
def test_pages_name_the_app_in_their_language(
    browser: Browser, user: EndUser, language: str
) -> None:
    client = make_client(client_name="Bread shop", **IN_GERMAN)
    digest = unique("digest")
    ClientLogo.objects.filter(client__client_id=client.client_id).update(digest=digest)
    relying_party = RelyingParty(client, browser, user)
    sign_in = relying_party.visit(ui_locales=language)
    consent = browser.sign_in(user, sign_in)
    for page in (sign_in, consent):
        german = language == "de"
        assert ("Brotladen" in page.text) == german
        assert ("Bread shop" in page.text) != german
        assert ("/datenschutz" in page.text) == german
        assert (f"/logo?digest={digest}" in page.text) == german


@spec("OIDC Dynamic Client Registration", "2.1")
def test_they_are_registered_and_echoed(provider: object) -> None:
    information = registered(**IN_GERMAN, **{"client_name#": "x", "client_id#de": "x"})
    assert IN_GERMAN.items() <= information.items()
    assert not {"client_name#", "client_id#de"} & set(information)


@spec("RFC 7591", "5")
@pytest.mark.parametrize(
    "member",
    [
        {"client_name#de": 1},
        {"client_name#de": None},
        {"client_name#de": "x\0"},
        {"client_name#de": "x" * 256},
        {"policy_uri#de": "javascript:alert(1)"},
        {"tos_uri#de": "x"},
        {"logo_uri#de": "https://x.example.com/" + "x" * 200},
        {f"client_name#en-x{number}": "x" for number in range(101)},
    ],
    ids=str,
)
def test_they_are_as_strict_as_what_they_stand_beside(
    provider: object, member: dict[str, object]
) -> None:
    response = send({**document(), **member})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_client_metadata")


def test_apply_and_export(database: object) -> None:
    client = make_client(**IN_GERMAN)
    entry = entry_of(Client.objects.get(client_id=client.client_id))
    assert IN_GERMAN.items() <= entry.items()
    assert apply({"clients": [entry]}, dry_run=False) == []
    (change,) = apply(
        {"clients": [{k: v for k, v in entry.items() if k != "client_name#de"}]}, dry_run=False
    )
    assert change.fields == {"client_name#de": ("Brotladen", None)}
