"""Attacks on sign-ins elsewhere: floods, guesses, messages, replays, theft. OIDC CIBA §14."""

import time
from typing import Any

from django.core.management import call_command

from foundation.models import Mail, RateCount
from idp.models import BackchannelAuthentication, BackchannelNotification
from idp.protocol.vocabulary import CIBA
from tests.asking import METADATA, Desk, make_asking_client
from tests.assertions import make_key, make_key_client, sign
from tests.relying_party import ISSUER, Browser, EndUser, make_user, spec, unique

NOTIFICATION_TOKEN = "8d67dc78-7faa-4d41-aabd-67707b374255"


def pending_of(user: EndUser) -> int:
    return BackchannelAuthentication.objects.filter(user__email=user.email).count()


@spec("OIDC CIBA", "7.2")
def test_floods_at_one_person(provider: object, user: EndUser) -> None:
    """By one app, by many, by each of the person's names; the same for who has no account."""
    nobody = f"{unique('nobody')}@example.com"
    for hint in (user.email, nobody):
        desk = Desk(user)
        answers = [desk.send(login_hint=hint) for _ in range(4)]
        assert [it.status_code for it in answers] == [200, 200, 200, 429]
        assert answers[-1].json()["error"] == "access_denied"
        assert int(answers[-1].headers["Retry-After"]) > 0
        assert Desk(user).send(login_hint=hint).status_code == 429  # another app’s
    assert Desk(user).send(login_hint=user.sub).status_code == 429
    assert pending_of(user) == 3
    BackchannelAuthentication.objects.update(status="denied")
    desk = Desk(user)
    codes = [desk.send().status_code for _ in range(3)]
    BackchannelAuthentication.objects.update(status="denied")
    codes += [desk.send().status_code for _ in range(3)]
    assert codes == [200] * 5 + [429]  # in ten minutes, whatever was answered


@spec("OIDC CIBA", "13")
def test_nobody_learns_who_has_an_account(
    provider: object, user: EndUser, browser: Browser
) -> None:
    """Not by the response, by polls, nor by how many mails are written."""
    outsider = make_user()
    bakers = make_asking_client(allowed_groups=["support"])
    desks = [
        Desk(user).asks(login_hint=f"{unique('nobody')}@example.com"),
        Desk(user).asks(login_hint="4b2f6f3e-7c3b-4f0e-9d0e-0a1b2c3d4e5f"),
        Desk(outsider, bakers).asks(),
    ]
    known = Desk(user).asks()
    for desk in desks:
        assert desk.row.user is None
        assert set(desk.asked) == set(known.asked)
        assert len(desk.asked["auth_req_id"]) == len(known.asked["auth_req_id"])
        mine, theirs = desk.poll().json(), known.poll().json()
        assert mine == theirs
        assert mine["error"] == "authorization_pending"
    assert not Mail.objects.filter(recipient=outsider.email).exists()


def test_values_of_others(provider: object, user: EndUser, browser: Browser) -> None:
    """An auth_req_id is of use to its client alone, and a key of a page to its user alone."""
    desk, thief = Desk(user).asks(), Desk(user)
    browser.sign_in(user)
    desk.answered(browser)
    thief.asked = desk.asked
    stolen = thief.party.token(grant_type=CIBA, auth_req_id=desk.asked["auth_req_id"])
    assert stolen.json()["error"] == "invalid_grant"
    for guess in ("", "x", desk.row.key, desk.row.id_hash, "\0", "a" * 5000):
        response = thief.party.token(grant_type=CIBA, auth_req_id=guess)
        assert response.json()["error"] in {"invalid_grant", "invalid_request"}
    assert desk.tokens()["access_token"]


def test_what_the_database_has_is_of_no_use(provider: object, user: EndUser) -> None:
    """Neither the id nor the token is there in the clear; nor is a token a client’s credential."""
    client = make_asking_client(
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint="https://rp.example.com/cb",
    )
    desk = Desk(user, client).asks(client_notification_token=NOTIFICATION_TOKEN)
    columns = str(BackchannelAuthentication.objects.filter(pk=desk.row.pk).values().get())
    assert NOTIFICATION_TOKEN not in columns
    assert desk.asked["auth_req_id"] not in columns
    assert desk.party.userinfo(NOTIFICATION_TOKEN).status_code == 401


