"""Token exchange: for another API, for less, and who acts for whom. RFC 8693."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from foundation.statements import hash_of
from idp import policy
from idp.models import AccessToken, Client, Event, Grant
from tests.conftest import Server
from tests.exchanging import (
    ACCESS_TOKEN,
    EXCHANGE,
    ID_TOKEN,
    JWT,
    REFRESH_TOKEN,
    Shop,
    exchange,
    exchanged,
    make_service,
    refused,
)
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    verified,
)
from tests.wire.test_own_activity import sentences_on


@pytest.fixture(scope="module")
def shop(provider: Server) -> Shop:
    return Shop()


@pytest.fixture
def app(shop: Shop, browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(shop.client, browser, user)


def token_for_orders(app: RelyingParty, shop: Shop, scope: str | None = None) -> str:
    """Return what the app sends to its API."""
    scope = scope or f"openid {shop.order}"
    token: str = app.tokens(scope=scope, resource=shop.orders["identifier"])["access_token"]
    return token


def events_of(user: EndUser) -> list[Event]:
    return list(Event.objects.filter(kind=Event.Kind.EXCHANGED, user__sub=user.sub))


@spec("RFC 8693", "2.2.1")
@spec("RFC 8693", "2.3")
def test_an_api_calls_another_one_for_its_user(shop: Shop, app: RelyingParty) -> None:
    """It is recorded once, the user sees it, and it ends when they sign out."""
    token, backend = token_for_orders(app, shop), shop.backend
    before = verified(token)
    response = exchange(backend, token, **shop.at_stock)
    assert response.headers["Cache-Control"] == "no-store"
    answer = response.json()
    assert answer == {
        "access_token": answer["access_token"],
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": answer["expires_in"],
        "scope": shop.read,
    }
    claims = verified(answer["access_token"])
    assert claims["aud"] == shop.stock["identifier"]
    assert (claims["sub"], claims["client_id"]) == (app.user.sub, backend.client.client_id)
    assert claims["auth_time"] == before["auth_time"]
    assert claims["exp"] <= before["exp"]
    assert "act" not in claims
    state = backend.introspect(answer["access_token"])
    assert (state["active"], state["scope"], state["sub"]) == (True, shop.read, app.user.sub)
    exchanged(backend, token, **shop.at_stock, requested_token_type=JWT)
    [event] = events_of(app.user)
    assert event.client_id == backend.client.client_id
    assert event.details["of_client"] == app.client.client_id
    sentence = sentences_on(app.browser.open("/account/activity/"))[0]
    host = shop.stock["identifier"].removeprefix("https://")
    assert sentence == f"Test app got access in your name at {host}"
    app.browser.submit(app.browser.open("/account/logout/"))
    assert backend.introspect(answer["access_token"]) == {"active": False}
    assert refused(backend, token, **shop.at_stock)[0] == "invalid_request"


@spec("RFC 8693", "2.1")
@spec("RFC 8693", "2.2.2")
def test_nothing_is_wider_than_before(shop: Shop, app: RelyingParty) -> None:
    token, backend = token_for_orders(app, shop), shop.backend
    for scope in (shop.write, f"{shop.read} {shop.write}", "openid", shop.order):
        assert refused(backend, token, scope=scope, **shop.at_stock)[0] == "invalid_scope", scope
    row = AccessToken.objects.get(token_checksum=hash_of(token))
    AccessToken.objects.filter(pk=row.pk).update(expires=timezone.now() + timedelta(seconds=40))
    answer = exchanged(backend, token, audience=shop.stock["identifier"])
    assert answer["expires_in"] <= 40
    # Not even by exchanging what was exchanged.
    again = exchanged(backend, answer["access_token"], **shop.at_stock)
    assert again["expires_in"] <= 40
    assert again["scope"] == shop.read
    wider = refused(backend, answer["access_token"], scope=shop.write, **shop.at_stock)
    assert wider[0] == "invalid_scope"
    AccessToken.objects.filter(pk=row.pk).update(expires=timezone.now())
    assert "has expired" in refused(backend, token, **shop.at_stock)[1]
    # What was exchanged for a token that is revoked alone lives on, and gives no more than before.
    app.revoke(token)
    assert "revoked" in refused(backend, token, **shop.at_stock)[1]
    assert backend.introspect(again["access_token"])["active"]


@spec("RFC 8693", "2.2.2")
def test_tokens_that_are_not_the_client_s_to_exchange(shop: Shop, app: RelyingParty) -> None:
    """A thief with a client of their own, a wrong audience, and requests that make no sense."""
    tokens = app.tokens(scope=f"openid offline_access {shop.order}")
    for_orders, backend = token_for_orders(app, shop), shop.backend
    other = {shop.stock["identifier"]: {shop.read: shop.order}}
    thief = make_service(scope=shop.read, token_exchange_resources=other)
    own = thief.token(grant_type="client_credentials", scope=shop.read).json()["access_token"]
    plain = RelyingParty(
        make_client(grant_types=["client_credentials"], response_types=[]), *[None] * 2
    )  # type: ignore[arg-type]
    assert exchange(plain, for_orders, **shop.at_stock).json()["error"] == "unauthorized_client"
    attempts: list[tuple[str, RelyingParty, str, dict[str, Any]]] = [
        ("invalid_request", thief, for_orders, {}),
        ("invalid_request", thief, own, {}),  # about no user
        ("invalid_request", backend, tokens["access_token"], {}),  # not for its API
        ("invalid_request", backend, "x" * 43, {}),
        ("invalid_request", backend, tokens["refresh_token"], {}),
        ("invalid_request", backend, tokens["id_token"], {}),
        ("invalid_request", backend, tokens["id_token"], {"subject_token_type": ID_TOKEN}),
        ("invalid_request", backend, for_orders, {"subject_token_type": REFRESH_TOKEN}),
        ("invalid_request", backend, for_orders, {"subject_token_type": None}),
        ("invalid_request", backend, for_orders, {"requested_token_type": REFRESH_TOKEN}),
        ("invalid_request", backend, for_orders, {"actor_token": own}),
        ("invalid_request", backend, for_orders, {"actor_token": own, "actor_token_type": JWT}),
        ("invalid_target", backend, for_orders, {"resource": None}),
        ("invalid_target", backend, for_orders, {"resource": "https://unknown.example.com"}),
        ("invalid_target", backend, for_orders, {"resource": shop.orders["identifier"]}),
        ("invalid_target", backend, for_orders, {"audience": shop.orders["identifier"]}),
    ]
    for error, client, token, parameters in attempts:
        got = refused(client, token, **{**shop.at_stock, **parameters})
        assert got[0] == error, (parameters, got)
    assert not events_of(app.user)


@spec("RFC 8693", "2.2.2")
@pytest.mark.parametrize("ending", ["session", "grant", "user", "app"])
def test_it_ends_with_all_that_it_came_from(shop: Shop, app: RelyingParty, ending: str) -> None:
    token = token_for_orders(app, shop)
    answer = exchanged(shop.backend, token, **shop.at_stock)
    grant = AccessToken.objects.get(token_checksum=hash_of(token)).grant
    row = shop.row()
    match ending:
        case "session":
            end_sessions([Session.objects.get(pk=grant.session_id)], Ending.OPERATOR)
        case "grant":
            Grant.objects.filter(pk=grant.pk).update(revoked_at=timezone.now())
        case "user":
            User.objects.filter(pk=grant.user_id).update(is_active=False)
        case "app":
            row.enabled = False
            row.save()
    try:
        assert shop.backend.introspect(answer["access_token"]) == {"active": False}
        stored = AccessToken.objects.get(token_checksum=hash_of(answer["access_token"]))
        assert not stored.is_valid()  # what the toolkit asks
        assert refused(shop.backend, token, **shop.at_stock)[0] == "invalid_request"
    finally:
        if ending == "app":
            row.enabled = True
            row.save()


@spec("RFC 8693", "4.1")
def test_who_acts_is_said_and_the_chain_ends(shop: Shop, app: RelyingParty) -> None:
    token, backend = token_for_orders(app, shop), shop.backend
    own = backend.token(grant_type="client_credentials", scope=shop.read).json()["access_token"]
    acting = {"actor_token": own, "actor_token_type": ACCESS_TOKEN, **shop.at_stock}
    actor = {"sub": backend.client.client_id, "client_id": backend.client.client_id}
    token, expected = exchanged(backend, token, **acting)["access_token"], actor
    for _ in range(policy.ACTORS_AT_MOST - 1):
        assert verified(token)["act"] == expected
        assert backend.introspect(token)["act"] == expected
        # Without an actor, nobody disappears from the chain.
        assert (
            verified(exchanged(backend, token, **shop.at_stock)["access_token"])["act"] == expected
        )
        token, expected = (
            exchanged(backend, token, **acting)["access_token"],
            {**actor, "act": expected},
        )
    error, description = refused(backend, token, **acting)
    assert (error, "More than" in description) == ("invalid_request", True)


@spec("RFC 8693", "1.1")
@spec("RFC 8693", "4.4")
def test_a_member_of_staff_acts_for_a_user(shop: Shop, app: RelyingParty) -> None:
    """By an app of their own, which the shop's tokens name alone as one that may act."""
    desk = make_client(
        client_name="Desk",
        grant_types=["authorization_code", EXCHANGE],
        scope=f"openid {shop.read}",
        token_exchange_clients=[app.client.client_id],
        token_exchange_resources={shop.stock["identifier"]: {shop.read: shop.order}},
    )
    for_orders = token_for_orders(app, shop)
    with Browser() as browser:
        helper = RelyingParty(desk, browser, make_user())
        own = helper.tokens()["access_token"]
        acting = {"actor_token": own, "actor_token_type": ACCESS_TOKEN, **shop.at_stock}
        act = {"sub": helper.user.sub, "client_id": desk.client_id}
        for _ in range(2):
            assert verified(exchanged(helper, for_orders, **acting)["access_token"])["act"] == act
        assert [event.details["act"] for event in events_of(app.user)] == [act, act]
        row = shop.row()
        try:
            for may_act in (shop.backend, helper):
                row.may_act = may_act.client.client_id
                row.save()
                named = {"sub": row.may_act, "client_id": row.may_act}
                token = token_for_orders(app, shop)
                assert verified(token)["may_act"] == named
                assert app.introspect(token)["may_act"] == named
                others = helper if may_act is shop.backend else shop.backend
                assert "may_act" in refused(others, token, **shop.at_stock)[1]
                exchanged(may_act, token, **shop.at_stock)
        finally:
            row.may_act = ""
            row.save()
        end_sessions(list(Session.objects.filter(user__sub=helper.user.sub)), Ending.OPERATOR)
        assert "actor_token belongs to a session" in refused(helper, for_orders, **acting)[1]


