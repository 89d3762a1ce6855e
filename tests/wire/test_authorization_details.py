"""Rich Authorization Requests. RFC 9396."""

import json

import httpx
import pytest

from idp.models import Client, Event
from tests.asking import Desk, make_asking_client
from tests.assertions import Signing, make_key, make_key_client
from tests.detailing import make_type, payment, text
from tests.devices import Device, make_device_client, type_code
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

REFUSED = "invalid_authorization_details"


@pytest.fixture
def kind() -> str:
    return make_type()


@pytest.fixture
def party(kind: str, browser: Browser, user: EndUser) -> RelyingParty:
    client = make_client(
        authorization_details_types=[kind],
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        refresh_without_offline_access=True,
        access_token_format="jwt",
    )
    return RelyingParty(client, browser, user)


@spec("RFC 9396", "7")
@spec("RFC 9396", "9")
def test_users_read_what_they_agree_to_and_tokens_have_it(kind: str, party: RelyingParty) -> None:
    one, other = payment(kind), payment(kind, "3.00", reference="buns")
    page = party.visit(authorization_details=text(one, other))
    page = party.browser.sign_in(party.user, page)
    assert is_page(page, "/consent")
    assert "Pay 12.50 EUR to Bakery</bdi>" in page.text
    assert "Pay 3.00 EUR to Bakery for buns" in page.text
    tokens = party.exchange(party.go_on(page).code).json()
    assert tokens["authorization_details"] == [one, other]
    assert verified(tokens["access_token"])["authorization_details"] == [one, other]
    assert party.introspect(tokens["access_token"])["authorization_details"] == [one, other]
    event = Event.objects.get(client_id=party.client.client_id, kind=Event.Kind.CONSENTED)
    assert event.details["authorization_details_types"] == [kind]
    assert "Bakery" not in json.dumps(event.details)
    party.authorize(authorization_details=text(payment(kind, "9.00")))
    page = party.browser.open("/account/apps/")
    for words in ("Pay 3.00 EUR to Bakery for buns", "Pay 9.00 EUR to Bakery"):
        assert words in page.text  # the older tokens are still good


@spec("RFC 9396", "3")
def test_an_earlier_consent_is_for_exactly_the_same(kind: str, party: RelyingParty) -> None:
    one = payment(kind, times=1)
    party.authorize(authorization_details=text(one))
    again = party.visit(authorization_details=text(dict(reversed(one.items()))))
    assert party.answer(again).code
    assert party.answer(party.visit()).code  # and what has none is agreed to anyway
    for other in (
        [payment(kind, "12.51", times=1)],
        [one, payment(kind)],
        [payment(kind, times=2)],
        [payment(kind)],
    ):
        silent = party.answer(party.visit(authorization_details=text(*other), prompt="none"))
        assert silent.error == "consent_required"
        assert is_page(party.visit(authorization_details=text(*other)), "/consent")


def test_a_type_can_ask_each_time(browser: Browser, user: EndUser) -> None:
    kind = make_type(ask_each_time=True)
    party = RelyingParty(make_client(authorization_details_types=[kind]), browser, user)
    sent = text(payment(kind))
    assert party.authorize(authorization_details=sent).code
    assert is_page(party.visit(authorization_details=sent), "/consent")


@spec("RFC 9396", "6")
def test_tokens_are_narrowed_and_never_widened(kind: str, party: RelyingParty) -> None:
    one, other = payment(kind, times=1), payment(kind, "3.00")
    code = party.authorize(authorization_details=text(one, other)).code
    wider = party.exchange(code, authorization_details=text(payment(kind, "3.01")))
    assert wider.json()["error"] == REFUSED
    tokens = party.exchange(code, authorization_details=text(other)).json()
    assert tokens["authorization_details"] == [other]
    token = tokens["refresh_token"]
    for sent in (
        text(payment(kind, "12.51", times=1)),
        text({**one, "times": True}),  # in Python, 1 == True
        text({**one, "urgent": True}),
        text({name: value for name, value in one.items() if name != "times"}),
        text(one, payment(kind, "4.00")),
        text(one).replace("EUR", "USD"),
        "[]",
        "{",
    ):
        assert party.refresh(token, authorization_details=sent).json()["error"] == REFUSED, sent
    tokens = party.refresh(token, authorization_details=text({**one, "times": 1.0})).json()
    assert tokens["authorization_details"] == [one]
    tokens = party.refresh(tokens["refresh_token"]).json()
    assert tokens["authorization_details"] == [one, other]  # narrowing is for one access token
    Client.objects.filter(client_id=party.client.client_id).update(authorization_details_types=[])
    Client.objects.get(client_id=party.client.client_id).save()
    tokens = party.refresh(tokens["refresh_token"]).json()
    assert "authorization_details" not in tokens
    assert "authorization_details" not in verified(tokens["access_token"])