MESSAGES = (
    *("<b>Pay</b>", "<script>alert(1)</script>", "a\nb", "a\rb", "a\tb"),
    *("\u202eevil", "a\u2066b", "zero\u200bwidth", "\u3164", "x" * 10_240),
    *("https://evil.example", "www.evil.example", "go to evil.com", "evil.com/pay"),
    *("a@b", "{{ app }}", "50\u0000"),
)


@spec("OIDC CIBA", "13")
def test_binding_messages(provider: object, user: EndUser) -> None:
    """Those that hide something, lead somewhere, are markup or too long reach no user."""
    desk = Desk(user)
    for message in MESSAGES:
        error = desk.refused(binding_message=message)
        assert error == ("invalid_request" if "\0" in message else "invalid_binding_message")
    assert pending_of(user) == 0


def test_messages_that_are_fine(provider: object, user: EndUser, browser: Browser) -> None:
    browser.sign_in(user)
    for message in (
        "Überweisung: 12,50 € an Müller & Söhne",
        "支払い 4711",
        "Desk #4 - 12.50 (now)",
    ):
        desk = Desk(user).asks(binding_message=message)
        page = browser.open(desk.page)
        assert f"<bdi>{message.replace('&', '&amp;')}</bdi>" in page.text
        desk.answered(browser, "deny")


@spec("OIDC CIBA", "7.1.1")
def test_signed_requests(provider: object, user: EndUser) -> None:
    key, foreign = make_key(), make_key()
    client = make_key_client(
        key, **METADATA, backchannel_authentication_request_signing_alg="ES256"
    )
    now = int(time.time())

    def sent(signer: Any = key, **changed: Any) -> dict[str, Any]:
        claims = {
            "iss": client.client_id,
            "aud": ISSUER,
            "jti": unique("jti"),
            "exp": now + 60,
            "iat": now,
            "nbf": now,
            "scope": "openid",
            "login_hint": user.email,
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        alone = dict.fromkeys(("scope", "login_hint", "binding_message"))
        return {**alone, "request": sign(claims, signer)}

    desk = Desk(user, client)
    replayed = sent()
    desk.asks(**replayed)
    assert desk.refused(**replayed) == "invalid_request"
    wrong: list[dict[str, Any]] = [
        *({name: None} for name in ("iss", "aud", "exp", "iat", "nbf", "jti")),
        {"iss": "another"},
        {"aud": "https://other.example.com"},
        {"exp": now - 600},
        {"nbf": now + 600},
        {"exp": now + 86_400},
        {"jti": 7},
        {"scope": ["openid"]},
        {"login_hint": "\0"},
        {"binding_message": "\ud800"},
        {"exp": "soon"},
    ]
    for changed in wrong:
        assert desk.refused(**sent(**changed)) == "invalid_request", changed
    assert desk.refused(**sent(foreign)) == "invalid_request"
    assert desk.refused(**{**sent(), "scope": "openid"}) == "invalid_request"
    assert desk.refused() == "invalid_request"  # unsigned
    unsigned = "eyJhbGciOiJub25lIn0.e30."
    assert desk.refused(**{**sent(), "request": unsigned}) == "invalid_request"


def test_pings_reach_no_private_network(provider: object, user: EndUser, browser: Browser) -> None:
    """An address that leads inside is refused by the guarded way out, when it is told."""
    client = make_asking_client(
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint="https://127.0.0.1:1/metadata",
    )
    desk = Desk(user, client).asks(client_notification_token=NOTIFICATION_TOKEN)
    browser.sign_in(user)
    desk.answered(browser)
    call_command("worker", "--once")
    row = BackchannelNotification.objects.get(authentication=desk.row)
    assert "not on the public internet" in row.last_problem
    assert desk.tokens()["access_token"]  # the app may poll all the same


def test_headers_cannot_be_smuggled(provider: object, user: EndUser) -> None:
    client = make_asking_client(
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint="https://rp.example.com/cb",
    )
    for token in ("x" * 30 + "\r\nHost: evil", "x" * 30 + " y", "ü" * 30, "x" * 30 + "\n"):
        error = Desk(user, client).refused(client_notification_token=token)
        assert error == "invalid_request"


def test_counts_are_not_by_the_address_in_the_clear(provider: object, user: EndUser) -> None:
    Desk(user).asks()
    assert not RateCount.objects.filter(key__contains=user.email).exists()
