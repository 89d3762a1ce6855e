"""Sign-ins elsewhere: requests, the user's page, polls and pings. OIDC CIBA."""

import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from idp.authorization import backchannel_notices
from idp.models import BackchannelNotification, Client, Event, Grant
from idp.protocol.vocabulary import CIBA
from tests.asking import METADATA, Desk, make_asking_client
from tests.assertions import make_key, make_key_client, sign
from tests.elsewhere import Elsewhere, answering
from tests.elsewhere import running as running_elsewhere
from tests.registering import initial_token, register
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    is_page,
    mailed_link,
    make_user,
    make_user_with_app,
    spec,
    unique,
    verified,
    was_mailed,
)

MULTI_FACTOR = "urn:signet:acr:multi-factor"
#: Of the specification's examples.
NOTIFICATION_TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"


@pytest.fixture
def desk(provider: object, user: EndUser) -> Desk:
    return Desk(user)


@pytest.fixture
def signed_in(browser: Browser, user: EndUser) -> Browser:
    browser.sign_in(user)
    return browser


@spec("OIDC CIBA", "7.1")
@spec("OIDC CIBA", "7.3")
@spec("OIDC CIBA", "10.1.1")
def test_from_the_request_to_the_tokens(desk: Desk, user: EndUser, browser: Browser) -> None:
    """The way by the mail's link, which asks to sign in first."""
    response = desk.send(scope="openid email")
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == {"auth_req_id", "expires_in", "interval"}
    assert (desk.asked["expires_in"], desk.asked["interval"]) == (600, 5)
    assert desk.error() == "authorization_pending"

    link = mailed_link(user.email)
    assert link == f"{ISSUER}{desk.page}"
    assert was_mailed(user.email, "Message: W4SCT")
    login = browser.open(link)
    assert is_page(login, "/account/login/")
    page = browser.sign_in(user, login)
    assert is_page(page, desk.page)
    assert all(words in page.text for words in ("Helpdesk", "W4SCT", user.email))
    assert "Helpdesk" in browser.open("/account/").text
    done = browser.submit(page, "approve")
    assert "You let <bdi>Helpdesk</bdi> sign you in" in done.text
    assert desk.page not in browser.open("/account/").text

    tokens = desk.tokens()
    claims = verified(tokens["id_token"])
    assert (claims["sub"], claims["aud"]) == (user.sub, desk.client.client_id)
    assert claims["email"] == user.email
    assert {"auth_time", "acr", "amr", "at_hash", "sid"} <= set(claims)
    # OIDC CIBA §10.3.1: these two are of push, which is not offered.
    assert not [name for name in claims if name.startswith("urn:openid:params:jwt:claim:")]
    assert desk.party.userinfo(tokens["access_token"]).json()["email"] == user.email
    assert desk.error() == "invalid_grant"  # it works once, …
    assert desk.party.userinfo(tokens["access_token"]).status_code == 200  # … and nothing ends
    kinds = ("sign-in-asked", "sign-in-approved")
    found = Event.objects.filter(client_id=desk.client.client_id, kind__in=kinds)
    assert [event.kind for event in found.order_by("pk")] == list(kinds)
    activity = browser.open("/account/activity/").text
    assert "You let" in activity
    assert "asked you to sign in" in activity


@spec("OIDC CIBA", "7.1")
@spec("OIDC CIBA", "7.1.1")
@spec("OIDC CIBA", "10.1")
@pytest.mark.parametrize("signed", [False, True])
def test_the_examples_of_the_specification(provider: object, user: EndUser, signed: bool) -> None:
    """Its parameters, with hints that are offered here, and a key that the client has."""
    key = make_key()
    metadata = {"backchannel_authentication_request_signing_alg": "ES256"} if signed else {}
    client = make_key_client(key, **{**METADATA, **metadata}, scope="openid email")
    desk, now = Desk(user, client), int(time.time())
    example = {
        "scope": "openid email example-scope",
        "client_notification_token": NOTIFICATION_TOKEN,
        "binding_message": "W4SCT",
        "login_hint": user.email,
    }
    if signed:
        times = {"exp": now + 600, "iat": now, "nbf": now - 600}
        of_jwt = {
            "iss": client.client_id,
            "aud": ISSUER,
            "jti": unique("4LTCqACC2ESC5BWCnN3j58EnA"),
        }
        sent = dict.fromkeys(example) | {
            "request": sign({**of_jwt, **times, **example, "requested_expiry": 120}, key)
        }
        desk.asks(**sent)
        assert desk.asked["expires_in"] == 120
    else:
        desk.asks(**example)
    assert desk.row.scopes == {"openid", "email"}
    assert desk.row.binding_message == "W4SCT"
    assert desk.error() == "authorization_pending"


