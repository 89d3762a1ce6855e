"""Findings about an app: what its page says, and what only a button fetches."""

import html
import json
from dataclasses import replace

from jwcrypto.jwk import JWK

from idp.models import Client
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import Browser, EndUser, Registered, RelyingParty, make_client


def page_of(client: Registered) -> str:
    return f"idp/client/{Client.objects.get(client_id=client.client_id).pk}/findings/"


def test_a_near_miss_is_found_before_anybody_calls(
    support: Operator, relying_party: RelyingParty
) -> None:
    relying_party.visit(redirect_uri="https://rp.example.com/callback/")
    relying_party.visit(redirect_uri="https://evil.example/callback")
    stranger = replace(relying_party.client, secret="wrong" * 10)
    for _try in range(3):
        RelyingParty(stranger, relying_party.browser, relying_party.user).exchange("x")
    app = page_of(relying_party.client).replace("findings", "change")
    assert f'href="/admin/{page_of(relying_party.client)}"' in support.open(app).text
    text = html.unescape(support.open(page_of(relying_party.client)).text)
    assert (
        "https://rp.example.com/callback/ is not registered: requests with it were rejected" in text
    )
    assert "The path ends with / in one and not in the other." in text
    assert "evil.example" not in text
    assert "without PKCE" in text
    assert "A wrong secret came 3 times" in text
    assert "Go to the field" not in text
    assert events_of(support) == []


def test_requests_without_pkce_are_found(
    support: Operator, browser: Browser, user: EndUser
) -> None:
    bare = {"code_challenge": None, "code_challenge_method": None}
    client = make_client(profile="recommended")
    relying_party = RelyingParty(client, browser, user)

    def text() -> str:
        return html.unescape(support.open(page_of(client)).text)

    relying_party.authorize(**bare, nonce=None)
    assert "Requests without PKCE were rejected (times lately: 1)" in text()
    assert "An app with a secret may send a nonce" in text()
    assert "only a nonce tells it" not in text()
    assert relying_party.authorize(**bare).code
    assert "only a nonce tells it" in text()
    assert relying_party.authorize().code
    assert "Requests without PKCE" not in text(), "it has learned PKCE since"


def test_what_no_rule_allows_any_more_is_found(operator: Operator) -> None:
    client = make_client()
    Client.objects.filter(client_id=client.client_id).update(
        redirect_uris=["http://rp.example.com/callback"], scopes=["openid", "gone"]
    )
    text = html.unescape(operator.open(page_of(client)).text)
    assert "could not be saved: http://rp.example.com/callback: It starts with http://" in text
    assert "could not be saved: Not offered here: gone." in text
    assert "#id_redirect_uris" in text


def test_addresses_are_asked_at_the_press_of_a_button_alone(
    support: Operator, foreign_site: Elsewhere
) -> None:
    key = JWK.generate(kty="RSA", size=2048, use="enc").export_public(as_dict=True)
    address = foreign_site.says("/keys-for-nothing", json.dumps({"keys": [key]}).encode())
    client = make_client(token_endpoint_auth_method="private_key_jwt", jwks_uri=address)
    page = support.open(page_of(client))
    assert foreign_site.times("/keys-for-nothing") == 0
    pressed = support.browser.submit(page, "fetch")
    assert foreign_site.times("/keys-for-nothing") == 1
    assert "No key there can be used for client authentication." in pressed.text
    foreign_site.says("/keys-for-nothing", json.dumps({"keys": [{**key, "use": "sig"}]}).encode())
    assert "This works" in support.browser.submit(pressed, "fetch").text
    Client.objects.filter(client_id=client.client_id).update(jwks_uri="https://10.0.0.1/jwks")
    refused = support.browser.submit(page, "fetch")
    assert "This fails" in refused.text
    assert "10.0.0.1" in refused.text