@spec("RFC 8693", "2.1")
def test_a_client_narrows_its_own_token(browser: Browser, user: EndUser) -> None:
    client = make_client(grant_types=["authorization_code", EXCHANGE], first_party=True)
    app = RelyingParty(client, browser, user)
    token = app.tokens(scope="openid email")["access_token"]
    narrow = exchanged(app, token, scope="openid")
    assert narrow["scope"] == "openid"
    assert app.userinfo(narrow["access_token"]).json() == {"sub": user.sub}
    assert refused(app, narrow["access_token"], scope="openid email")[0] == "invalid_scope"
    assert refused(app, token, requested_token_type=JWT)[0] == "invalid_request"  # it is opaque
    assert "refresh_token" not in narrow


@spec("RFC 8693", "3")
def test_id_tokens_where_the_policy_allows_them(shop: Shop, app: RelyingParty) -> None:
    policies = {
        "token_exchange_resources": {shop.stock["identifier"]: {shop.read: shop.order}},
        "token_exchange_clients": [app.client.client_id],
        "scope": shop.read,
    }
    portal = make_service(**policies, token_exchange_id_tokens=True)
    strict = make_service(**policies)
    stranger = make_service(
        **{**policies, "token_exchange_clients": []}, token_exchange_id_tokens=True
    )
    id_token = app.tokens(scope=f"openid {shop.order}")["id_token"]
    sent = {"subject_token_type": ID_TOKEN, **shop.at_stock}
    answer = exchanged(portal, id_token, **sent)
    assert verified(answer["access_token"])["sub"] == app.user.sub
    for other in (strict, stranger):
        assert refused(other, id_token, **sent)[0] == "invalid_request"
    forged = id_token[:-8] + "AAAAAAAA"
    assert refused(portal, forged, **sent)[0] == "invalid_request"
    jwt = token_for_orders(app, shop)  # an access token is no ID token
    assert refused(portal, jwt, **sent)[0] == "invalid_request"
    end_sessions(list(Session.objects.filter(user__sub=app.user.sub)), Ending.SIGNED_OUT)
    assert refused(portal, id_token, **sent)[0] == "invalid_request"
    assert portal.introspect(answer["access_token"]) == {"active": False}