def test_a_grant_without_details_gets_none(kind: str, party: RelyingParty) -> None:
    tokens = party.tokens()
    assert "authorization_details" not in tokens
    assert "authorization_details" not in party.introspect(tokens["access_token"])
    asked = party.refresh(tokens["refresh_token"], authorization_details=text(payment(kind)))
    assert asked.json()["error"] == REFUSED


@spec("RFC 9396", "9.2")
def test_an_api_sees_what_concerns_it(kind: str, browser: Browser, user: EndUser) -> None:
    apis = [make_api(), make_api()]
    here, there = (api["identifier"] for api in apis)
    scopes = " ".join(("openid", *apis[0]["scopes"], *apis[1]["scopes"]))
    readers = [make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=[])]
    make_api(**apis[0], introspection_clients=[readers[0].client_id])
    client = make_client(authorization_details_types=[kind], scope=scopes)
    party = RelyingParty(client, browser, user)
    mine, others = payment(kind, locations=[here]), payment(kind, locations=[there])
    anywhere = payment(kind)
    sent = {"scope": scopes, "authorization_details": text(mine, others, anywhere)}
    tokens = party.tokens(**sent, resource=[here, there])
    assert tokens["authorization_details"] == [mine, others, anywhere]
    reader = RelyingParty(readers[0], browser, user)
    assert reader.introspect(tokens["access_token"])["authorization_details"] == [mine, anywhere]
    code = party.authorize(**sent, resource=[here, there]).code
    tokens = party.exchange(code, resource=here).json()
    assert tokens["authorization_details"] == [mine, anywhere]
    assert verified(tokens["access_token"])["authorization_details"] == [mine, anywhere]


@spec("RFC 9396", "3")
def test_a_request_can_be_pushed_or_signed(kind: str, browser: Browser, user: EndUser) -> None:
    key, one = make_key(), payment(kind)
    client = make_key_client(
        key, authorization_details_types=[kind], token_endpoint_auth_method="private_key_jwt"
    )
    party = RelyingParty(client, browser, user)
    refused = party.post("/par", **party.parameters(authorization_details="[1]"))
    assert refused.status_code == 400
    assert refused.json()["error"] == REFUSED
    pushed = party.post("/par", **party.parameters(authorization_details=text(one), scope="none"))
    sent = {"client_id": client.client_id, "request_uri": pushed.json()["request_uri"]}
    page = browser.settle(browser.get("/authorize", params=sent))
    tokens = party.exchange(party.go_on(page).code).json()
    assert tokens["authorization_details"] == [one]
    assert "id_token" not in tokens  # without a scope that it has, it is plain OAuth
    signing, other = Signing(party, key), payment(kind, "2.00")
    answer = signing.authorize(request=signing.object(authorization_details=[other]))
    assert party.exchange(answer.code).json()["authorization_details"] == [other]
    assert signing.error(signing.object(authorization_details=[{"type": 1}])) == REFUSED


def test_a_client_can_ask_for_itself(kind: str, party: RelyingParty) -> None:
    def ask(sent: str) -> httpx.Response:
        return party.token(grant_type="client_credentials", authorization_details=sent)

    answer = ask(text(payment(kind))).json()
    assert answer["authorization_details"] == [payment(kind)]
    assert verified(answer["access_token"])["authorization_details"] == [payment(kind)]
    assert ask(text(payment(make_type()))).json()["error"] == REFUSED


def test_a_device_can_ask(kind: str, browser: Browser, user: EndUser) -> None:
    device = Device(make_device_client(authorization_details_types=[kind]))
    assert device.ask(authorization_details=text({"type": kind})).json()["error"] == REFUSED
    code = device.shows(authorization_details=text(payment(kind)))
    page = browser.sign_in(user, type_code(browser, code))
    assert "Pay 12.50 EUR to Bakery" in page.text
    browser.submit(page, "approve")
    assert device.tokens()["authorization_details"] == [payment(kind)]


def test_a_user_elsewhere_can_be_asked(kind: str, browser: Browser, user: EndUser) -> None:
    desk = Desk(user, make_asking_client(authorization_details_types=[kind]))
    assert desk.refused(authorization_details=text(payment(kind, "1"))) == REFUSED
    desk.asks(authorization_details=text(payment(kind)))
    page = browser.sign_in(user, browser.open(desk.page))
    assert "Pay 12.50 EUR to Bakery" in page.text
    browser.submit(page, "approve")
    assert desk.tokens()["authorization_details"] == [payment(kind)]


@spec("RFC 9396", "10")
def test_discovery_names_the_types(kind: str, browser: Browser) -> None:
    from idp.clients import enabled_grants
    from idp.endpoints.metadata import provider_metadata

    enabled_grants._known = None
    supported = provider_metadata(enabled_grants.enabled_grants())
    assert kind in supported["authorization_details_types_supported"]
