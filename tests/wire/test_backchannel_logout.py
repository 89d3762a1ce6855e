"""Clients are told that a session ended, whatever ended it. OIDC Back-Channel Logout."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts import operations, passwords, second_factor
from accounts.models import Session, User
from accounts.sessions import Ending
from foundation.outbox import LEASE
from idp.jose.verify import header_of
from idp.logout import backchannel
from idp.models import Client, Delivery, Event
from idp.tokens.logout_token import EVENT
from tests.elsewhere import Elsewhere, answering
from tests.reading import PUBLIC, decrypted
from tests.registering import registered, send
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_error_page,
    mailed_code,
    mailed_link,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

State = Delivery.State


@dataclass
class Told:
    """A website that wants to know of sign-outs, its user signed in to it."""

    site: Elsewhere
    path: str
    relying_party: RelyingParty
    tokens: dict[str, Any]

    @property
    def user_row(self) -> User:
        return User.objects.get(email=self.relying_party.user.email)

    @property
    def browser(self) -> Browser:
        return self.relying_party.browser

    @property
    def delivery(self) -> Delivery:
        return Delivery.objects.get(client__client_id=self.relying_party.client.client_id)

    def received(self) -> list[str]:
        """Return the logout tokens that came, and nothing but them."""
        forms = self.site.forms(self.path)
        assert all(set(form) == {"logout_token"} for form in forms)
        return [form["logout_token"] for form in forms]

    def try_again_now(self) -> None:
        Delivery.objects.filter(pk=self.delivery.pk).update(due_at=timezone.now())
        call_command("worker", "--once")


@pytest.fixture
def make_told(foreign_site: Elsewhere, browser: Browser, user: EndUser) -> Callable[..., Told]:
    def make(**metadata: Any) -> Told:
        path = f"/{unique('logout')}?from=signet"
        metadata.setdefault("backchannel_logout_uri", foreign_site.says(path, b""))
        client = make_client(**metadata)
        relying_party = RelyingParty(client, browser, user)
        return Told(foreign_site, path, relying_party, relying_party.tokens())

    return make


@pytest.fixture
def told(make_told: Callable[..., Told]) -> Told:
    return make_told()


def sign_out(told: Told) -> None:
    told.browser.submit(told.browser.open("/account/logout/"))


@spec("OIDC Back-Channel Logout", "2.4")
@spec("OIDC Back-Channel Logout", "2.5")
def test_a_sign_out_is_told_in_a_token_once(told: Told) -> None:
    id_token = verified(told.tokens["id_token"])
    sign_out(told)
    for _ in range(2):
        call_command("worker", "--once")
    [token] = told.received()
    claims = verified(token)
    assert header_of(token)["typ"] == "logout+jwt"
    assert (claims["iss"], claims["aud"]) == (ISSUER, told.relying_party.client.client_id)
    assert (claims["sub"], claims["sid"]) == (id_token["sub"], id_token["sid"])
    assert claims["events"] == {EVENT: {}}
    assert 0 < claims["exp"] - claims["iat"] <= 120
    assert set(claims) == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert told.delivery.state == State.DELIVERED


@spec("OIDC Back-Channel Logout", "2.4")
def test_it_passes_for_no_other_token(told: Told) -> None:
    sign_out(told)
    call_command("worker", "--once")
    [token] = told.received()
    told.browser.sign_in(told.relying_party.user)
    assert is_error_page(told.browser.open("/end_session", id_token_hint=token))
    assert told.relying_party.introspect(token) == {"active": False}
    assert told.relying_party.userinfo(token).status_code == 401


@spec("OIDC Back-Channel Logout", "2.4")
def test_it_is_encrypted_where_id_tokens_are(make_told: Callable[..., Told]) -> None:
    told = make_told(
        jwks=PUBLIC,
        id_token_signed_response_alg="ES256",
        id_token_encrypted_response_alg="ECDH-ES",
        id_token_encrypted_response_enc="A256GCM",
    )
    sign_out(told)
    call_command("worker", "--once")
    [token] = told.received()
    _header, inner = decrypted(told.relying_party.client, token, "ECDH-ES", "A256GCM")
    assert header_of(inner) | {"typ": "logout+jwt", "alg": "ES256"} == header_of(inner)
    assert verified(inner)["jti"] == told.delivery.jti


# --- whatever ends it ---------------------------------------------------------------------------


def press(browser: Browser, path: str, **button: str) -> None:
    """Press a button without an id."""
    page = browser.open(path)
    assert 'value="{}"'.format(*button.values()) in page.text
    form = forms_of(page)[0]
    browser.post(path, data={**form.fields, **button})


def sign_out_elsewhere(told: Told) -> None:
    with Browser() as other:
        other.sign_in(told.relying_party.user)
        press(other, "/account/sessions/", end="others")


def report(told: Told) -> None:
    told.browser.submit(told.browser.open("/account/not-me/"), "secure")


def remove_the_app(told: Told) -> None:
    press(told.browser, "/account/apps/", remove=told.relying_party.client.client_id)


def delete_the_account(told: Told) -> None:
    told.browser.submit(told.browser.open("/account/delete/"), "delete-account")


def change_address(browser: Browser) -> None:
    new = f"{unique('new')}@example.com"
    browser.submit(browser.open("/account/email/"), email=new)
    browser.submit(browser.open("/account/email/code/"), code=mailed_code(new))


def change_the_address_elsewhere(told: Told) -> None:
    with Browser() as other:
        other.sign_in(told.relying_party.user)
        change_address(other)


def put_the_address_back(told: Told) -> None:
    change_address(told.browser)
    with Browser() as other:
        other.submit(other.open(mailed_link(told.relying_party.user.email)), "undo")


def sign_out_of_the_app(told: Told) -> None:
    sid = verified(told.tokens["id_token"])["sid"]
    press(told.browser, "/account/sessions/", leave=sid)


def expire(told: Told) -> None:
    told.user_row.sessions.update(last_seen_at=timezone.now() - timedelta(days=2))
    call_command("worker", "--once")


def let_another_user_in(told: Told) -> None:
    told.browser.sign_in(make_user(), told.browser.open("/account/login/", fresh="1"))


def forget_the_password(told: Told) -> None:
    with Browser() as other:
        page = other.submit(other.open("/account/password/reset/"), email=told.user_row.email)
        page = other.submit(page, code=mailed_code(told.user_row.email))
        other.submit(page, password1="another quiet boat on the river")


def end_by_command(*whose: str) -> None:
    call_command("end_sessions", *whose)
    event = Event.objects.filter(kind="admin-action").latest("id")
    assert event.reason.startswith("manage.py end_sessions: ")


def replace_a_key(_told: Told) -> None:
    no_other_tests = "RS512"
    call_command("rotate_keys", "--now", "--end-sessions", "--algorithm", no_other_tests)


#: Every way in which what an app got through a session ends, and what is said of the session then:
#: nothing where it goes on, without that app.
WAYS: dict[str, tuple[Callable[[Told], object], Ending | None]] = {
    "here": (sign_out, Ending.SIGNED_OUT),
    "elsewhere": (sign_out_elsewhere, Ending.SIGNED_OUT_ELSEWHERE),
    "not me": (report, Ending.NOT_ME),
    "app removed": (remove_the_app, None),
    "app alone": (sign_out_of_the_app, None),
    "another user": (let_another_user_in, Ending.ANOTHER_USER),
    "expired": (expire, Ending.EXPIRED),
    "password reset": (forget_the_password, Ending.PASSWORD_RESET),
    "password changed": (
        lambda told: passwords.replace(told.user_row, "another quiet boat on the river"),
        Ending.PASSWORD_CHANGED,
    ),
    "factor removed": (lambda told: second_factor.remove_all(told.user_row), Ending.FACTOR_REMOVED),
    "deletion asked": (delete_the_account, Ending.DELETION_ASKED),
    "address changed": (change_the_address_elsewhere, Ending.EMAIL_CHANGED),
    "address put back": (put_the_address_back, Ending.EMAIL_RESTORED),
    "disabled": (lambda told: operations.disable(told.user_row), Ending.ACCOUNT_DISABLED),
    "new password": (
        lambda told: operations.require_new_password(told.user_row),
        Ending.NEW_PASSWORD_REQUIRED,
    ),
    "deleted": (lambda told: told.user_row.delete(), Ending.ACCOUNT_DELETED),
    "one": (lambda told: operations.end_session(told.user_row.sessions.get()), Ending.OPERATOR),
    "somebody": (lambda told: end_by_command("--user", told.user_row.email), Ending.OPERATOR),
    "everybody": (lambda _told: end_by_command("--all"), Ending.OPERATOR),
    "everybody of an app": (
        lambda told: end_by_command("--client", told.relying_party.client.client_id),
        None,
    ),
    "key replaced": (replace_a_key, Ending.KEY_REPLACED),
}


@spec("OIDC Back-Channel Logout", "2.3")
@pytest.mark.parametrize("way", WAYS)
def test_every_ending_is_told(told: Told, way: str) -> None:
    end, word = WAYS[way]
    session = told.user_row.sessions.get()
    end(told)
    call_command("worker", "--once")
    assert len(told.received()) == 1
    assert told.relying_party.userinfo(told.tokens["access_token"]).status_code == 401
    left = Session.objects.filter(pk=session.pk).first()
    if left is not None:  # a user who is deleted leaves none
        assert left.ending == (word or "")


def test_there_are_no_other_endings() -> None:
    # What an upstream ends is in tests/attacks/test_upstream_logout.py.
    others = set(Ending) - {Ending.SIGNED_OUT_UPSTREAM}
    assert {word for _end, word in WAYS.values()} == {None, *others}


def test_who_asked_for_nothing_or_is_disabled_is_told_nothing(
    told: Told, make_told: Callable[..., Told]
) -> None:
    other = make_told(backchannel_logout_uri=None)
    Client.objects.filter(client_id=told.relying_party.client.client_id).update(enabled=False)
    sign_out(told)
    clients = {told.relying_party.client.client_id, other.relying_party.client.client_id}
    assert not Delivery.objects.filter(client__client_id__in=clients).exists()


# --- until it arrives --------------------------------------------------------------------------


@spec("OIDC Back-Channel Logout", "2.8")
def test_what_fails_is_tried_again_and_in_the_end_given_up(told: Told) -> None:
    told.site.pages[told.path] = answering(b"", status=500)
    sign_out(told)
    call_command("worker", "--once")
    first = told.delivery
    assert (first.state, first.attempts) == (State.WAITING, 1)
    assert first.last_problem == "The app answered with the status 500."
    assert timedelta(seconds=2) < first.due_at - timezone.now() < timedelta(seconds=10)
    call_command("worker", "--once")
    assert len(told.received()) == 1, "not before it is due"
    for _ in range(7):
        told.try_again_now()
    assert told.delivery.state == State.FAILED
    event = Event.objects.get(
        kind="notification-failed", client_id=told.relying_party.client.client_id
    )
    assert "status 500" in event.reason
    told.try_again_now()
    assert len(told.received()) == 8, "given up"
    told.site.says(told.path, b"")
    backchannel.outbox.retry(told.delivery)
    call_command("worker", "--once")
    assert told.delivery.state == State.DELIVERED
    assert len({verified(token)["jti"] for token in told.received()}) == 1


def test_one_that_cannot_be_reached_holds_up_nobody(
    told: Told, make_told: Callable[..., Told]
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"https://localhost:{nobody.getsockname()[1]}/"
        dead = make_told(backchannel_logout_uri=address)
        sign_out(told)
        call_command("worker", "--once")
    assert told.delivery.state == State.DELIVERED
    assert (dead.delivery.state, dead.delivery.attempts) == (State.WAITING, 1)
    assert "could not be fetched" in dead.delivery.last_problem


def test_what_a_worker_left_behind_is_due_again(told: Told) -> None:
    sign_out(told)
    claimed = Delivery.objects.filter(pk=told.delivery.pk)
    claimed.update(due_at=timezone.now() + LEASE, attempts=1)  # and then the power fails
    call_command("worker", "--once")
    assert told.received() == []
    claimed.update(due_at=timezone.now())
    backchannel.outbox.deliver()
    assert len(told.received()) == 1


def test_of_many_workers_one_tells_it(told: Told) -> None:
    sign_out(told)
    together = Barrier(6)

    def work(_number: int) -> None:
        together.wait()
        try:
            backchannel.outbox.deliver()
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert len(told.received()) == 1


# --- what clients register ----------------------------------------------------------------------


@spec("OIDC Back-Channel Logout", "2.2")
@spec("OIDC Front-Channel Logout", "2")
def test_where_a_client_is_told_is_registered_and_checked(provider: object) -> None:
    wish = {
        "backchannel_logout_uri": "https://rp.example.com/told",
        "backchannel_logout_session_required": True,
        "redirect_uris": ["https://rp.example.com/callback"],
        "frontchannel_logout_uri": "https://rp.example.com/loaded?a=b",
        "frontchannel_logout_session_required": True,
    }
    assert wish.items() <= registered(**wish).items()
    for name, bad in (
        ("backchannel_logout_uri", "https://rp.example.com/told#here"),
        ("backchannel_logout_uri", "javascript:alert(1)"),
        ("frontchannel_logout_uri", "https://evil.example.com/loaded"),
        ("frontchannel_logout_uri", "https://rp.example.com/loaded#here"),
    ):
        response = send({**wish, name: bad})
        assert response.status_code == 400
        assert name in response.json()["error_description"]
