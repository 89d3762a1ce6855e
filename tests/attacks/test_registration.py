"""Registration as a way in: trust, tokens, addresses, names, floods. SECURITY §9, lines 43, 44."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Barrier
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from idp import policy
from idp.models import AccessToken, Client, Delivery, InitialAccessToken
from tests.registering import (
    as_client,
    document,
    initial_token,
    manage,
    register,
    registered,
    replaceable,
    send,
)
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    spec,
    unique,
)

TRUST = {
    "first_party": True,
    "skip_authorization": True,
    "profile": "recommended",
    "enabled": False,
    "owner": 1,
    "user": 1,
    "user_id": 1,
    "id": 1,
    "version": 99,
    "access_token_format": "jwt",
    "access_token_lifetime": 86400,
    "allowed_groups": ["everybody"],
    "refresh_token_idle_lifetime": 86400,
    "refresh_token_absolute_lifetime": 86400,
    "refresh_token_grace": 30,
    "refresh_without_offline_access": True,
    "allowed_origins": ["https://evil.example"],
    "registration_source": "manual",
    "registered_with": {"initial_access_token": "x"},
    "registration_access_token_hash": "0" * 64,
    "client_type": "confidential",
    "hash_client_secret": False,
    "is_staff": True,
}


def row_of(information: dict[str, Any]) -> dict[str, Any]:
    return Client.objects.filter(client_id=information["client_id"]).values(*COLUMNS).get()


COLUMNS = [
    field.attname
    for field in Client._meta.concrete_fields
    if field.attname not in {"id", "client_id", "registration_access_token_hash"}
    and field.attname not in {"created", "updated", "version"}
]


@spec("RFC 7591", "5")
def test_nobody_trusts_a_client_for_what_it_says_of_itself(browser: Browser, user: EndUser) -> None:
    plain, boastful = registered(), registered(**TRUST)
    assert row_of(plain) == row_of(boastful)
    assert not set(TRUST) & set(boastful)
    replaced = manage("PUT", boastful, body=replaceable(boastful, **TRUST))
    assert replaced.status_code == 200
    stands = {"scopes"}  # what was read back was registered, with the same effect
    differences = {k for k, v in row_of(boastful).items() if row_of(plain)[k] != v}
    assert differences <= stands
    app = RelyingParty(as_client(boastful), browser, user)
    assert is_page(browser.sign_in(user, app.visit()), "/consent")


@spec("RFC 7591", "5")
def test_a_known_client_cannot_be_taken_over_by_its_id(provider: object) -> None:
    known = make_client()
    information = registered(client_id=known.client_id, client_secret=known.secret)
    assert information["client_id"] != known.client_id
    assert information["client_secret"] != known.secret


@spec("RFC 7591", "5")
def test_a_registered_apps_logo_is_never_shown(browser: Browser, user: EndUser) -> None:
    information = registered(logo_uri="https://bank.example/logo.png")
    app = RelyingParty(as_client(information), browser, user)
    page = app.visit()
    for shown in (page, browser.sign_in(user, page)):
        assert "bank.example" not in shown.text
        assert "bank.example" not in shown.headers["Content-Security-Policy"]


SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{% debug %}"


@spec("ASVS", "1.2.1")
def test_a_name_is_text_on_every_page(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(as_client(registered(client_name=SCRIPT)), browser, user)
    page = app.visit()
    for shown in (page, browser.sign_in(user, page)):
        assert "<script>alert" not in shown.text
        assert "<img src=x" not in shown.text
        assert SCRIPT in unescape(shown.text)


@spec("RFC 7591", "5")
@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "blob:https://rp.example.com/x",
        "javascript://rp.example.com/%0aalert(1)",
    ],
)
def test_no_address_runs_script(provider: object, address: str) -> None:
    for application_type in ("web", "native"):
        for name in (
            "redirect_uris",
            "post_logout_redirect_uris",
            "client_uri",
            "logo_uri",
            "policy_uri",
            "tos_uri",
            "initiate_login_uri",
        ):
            value = [address] if name.endswith("uris") else address
            response = register(**{name: value, "application_type": application_type})
            assert response.status_code == 400, (name, response.text)
            assert response.json()["error_description"].startswith(f"{name}: ")


@pytest.fixture
def trap() -> Iterator[tuple[str, list[bytes]]]:
    """An address of this machine, and what comes to it."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    came.append(connection.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", came
        over.set()
        thread.join()


@spec("RFC 7591", "5")
def test_nothing_is_fetched(trap: tuple[str, list[bytes]], browser: Browser, user: EndUser) -> None:
    address, came = trap
    members = {
        name: f"{address}/{name}"
        for name in (
            *("client_uri", "logo_uri", "policy_uri", "tos_uri", "jwks_uri"),
            "backchannel_logout_uri",
        )
    }
    information = registered(redirect_uris=[f"{address}/callback"], **members)
    RelyingParty(as_client(information), browser, user).authorize()
    assert manage("PUT", information, body=replaceable(information, **members)).is_success
    browser.submit(browser.open("/account/logout/"))
    call_command("worker", "--once")
    assert "does not start with https://" in Delivery.objects.latest("pk").last_problem
    assert came == []