@spec("OIDC CIBA", "10.2")
@pytest.mark.parametrize("button", ["approve", "deny"])
def test_ping(
    provider: object, user: EndUser, signed_in: Browser, foreign_site: Elsewhere, button: str
) -> None:
    """After both answers, with retries, and never by a redirect."""
    path = f"/{unique('cb')}"
    address = foreign_site.says(path, b"")
    client = make_asking_client(
        backchannel_token_delivery_mode="ping", backchannel_client_notification_endpoint=address
    )
    desk = Desk(user, client).asks(client_notification_token=NOTIFICATION_TOKEN)
    call_command("worker", "--once")
    assert foreign_site.forms(path) == []
    desk.answered(signed_in, button)
    foreign_site.pages[path] = answering(b"", status=307, Location=f"{foreign_site.address}/x")
    call_command("worker", "--once")
    [row] = BackchannelNotification.objects.filter(authentication=desk.row)
    assert (row.state, "307" in row.last_problem) == ("waiting", True)
    foreign_site.pages[path] = answering(b"", status=204)
    BackchannelNotification.objects.filter(pk=row.pk).update(due_at=timezone.now())
    call_command("worker", "--once")
    assert foreign_site.forms(path) == [{"auth_req_id": desk.asked["auth_req_id"]}] * 2
    headers = [sent for asked, sent in foreign_site.asked if asked == path][-1]
    assert headers["Authorization"] == f"Bearer {NOTIFICATION_TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert foreign_site.times("/x") == 0
    if button == "approve":
        assert desk.tokens()["id_token"]
    else:
        assert desk.error() == "access_denied"


def test_push(provider: object, user: EndUser, settings: Any) -> None:
    """The operator’s push service is told whom to notify, and where the user answers."""
    with running_elsewhere(None) as service:
        settings.IDP_PUSH_URL = service.says("/push", b"")
        settings.IDP_PUSH_TOKEN = "of-the-push-service"
        desk = Desk(user).asks(binding_message="Desk 4711")
        backchannel_notices.plan_push(desk.row)  # as the server does that has this setting
        call_command("worker", "--once")
        [sent] = service.forms("/push")
        [(_path, headers)] = service.asked
    assert headers["Authorization"] == "Bearer of-the-push-service"
    assert sent["url"] == f"{ISSUER}{desk.page}"
    assert (sent["email"], sent["sub"]) == (user.email, user.sub)
    assert (sent["client_name"], sent["binding_message"]) == ("Helpdesk", "Desk 4711")
    assert desk.asked["auth_req_id"] not in str(sent)


@spec("OIDC CIBA", "11")
def test_what_polls_say(desk: Desk, signed_in: Browser, user: EndUser) -> None:
    desk.asks(requested_expiry="1")
    assert desk.asked["expires_in"] == 30
    pending = desk.poll(waits=False)
    assert (pending.status_code, pending.headers["Cache-Control"]) == (400, "no-store")
    assert set(pending.json()) == {"error", "error_description"}
    assert pending.json()["error"] == "authorization_pending"
    assert desk.error(waits=False) == "slow_down"
    assert desk.row.interval == 10  # for all polls that follow
    desk.change(last_checked=timezone.now() - timedelta(seconds=6))
    assert desk.error(waits=False) == "slow_down"
    assert desk.row.interval == 15
    assert desk.error(waits=True) == "authorization_pending"
    denials = Event.objects.filter(client_id=desk.client.client_id, kind="denied")
    assert not denials.exists()
    desk.change(expires=timezone.now())
    assert desk.error() == "expired_token"
    assert "This is over" in signed_in.open(desk.page).text
    refused = signed_in.post(desk.page, data={"answer": "approve"})
    assert refused.status_code in {303, 302, 403}
    assert desk.error() == "expired_token"

    other = Desk(user, desk.client).asks()
    assert "Nobody was let in" in other.answered(signed_in, "deny").text
    assert other.error() == "access_denied"
    spelled = f"grant_type={CIBA}&auth%5Freq%5Fid={other.asked['auth_req_id']}"
    assert sent_as_it_is(other, spelled).json()["error"] == "access_denied"
    for unknown in ({"auth_req_id": "x" * 43}, {"auth_req_id": "ü"}):
        assert other.error(waits=False, **unknown) == "invalid_grant"
    assert other.error(waits=False, auth_req_id=None) == "invalid_request"


