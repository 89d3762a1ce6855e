"""Apps of one company share a sign-in on a device. OIDC Native SSO."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from foundation.statements import hash_of
from idp.models import DeviceSecret, Event, Grant
from tests.exchanging import ACCESS_TOKEN, DEVICE_SECRET, EXCHANGE, ID_TOKEN
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

SCOPE = "openid email device_sso"


def make_app(group: str, **metadata: Any) -> Any:
    """Register one of a company's apps."""
    return make_client(
        token_endpoint_auth_method="none",
        application_type="native",
        redirect_uris=["com.example.app:/callback"],
        grant_types=["authorization_code", "refresh_token", EXCHANGE],
        first_party=True,
        native_sso_group=group,
        **metadata,
    )


class Device:
    """A device with two apps, of which the user has signed in to the first."""

    def __init__(self, browser: Browser, user: EndUser, group: str) -> None:
        self.first = RelyingParty(make_app(group), browser, user)
        self.second = RelyingParty(make_app(group, client_name="Maps"), browser, user)
        self.tokens = self.first.tokens(scope=SCOPE)

    def request(self, app: RelyingParty | None = None, **parameters: Any) -> httpx.Response:
        """Let an app ask for tokens with what the device has stored."""
        sent = {
            "subject_token": self.tokens["id_token"],
            "subject_token_type": ID_TOKEN,
            "actor_token": self.tokens["device_secret"],
            "actor_token_type": DEVICE_SECRET,
            "audience": ISSUER,
            **parameters,
        }
        return (app or self.second).token(grant_type=EXCHANGE, **sent)


@pytest.fixture
def device(browser: Browser, user: EndUser) -> Device:
    return Device(browser, user, unique("company"))


def hashed(secret: str) -> str:
    digest = hashlib.sha256(secret.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


@spec("OIDC Native SSO", "3")
@spec("OIDC Native SSO", "4")
def test_another_app_signs_its_user_in(device: Device) -> None:
    first = verified(device.tokens["id_token"])
    assert first["ds_hash"] == hashed(device.tokens["device_secret"])
    tokens = device.request(scope="openid email offline_access device_sso").json()
    claims = verified(tokens["id_token"])
    assert tokens["issued_token_type"] == ACCESS_TOKEN
    assert (claims["aud"], claims["sub"]) == (device.second.client.client_id, device.first.user.sub)
    assert claims["auth_time"] == first["auth_time"]
    assert claims["sid"] != first["sid"]
    assert claims["ds_hash"] == first["ds_hash"]
    assert tokens["device_secret"] == device.tokens["device_secret"]
    assert "offline_access" not in tokens["scope"]
    assert device.second.userinfo(tokens["access_token"]).json()["email"] == device.first.user.email
    [event] = Event.objects.filter(kind="token-exchanged", client_id=device.second.client.client_id)
    assert event.details["of_client"] == device.first.client.client_id
    assert "You were signed in to" in device.first.browser.open("/account/activity/").text
    # What comes with a refresh is bound to the secret that was sent, and no other is made.
    rows = DeviceSecret.objects.count()
    again = device.first.refresh(
        device.tokens["refresh_token"], device_secret=device.tokens["device_secret"]
    ).json()
    assert verified(again["id_token"])["ds_hash"] == first["ds_hash"]
    unbound = device.second.refresh(tokens["refresh_token"]).json()
    assert "ds_hash" not in verified(unbound["id_token"])
    assert DeviceSecret.objects.count() == rows
    # Everything ends with the session.
    device.first.browser.submit(device.first.browser.open("/account/logout/"))
    assert device.second.userinfo(unbound["access_token"]).status_code == 401
    assert device.second.refresh(unbound["refresh_token"]).json()["error"] == "invalid_grant"
    assert device.request().json()["error"] == "invalid_grant"


@spec("OIDC Native SSO", "4")
def test_what_is_of_another_device_user_or_company(device: Device) -> None:
    group = device.second.client.metadata["native_sso_group"]
    with Browser() as elsewhere:
        theirs = Device(elsewhere, make_user(), group)
    with Browser() as elsewhere:
        own = RelyingParty(device.first.client, elsewhere, device.first.user).tokens(scope=SCOPE)
    stranger = RelyingParty(make_app(unique("other")), device.first.browser, device.first.user)
    asks_users = make_client(
        token_endpoint_auth_method="none", grant_types=["authorization_code", EXCHANGE]
    )
    outside = RelyingParty(asks_users, device.first.browser, device.first.user)
    requires_a_passkey = make_app(group, required_acr="phr")
    strict = RelyingParty(requires_a_passkey, device.first.browser, device.first.user)
    attempts: list[tuple[str, RelyingParty | None, dict[str, Any]]] = [
        ("invalid_grant", None, {"actor_token": theirs.tokens["device_secret"]}),
        ("invalid_grant", None, {"subject_token": theirs.tokens["id_token"]}),
        # The same user and app, on another device: the session is another one.
        ("invalid_grant", None, {"actor_token": own["device_secret"]}),
        ("invalid_grant", None, {"subject_token": own["id_token"]}),
        ("invalid_grant", None, {"actor_token": "x" * 43}),
        ("invalid_grant", None, {"subject_token": device.tokens["id_token"][:-8] + "AAAAAAAA"}),
        ("invalid_grant", stranger, {}),
        ("invalid_grant", outside, {}),
        ("invalid_grant", strict, {}),
        ("invalid_scope", None, {"scope": "openid groups"}),
        ("invalid_target", None, {"audience": "https://other.example.com"}),
        ("invalid_request", None, {"audience": None}),
        ("invalid_request", None, {"subject_token_type": ACCESS_TOKEN}),
        ("invalid_request", None, {"requested_token_type": ID_TOKEN}),
    ]
    for error, app, parameters in attempts:
        response = device.request(app, **parameters)
        assert response.status_code == 400
        assert response.json()["error"] == error, (parameters, response.text)
    assert not Grant.objects.filter(client__client_id=requires_a_passkey.client_id).exists()
    assert device.request().status_code == 200


@spec("OIDC Native SSO", "4")
@pytest.mark.parametrize("ending", ["session", "grant", "user", "app"])
def test_it_ends_with_the_sign_in(device: Device, ending: str) -> None:
    secret = DeviceSecret.objects.get(secret_hash=hash_of(device.tokens["device_secret"]))
    grant = secret.grant
    match ending:
        case "session":
            end_sessions([Session.objects.get(pk=grant.session_id)], Ending.OPERATOR)
        case "grant":
            Grant.objects.filter(pk=grant.pk).update(revoked_at=timezone.now())
        case "user":
            grant.user.is_active = False
            grant.user.save()
        case "app":
            grant.client.enabled = False
            grant.client.save()
    assert device.request().json()["error"] == "invalid_grant"