@spec("RFC 8414", "2")
def test_discovery_tells_of_it_while_a_client_has_it(provider: Server) -> None:
    from idp.clients import enabled_grants
    from idp.endpoints.metadata import provider_metadata

    make_service()
    client = make_client(
        grant_types=["authorization_code", EXCHANGE],
        native_sso_group="g",
        first_party=True,
        connected_applications={"https://chat.example.com": {"client_id": "acme"}},
    )

    def published() -> dict[str, Any]:
        enabled_grants._known = None
        return provider_metadata(enabled_grants.enabled_grants())

    assert EXCHANGE in published()["grant_types_supported"]
    assert published()["native_sso_supported"] is True
    assert "device_sso" in published()["scopes_supported"]
    assert published()["identity_chaining_requested_token_types_supported"]
    special = Client.objects.exclude(native_sso_group="", connected_applications=None)
    kept = list(special.filter(enabled=True).values_list("pk", flat=True))
    Client.objects.filter(pk__in=kept).update(enabled=False)
    try:
        assert not {
            "native_sso_supported",
            "identity_chaining_requested_token_types_supported",
        } & set(published())
        assert "device_sso" not in published()["scopes_supported"]
    finally:
        Client.objects.filter(pk__in=kept).update(enabled=True)
    assert client.client_id
    assert published()["issuer"] == ISSUER