def sent_as_it_is(desk: Desk, body: str) -> httpx.Response:
    """Send a body to the token endpoint in a spelling of its own."""
    client = desk.client
    return httpx.post(
        f"{ISSUER}/token",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=(client.client_id, client.secret or ""),
        verify=False,
    )


@spec("OIDC CIBA", "7.2")
@spec("OIDC CIBA", "13")
def test_requests_that_are_refused(desk: Desk, user: EndUser) -> None:
    ping = make_asking_client(
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint="https://rp.example.com/cb",
    )
    for error, sent in [
        ("invalid_request", {"scope": None}),
        ("invalid_scope", {"scope": "email"}),
        ("invalid_request", {"login_hint": None}),
        ("invalid_request", {"id_token_hint": "x"}),
        ("invalid_request", {"login_hint": None, "id_token_hint": "x.y.z"}),
        ("invalid_request", {"login_hint": None, "login_hint_token": "x.y.z"}),
        ("unknown_user_id", {"login_hint": "Ana Müller"}),
        ("invalid_request", {"requested_expiry": "soon"}),
        ("invalid_request", {"requested_expiry": "0"}),
        ("invalid_request", {"request": "x.y.z"}),
        ("invalid_target", {"resource": "https://unknown.example.com"}),
        ("invalid_binding_message", {"binding_message": "x" * 101}),
    ]:
        assert desk.refused(**sent) == error, sent
    for token in (None, "short", "with a space in it, and long enough", "x" * 1025):
        assert Desk(user, ping).refused(client_notification_token=token) == "invalid_request"
    machine = make_asking_client(grant_types=["client_credentials"])
    assert Desk(user, machine).refused() == "unauthorized_client"
    assert (
        httpx.post(f"{ISSUER}/bc-authorize", data={"scope": "openid"}, verify=False).status_code
        == 401
    )
    assert httpx.get(f"{ISSUER}/bc-authorize", verify=False).status_code == 405


@spec("OIDC CIBA", "7.1")
def test_hints(desk: Desk, user: EndUser, signed_in: Browser) -> None:
    desk.asks(login_hint=user.email.upper()).answered(signed_in)
    id_token = desk.tokens()["id_token"]
    by_sub = Desk(user, desk.client).asks(login_hint=user.sub)
    by_token = Desk(user, desk.client).asks(login_hint=None, id_token_hint=id_token)
    assert by_sub.row.user == by_token.row.user == User.objects.get(email=user.email)
    assert by_sub.row.named == by_token.row.named == desk.row.named
    stranger = Desk(user)
    assert stranger.refused(login_hint=None, id_token_hint=id_token) == "invalid_request"
    pairwise = Desk(
        user,
        make_asking_client(
            subject_type="pairwise",
            backchannel_token_delivery_mode="ping",
            backchannel_client_notification_endpoint="https://rp.example.com/cb",
        ),
    )
    sent = {"client_notification_token": NOTIFICATION_TOKEN}
    pairwise.asks(**sent).answered(signed_in)
    sub = verified(pairwise.tokens()["id_token"])["sub"]
    assert sub != user.sub
    assert Desk(user, pairwise.client).asks(login_hint=sub, **sent).row.user is not None
    assert Desk(user, pairwise.client).asks(login_hint=user.sub, **sent).row.user is None