# --- management tokens -------------------------------------------------------------------------


@spec("RFC 7592", "2")
def test_a_wrong_token_and_an_unknown_client_are_answered_alike(provider: object) -> None:
    mine, other = registered(), registered()
    disabled = registered()
    Client.objects.filter(client_id=disabled["client_id"]).update(enabled=False)
    operators = make_client()
    unknown = f"{ISSUER}/register?client_id={unique('nobody')}"
    attempts = [
        {"information": mine, "token": "x" * 43},
        {"information": mine, "token": other["registration_access_token"]},
        {"information": mine, "token": mine["client_secret"]},
        {"information": mine, "token": mine["client_id"]},
        {"information": disabled},
        {"information": mine, "uri": unknown},
        {"information": mine, "uri": f"{ISSUER}/register"},
        {"information": mine, "uri": f"{ISSUER}/register?client_id={operators.client_id}"},
    ]
    for method in ("GET", "PUT", "DELETE"):
        answers = [
            manage(method, body=replaceable(mine, client_name="taken"), **attempt)
            for attempt in attempts
        ]
        assert {answer.status_code for answer in answers} == {401}
        said = {(answer.json()["error"], answer.json()["error_description"]) for answer in answers}
        assert len(said) == 1
    assert manage("GET", mine).json()["client_name"] == "Bread shop"


@spec("RFC 7592", "2")
def test_an_address_that_names_two_clients(provider: object) -> None:
    mine, other = registered(), registered()
    uri = f"{other['registration_client_uri']}&client_id={mine['client_id']}"
    for method in ("GET", "DELETE"):
        assert manage(method, mine, uri=uri).status_code == 400
    assert manage("GET", other).status_code == 200


@spec("RFC 7592", "2.2")
def test_a_replacement_of_another_client_than_the_addressed_one(provider: object) -> None:
    mine, other = registered(), registered()
    response = manage("PUT", mine, body=replaceable(other, client_name="taken"))
    assert response.status_code == 400
    for information in (mine, other):
        assert manage("GET", information).json()["client_name"] == "Bread shop"


@spec("RFC 7592", "2.2")
@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "\\u00e9", "x" * 50_000])
def test_odd_texts_in_a_replacement(provider: object, text: str) -> None:
    information = registered()
    for name in ("client_id", "client_secret", "client_name", "scope", "unheard-of", text):
        body = json.dumps(replaceable(information, **{name: "TEXT"})).replace("TEXT", text)
        response = httpx.put(
            information["registration_client_uri"],
            content=body,
            headers={
                "Authorization": f"Bearer {information['registration_access_token']}",
                "Content-Type": "application/json",
            },
            verify=False,
        )
        assert response.status_code in {200, 400}, (name, response.text)


@spec("RFC 6750", "2.3")
def test_a_token_in_the_address_is_refused(provider: object) -> None:
    information = registered()
    uri = (
        f"{information['registration_client_uri']}"
        f"&access_token={information['registration_access_token']}"
    )
    assert httpx.get(uri, verify=False).status_code == 400


@spec("RFC 8725", "2.8")
def test_no_kind_of_token_passes_for_another(browser: Browser, user: EndUser) -> None:
    information = registered(grant_types=["authorization_code", "refresh_token"])
    app = RelyingParty(as_client(information), browser, user)
    tokens = app.tokens(scope="openid offline_access")
    initial = initial_token()
    for token in (initial, *map(str, tokens.values())):
        if "." not in token and " " not in token:
            assert manage("GET", information, token=token).status_code == 401
    for token in (information["registration_access_token"], initial):
        assert app.userinfo(token).status_code == 401
        assert app.introspect(token) == {"active": False}
        assert app.refresh(token).json()["error"] == "invalid_grant"
        assert app.exchange(token).json()["error"] == "invalid_grant"
    for token in (information["registration_access_token"], tokens["access_token"]):
        assert register(token).status_code == 401
    assert app.revoke(information["registration_access_token"]).is_success
    assert manage("GET", information).status_code == 200


@spec("RFC 7591", "5")
def test_only_hashes_of_tokens_are_kept(provider: object) -> None:
    initial = initial_token()
    information = registered(initial)
    kept = str(Client.objects.filter(client_id=information["client_id"]).values().get())
    kept += str(list(InitialAccessToken.objects.values()))
    for secret in (initial, information["registration_access_token"], information["client_secret"]):
        assert secret not in kept


