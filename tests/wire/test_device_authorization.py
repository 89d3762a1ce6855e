"""The device authorization grant. RFC 8628."""

import re
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from accounts.models import Session, User
from idp import policy
from idp.clients.enabled_grants import EnabledGrants
from idp.endpoints.metadata import provider_metadata
from idp.housekeeping import expire, walk
from idp.logout import client_sessions
from idp.models import Client, DeviceCode, Event, Grant
from idp.protocol.vocabulary import DEVICE_CODE
from idp.registration.policies import open_permit
from tests.devices import PAGE, Device, approve, make_device_client, type_code
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    make_api,
    make_client,
    make_user,
    spec,
    verified,
    was_mailed,
)

DEVICES, LOGIN = "/account/sessions/", "/account/login/"


@pytest.fixture
def device(provider: object) -> Device:
    return Device()


def end(browser: Browser, page: httpx.Response, what: str) -> None:
    """Press a button on the page of devices."""
    form = next(form for form in forms_of(page) if not form.action and form.fields)
    browser.settle(browser.post(DEVICES, data={**form.fields, "end": what}))


def as_party(device: Device, browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(device.client, browser, user)


@spec("RFC 8628", "3.2")
def test_the_response_has_both_codes(device: Device) -> None:
    response = device.ask()
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    asked = response.json()
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", asked["user_code"])
    assert asked["verification_uri"] == f"{ISSUER}{PAGE}"
    assert asked["verification_uri_complete"] == f"{ISSUER}{PAGE}?user_code={asked['user_code']}"
    assert (asked["expires_in"], asked["interval"]) == (600, 5)
    stored = str(DeviceCode.objects.filter(pk=device.row.pk).values().get())
    assert asked["device_code"] not in stored
    assert asked["user_code"].replace("-", "") not in stored


@spec("RFC 8628", "3.3")
def test_a_user_lets_a_device_sign_in_and_signs_it_out(
    device: Device, browser: Browser, user: EndUser
) -> None:
    code = device.shows(scope="openid email")
    events = Event.objects.count()
    assert device.error(waits=False) == "authorization_pending"
    assert Event.objects.count() == events, "a poll is no event"

    page = browser.open(PAGE)
    assert is_page(page, LOGIN)
    assert is_page(browser.sign_in(user, page), PAGE)
    page = type_code(browser, f" {code.lower().replace('-', ' ')} ")
    for shown in (code, "Telly", user.email, device.address, "another network", "only if you"):
        assert shown in page.text, shown
    assert "Look at your device" in browser.submit(page, "approve").text

    tokens = device.tokens()
    assert set(tokens) >= {"access_token", "refresh_token", "id_token"}
    claims = verified(tokens["id_token"])
    assert (claims["sub"], claims["aud"]) == (user.sub, device.client.client_id)
    assert "nonce" not in claims
    assert claims["amr"] == ["pwd"]
    party = as_party(device, browser, user)
    assert party.userinfo(tokens["access_token"]).json()["email"] == user.email
    tokens = party.refresh(tokens["refresh_token"]).json()

    assert was_mailed(user.email, "A device signed in to your account")
    assert "You let a device sign in to" in browser.open("/account/activity/").text
    page = browser.open(DEVICES)
    assert "Telly" in page.text
    assert device.address in page.text
    [session] = Session.objects.filter(user__email=user.email, lasting=True)
    end(browser, page, session.pk)
    assert party.userinfo(tokens["access_token"]).status_code == 401
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert "Telly" not in browser.open(DEVICES).text


@spec("RFC 8628", "3.5")
def test_a_device_that_polls_too_often_is_slowed_down(device: Device) -> None:
    device.shows()
    errors = [device.error(waits=False) for _ in range(3)]
    assert errors == ["authorization_pending", "slow_down", "slow_down"]
    assert device.row.interval == 15
    seconds_ago = timezone.now() - timedelta(seconds=12)
    DeviceCode.objects.filter(pk=device.row.pk).update(last_checked=seconds_ago)
    assert device.error(waits=False) == "slow_down", "12 seconds are less than 15"
    DeviceCode.objects.filter(pk=device.row.pk).update(last_checked=seconds_ago, interval=12)
    assert device.error(waits=False) == "authorization_pending"


@spec("RFC 8628", "3.5")
def test_a_no_is_brought_to_the_device(device: Device, browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    code = device.shows()
    page = browser.submit(type_code(browser, code), "deny")
    assert "nothing about you was passed on" in page.text
    assert device.error() == "access_denied"
    assert "is wrong, was used before" in type_code(browser, code).text
    assert not Grant.objects.filter(user__email=user.email).exists()
    kinds = set(Event.objects.filter(user__email=user.email).values_list("kind", flat=True))
    assert {"device-denied", "device-code-wrong"} <= kinds


@spec("RFC 8628", "3.5")
@pytest.mark.parametrize("approved", [True, False])
def test_codes_expire(device: Device, browser: Browser, user: EndUser, approved: bool) -> None:
    code = device.shows()
    if approved:
        approve(browser, user, code)
    else:
        browser.sign_in(user)
    DeviceCode.objects.filter(pk=device.row.pk).update(expires=timezone.now())
    assert device.error() == "expired_token"
    assert "has expired" in type_code(browser, code).text


@spec("RFC 9700", "4.14")
def test_a_second_redemption_revokes_what_the_first_gave(
    device: Device, browser: Browser, user: EndUser
) -> None:
    approve(browser, user, device.shows())
    tokens = device.tokens()
    assert device.error() == "invalid_grant"
    assert as_party(device, browser, user).userinfo(tokens["access_token"]).status_code == 401


@spec("RFC 8628", "3.4")
def test_a_code_is_of_its_client(device: Device, browser: Browser, user: EndUser) -> None:
    other = Device()
    approve(browser, user, device.shows())
    other.asked = device.asked
    assert other.error() == "invalid_grant"
    assert other.error(device_code=None) == "invalid_request"
    spelled = {"device%5Fcode": device.asked["device_code"], "grant_type": DEVICE_CODE}
    body = "&".join(f"{name}={value}" for name, value in spelled.items())
    named = f"{body}&client_id={other.client.client_id}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{ISSUER}/token", content=named, headers=form, verify=False)
    assert answer.json()["error"] == "invalid_grant"
    assert other.error(device_code="x" * 43) == "invalid_grant"
    assert device.tokens()


@spec("RFC 8628", "3.1")
def test_requests_that_are_refused(device: Device) -> None:
    plain = Device(make_client(token_endpoint_auth_method="none"))
    assert plain.ask().json()["error"] == "unauthorized_client"
    plain.asked = {"device_code": "x" * 43}
    assert plain.error(waits=False) == "unauthorized_client"
    confidential = Device(make_device_client(token_endpoint_auth_method="client_secret_basic"))
    assert confidential.ask().status_code == 200
    confidential.client.secret = "x" * 43
    assert confidential.ask().status_code == 401
    polled = confidential.row.last_checked
    assert confidential.poll(waits=False).json()["error"] == "invalid_client"
    assert confidential.row.status == DeviceCode.AUTHORIZATION_PENDING
    assert polled is None
    assert device.ask(scope="telepathy").json()["error"] == "invalid_scope"
    assert device.ask(resource="https://nowhere.example").json()["error"] == "invalid_target"
    assert device.ask(client_id="nobody").json()["error"] == "invalid_client"


@spec("RFC 8707", "2")
def test_tokens_for_an_api(device: Device, browser: Browser, user: EndUser) -> None:
    api = make_api()
    device.client = make_device_client(scope=f"openid {api['scopes'][0]}")
    code = device.shows(scope=api["scopes"][0], resource=api["identifier"])
    approve(browser, user, code)
    tokens = device.tokens()
    party = as_party(device, browser, user)
    assert party.userinfo(tokens["access_token"]).status_code == 401, "it is for the API"
    assert tokens["scope"] == api["scopes"][0]


@spec("RFC 8628", "5.4")
def test_a_user_is_asked_whatever_they_agreed_to_before(browser: Browser, user: EndUser) -> None:
    device = Device(make_device_client(first_party=True))
    approve(browser, user, device.shows())
    assert device.tokens()
    assert "Approve" in browser.open(PAGE, user_code=device.shows()).text
    assert device.error() == "authorization_pending"


@spec("RFC 6749", "4.1.2.1")
def test_the_apps_policy_applies(device: Device, browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    Client.objects.filter(client_id=device.client.client_id).update(allowed_groups=["bakers"])
    code = device.shows()
    page = type_code(browser, code)
    assert "may not use" in page.text
    assert 'value="approve"' not in page.text
    [form] = [form for form in forms_of(page) if "csrfmiddlewaretoken" in form.fields]
    data = {**form.fields, "answer": "approve", "shown_as": ""}
    assert "may not use" in browser.post(f"{PAGE}?user_code={code}", data=data).text
    assert device.error() == "authorization_pending"
    Client.objects.filter(client_id=device.client.client_id).update(
        allowed_groups=[], required_acr=policy.ACR_VALUES[1]
    )
    assert is_page(type_code(browser, code), "/account/two-steps/")


def test_whatever_ends_all_sessions_ends_the_devices(
    device: Device, browser: Browser, user: EndUser
) -> None:
    approve(browser, user, device.shows())
    tokens = device.tokens()
    end(browser, browser.open(DEVICES), "others")
    party = as_party(device, browser, user)
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_session_of_a_device_has_no_limits_and_ends_with_its_grant(
    device: Device, browser: Browser, user: EndUser
) -> None:
    approve(browser, user, device.shows())
    tokens = device.tokens()
    sessions = Session.objects.filter(user__email=user.email, lasting=True)
    long_ago = timezone.now() - timedelta(days=300)
    sessions.update(last_seen_at=long_ago, authenticated_at=long_ago, created_at=long_ago)
    expire(timezone.now())
    party = as_party(device, browser, user)
    assert party.userinfo(tokens["access_token"]).status_code == 200
    tokens = party.refresh(tokens["refresh_token"]).json()
    party.revoke(tokens["refresh_token"])
    assert "Telly" not in browser.open(DEVICES).text
    for _ in walk(timezone.now()):
        pass
    assert sessions.get().ended_at is not None


def test_an_operators_end_of_an_apps_sessions_signs_its_devices_out(
    device: Device, browser: Browser, user: EndUser
) -> None:
    approve(browser, user, device.shows())
    tokens = device.tokens()
    client = Client.objects.get(client_id=device.client.client_id)
    assert client_sessions.end_all_of(client, timezone.now()) == 1
    party = as_party(device, browser, user)
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@spec("RFC 8628", "4")
def test_discovery_and_registration_offer_it_where_it_is_enabled() -> None:
    name = "device_authorization_endpoint"
    assert name not in provider_metadata(EnabledGrants(("authorization_code",), ("code",)))
    enabled = provider_metadata(EnabledGrants((DEVICE_CODE,), ()))
    assert enabled[name] == f"{ISSUER}/device_authorization"
    assert DEVICE_CODE not in open_permit().grant_types


def test_a_user_without_a_name_enters_it(device: Device, browser: Browser) -> None:
    user = make_user(name="", given_name="", family_name="")
    browser.sign_in(user)
    page = type_code(browser, device.shows(scope="openid profile"))
    browser.submit(page, "approve", name="Ana Lima")
    tokens = device.tokens()
    assert as_party(device, browser, user).userinfo(tokens["access_token"]).json()["name"]
    assert User.objects.get(email=user.email).name == "Ana Lima"