def test_levels_and_recent_sign_ins(provider: object, browser: Browser) -> None:
    user = make_user_with_app()
    desk = Desk(user).asks(acr_values=f"unknown {MULTI_FACTOR}")
    browser.sign_in(user)
    session = Session.objects.filter(user__email=user.email).latest("created_at")
    Session.objects.filter(pk=session.pk).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )
    page = browser.open(desk.page)
    assert 'id="approve"' not in page.text
    assert 'id="deny"' in page.text  # a no takes no sign-in
    browser.post(desk.page, data={"answer": "approve", "csrfmiddlewaretoken": token_on(page)})
    assert desk.error() == "authorization_pending"
    page = browser.sign_in(user, browser.open("/account/login/", fresh="1", next=desk.page))
    browser.submit(page, "approve")
    claims = verified(desk.tokens()["id_token"])
    assert (claims["acr"], claims["amr"]) == (MULTI_FACTOR, ["mfa", "otp", "pwd"])

    strict = Desk(user, make_asking_client(required_acr="phr")).asks()
    page = browser.open(strict.page)
    assert 'id="approve"' not in page.text
    assert "/account/two-steps/passkeys/new/" in page.text


def token_on(page: httpx.Response) -> str:
    return page.text.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]


def test_the_session_is_its_own(user: EndUser, signed_in: Browser) -> None:
    """It outlives the browser's, is listed among devices, and ends with signing out everywhere."""
    client = make_asking_client(
        grant_types=[CIBA, "refresh_token"], scope="openid offline_access profile"
    )
    desks = [Desk(user, client).asks(scope="openid offline_access") for _ in range(2)]
    for desk in desks:
        desk.answered(signed_in)
    first, second = (desk.tokens() for desk in desks)
    party = desks[0].party
    assert "Helpdesk on a device" in signed_in.open("/account/sessions/").text
    apps = signed_in.open("/account/apps/")
    assert "Remove <bdi>Helpdesk</bdi>" in apps.text
    signed_in.submit(signed_in.open("/account/logout/"))
    assert party.userinfo(first["access_token"]).status_code == 200
    row = User.objects.get(email=user.email)
    end_sessions(row.sessions.select_related("user").filter(ended_at=None), Ending.NOT_ME)
    for tokens in (first, second):
        assert party.userinfo(tokens["access_token"]).status_code == 401
        assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_what_ends_between_approval_and_poll(user: EndUser, signed_in: Browser) -> None:
    desk = Desk(user).asks()
    desk.answered(signed_in)
    Grant.objects.filter(pk=desk.row.grant_id).update(revoked_at=timezone.now())
    assert desk.error() == "invalid_grant"
    for_bakers = make_asking_client()
    closed = Desk(user, for_bakers).asks()
    Client.objects.filter(client_id=for_bakers.client_id).update(allowed_groups=["bakers"])
    assert "may not use" in signed_in.open(closed.page).text


def test_another_account_sees_nothing(desk: Desk, browser: Browser) -> None:
    desk.asks()
    browser.sign_in(make_user())
    page = browser.get(desk.page)
    assert page.status_code == 404
    assert "Helpdesk" not in page.text
    assert browser.get("/account/requests/x/").text.count("another account") == page.text.count(
        "another account"
    )
    browser.post(desk.page, data={"answer": "approve"})
    assert desk.error() == "authorization_pending"


@spec("OIDC CIBA", "4")
def test_registration(provider: object) -> None:
    members: dict[str, Any] = {
        "grant_types": [CIBA],
        "response_types": [],
        "redirect_uris": None,
        "backchannel_token_delivery_mode": "ping",
        "backchannel_client_notification_endpoint": "https://rp.example.com/cb",
    }
    token = initial_token(grant_types=[CIBA])
    assert register(token, **members).json()["backchannel_token_delivery_mode"] == "ping"
    for wrong in (
        {"backchannel_token_delivery_mode": "push"},
        {"backchannel_client_notification_endpoint": "ftp://rp.example.com/cb"},
        {"backchannel_client_notification_endpoint": "https://rp.example.com/cb#x"},
        {"backchannel_client_notification_endpoint": None},
        {"backchannel_user_code_parameter": True},
        {"backchannel_authentication_request_signing_alg": "HS256"},
        {"backchannel_authentication_request_signing_alg": "ES256"},  # without keys
        {"token_endpoint_auth_method": "none"},
        {"subject_type": "pairwise", "backchannel_token_delivery_mode": "poll"},
    ):
        response = register(token, **{**members, **wrong})
        assert response.status_code == 400, wrong
        assert response.json()["error"] == "invalid_client_metadata"