@spec("RFC 7591", "5")
def test_a_replacement_gets_no_further_than_the_initial_token_let(provider: object) -> None:
    """Also when the operator has thrown the token away since."""
    name = unique("token")
    initial = initial_token(name=name, redirect_hosts=["rp.example.com"], scopes=["openid"])
    information = registered(initial)
    InitialAccessToken.objects.get(name=name).delete()
    for members in (
        {"redirect_uris": ["https://evil.example/callback"]},
        {"post_logout_redirect_uris": ["https://evil.example/"]},
        {"grant_types": ["client_credentials"]},
    ):
        response = manage("PUT", information, body=replaceable(information, **members))
        assert response.status_code == 400, members
    beyond = {"scope": "openid email", "grant_types": ["authorization_code", "client_credentials"]}
    reduced = manage("PUT", information, body=replaceable(information, **beyond)).json()
    assert (reduced["scope"], reduced["grant_types"]) == ("openid", ["authorization_code"])
    bare = {"client_id": information["client_id"], "redirect_uris": information["redirect_uris"]}
    assert manage("PUT", information, body=bare).json()["scope"] == "openid"


@spec("RFC 7591", "5")
def test_a_replacement_is_not_a_way_back_in(provider: object) -> None:
    """An operator who disables a client has the last word."""
    information = registered()
    Client.objects.filter(client_id=information["client_id"]).update(enabled=False)
    body = replaceable(information, enabled=True)
    assert manage("PUT", information, body=body).status_code == 401
    assert not Client.objects.get(client_id=information["client_id"]).enabled


# --- many at once ------------------------------------------------------------------------------


@spec("RFC 7591", "3")
def test_of_many_registrations_at_once_no_more_than_the_token_lets(provider: object) -> None:
    at_once, allowed = 20, 5
    name = unique("token")
    token = initial_token(name=name, max_uses=allowed)
    together = Barrier(at_once)

    def attempt(_: int) -> httpx.Response:
        together.wait()
        return register(token, client_name=name)

    with ThreadPoolExecutor(at_once) as threads:
        responses = list(threads.map(attempt, range(at_once)))
    statuses = sorted(response.status_code for response in responses)
    assert statuses == [201] * allowed + [401] * (at_once - allowed)
    assert Client.objects.filter(name=name).count() == allowed
    assert InitialAccessToken.objects.get(name=name).uses == allowed


@spec("RFC 7592", "2.3")
def test_many_deletions_and_replacements_at_once(provider: object) -> None:
    for _ in range(4):
        information = registered()
        body = replaceable(information, client_name="again")
        methods = ["DELETE", "PUT", "GET"] * 4
        together = Barrier(len(methods))

        def attempt(
            method: str, information: Any = information, body: Any = body, all_: Any = together
        ) -> int:
            all_.wait()
            return manage(method, information, body=body).status_code

        with ThreadPoolExecutor(len(methods)) as threads:
            statuses = list(threads.map(attempt, methods))
        deletions = [
            status for status, method in zip(statuses, methods, strict=True) if method == "DELETE"
        ]
        assert sorted(deletions) == [204, 401, 401, 401]
        assert set(statuses) <= {200, 204, 401}
        assert not Client.objects.filter(client_id=information["client_id"]).exists()


@spec("RFC 7592", "2.3")
def test_tokens_that_are_given_while_their_client_is_deleted(
    browser: Browser, user: EndUser
) -> None:
    for _ in range(4):
        information = registered(initial_token(grant_types=["authorization_code"]))
        app = RelyingParty(as_client(information), browser, user)
        codes = [app.authorize().code for _ in range(8)]
        together = Barrier(len(codes) + 1)

        def exchange(code: str | None, app: Any = app, all_: Any = together) -> httpx.Response:
            all_.wait()
            return app.exchange(code)

        def delete(information: Any = information, all_: Any = together) -> httpx.Response:
            all_.wait()
            return manage("DELETE", information)

        with ThreadPoolExecutor(len(codes) + 1) as threads:
            deleted = threads.submit(delete)
            answers = list(threads.map(exchange, codes))
        assert deleted.result().status_code == 204
        assert {answer.status_code for answer in answers} <= {200, 400, 401}
        for answer in answers:
            if answer.status_code == 200:
                assert app.userinfo(answer.json()["access_token"]).status_code == 401
        assert not AccessToken.objects.filter(application__client_id=app.client.client_id).exists()


@spec("RFC 7591", "5")
def test_a_flood_from_one_address_is_stopped_for_a_minute(provider: object) -> None:
    address, other = "203.0.113.7", "203.0.113.8"
    name = unique("flood")
    answers = [
        send(document(client_name=name), address=address)
        for _ in range(policy.REGISTRATIONS_A_MINUTE + 5)
    ]
    made = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(made), len(refused)) == (policy.REGISTRATIONS_A_MINUTE, 5)
    assert refused[0].json()["error"] == "access_denied"
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 60
    assert Client.objects.filter(name=name).count() == policy.REGISTRATIONS_A_MINUTE
    assert send(document(), address=other).status_code == 201
    assert send(document(), address=address, token=initial_token()).status_code == 201
    assert manage("GET", made[0].json()).status_code == 200
