"""What a token is, for those who may know. RFC 7662; signed answers, RFC 9701."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from jwcrypto.jwt import JWT

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from foundation.statements import hash_of
from idp import policy
from idp.declaration import apply
from idp.models import AccessToken, RefreshToken
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_api,
    make_client,
    spec,
    verified,
)

INACTIVE = {"active": False}
SIGNED = "application/token-introspection+jwt"
GRANTS = ["authorization_code", "refresh_token"]


def api_client() -> dict[str, Any]:
    """The metadata of a client that an API introspects as."""
    return {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": None}


@pytest.fixture
def app(browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(make_client(grant_types=GRANTS), browser, user)


@pytest.fixture
def bakery(browser: Browser, user: EndUser) -> RelyingParty:
    """An API's own client, appointed by the operator; `api` is the API."""
    appointed = RelyingParty(make_client(**api_client()), browser, user)
    appointed.api = make_api(
        access_token_format="opaque", introspection_clients=[appointed.client.client_id]
    )
    return appointed


def tokens_for(bakery: RelyingParty) -> dict[str, Any]:
    """Return the tokens of an app that uses the API."""
    scope = " ".join(["openid", "offline_access", *bakery.api["scopes"]])
    client = make_client(grant_types=GRANTS, scope=scope)
    app = RelyingParty(client, bakery.browser, bakery.user)
    tokens = app.tokens(scope=scope, resource=bakery.api["identifier"])
    return {**tokens, "client_id": client.client_id}


@spec("RFC 7662", "2.2")
@pytest.mark.parametrize("limit", ["last_seen_at", "authenticated_at"])
@pytest.mark.parametrize("scope", ["openid email", "openid email offline_access"])
def test_all_agree_on_a_session_that_is_over_by_its_limits(
    browser: Browser, user: EndUser, limit: str, scope: str
) -> None:
    """No visit and no chore has ended it: a client that uses a token of it finds out."""
    client = make_client(grant_types=GRANTS, refresh_without_offline_access=True)
    app = RelyingParty(client, browser, user)
    tokens = app.tokens(scope=scope)
    over = timezone.now() - timedelta(days=100)
    Session.objects.filter(user__sub=user.sub).update(**{limit: over})
    goes_on = "offline_access" in scope
    assert app.introspect(tokens["refresh_token"])["active"] == goes_on
    assert app.introspect(tokens["access_token"])["active"] == goes_on
    assert app.userinfo(tokens["access_token"]).status_code == (200 if goes_on else 401)
    stored = AccessToken.objects.get(token_checksum=hash_of(tokens["access_token"]))
    assert stored.is_valid(["openid"]) == goes_on  # what the toolkit asks
    assert app.refresh(tokens["refresh_token"]).status_code == (200 if goes_on else 400)
    assert Session.objects.get(user__sub=user.sub).ended_at is None


@spec("RFC 7662", "2.2")
@pytest.mark.parametrize("form", ["opaque", "jwt"])
def test_a_client_may_ask_about_its_own(browser: Browser, user: EndUser, form: str) -> None:
    app = RelyingParty(make_client(access_token_format=form), browser, user)
    tokens = app.tokens(scope="openid email")
    sign_in = verified(tokens["id_token"])
    answer = app.introspect(tokens["access_token"])
    assert answer["exp"] - answer["iat"] == tokens["expires_in"]
    assert answer == {
        "active": True,
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": user.sub,
        "client_id": app.client.client_id,
        "token_type": "Bearer",
        "scope": "email openid",
        "iat": answer["iat"],
        "exp": answer["exp"],
        "auth_time": sign_in["auth_time"],
        "acr": sign_in["acr"],
        "amr": sign_in["amr"],
    }


@spec("RFC 7662", "2.2")
def test_a_refresh_token_is_known_to_its_own_client(app: RelyingParty) -> None:
    token = app.tokens(scope="openid offline_access")["refresh_token"]
    answer = app.introspect(token, token_type_hint="access_token")  # a hint may be wrong
    assert answer == {
        "active": True,
        "iss": ISSUER,
        "sub": app.user.sub,
        "client_id": app.client.client_id,
        "scope": "offline_access openid",
        "iat": answer["iat"],
        "exp": answer["exp"],
    }


@spec("RFC 7662", "2.2")
def test_a_clients_own_token_has_the_client_as_subject(browser, user) -> None:
    machine = RelyingParty(make_client(**api_client()), browser, user)
    token = machine.token(grant_type="client_credentials").json()["access_token"]
    answer = machine.introspect(token)
    assert answer["active"]
    assert answer["sub"] == answer["client_id"] == machine.client.client_id
    assert not {"auth_time", "scope"} & set(answer)


@spec("RFC 7662", "4")
def test_an_appointed_client_may_ask_about_tokens_for_its_api(bakery: RelyingParty) -> None:
    tokens = tokens_for(bakery)
    answer = bakery.introspect(tokens["access_token"])
    assert answer["active"]
    assert answer["aud"] == bakery.api["identifier"]
    assert answer["scope"].split() == bakery.api["scopes"]
    assert (answer["client_id"], answer["sub"]) == (tokens["client_id"], bakery.user.sub)


@spec("RFC 7662", "4")
def test_an_api_never_learns_of_refresh_tokens(bakery: RelyingParty) -> None:
    assert bakery.introspect(tokens_for(bakery)["refresh_token"]) == INACTIVE


@spec("RFC 7662", "4")
def test_an_api_learns_nothing_of_tokens_for_others(bakery: RelyingParty, app) -> None:
    assert bakery.introspect(app.tokens()["access_token"]) == INACTIVE
    stranger = RelyingParty(make_client(**api_client()), bakery.browser, bakery.user)
    stranger.api = make_api(introspection_clients=[stranger.client.client_id])
    assert stranger.introspect(tokens_for(bakery)["access_token"]) == INACTIVE


@spec("RFC 7662", "4")
def test_who_is_no_longer_appointed_learns_nothing(bakery: RelyingParty) -> None:
    token = tokens_for(bakery)["access_token"]
    assert bakery.introspect(token)["active"]
    apply({"resource_servers": [{**bakery.api, "introspection_clients": []}]}, dry_run=False)
    assert bakery.introspect(token) == INACTIVE


@spec("RFC 7662", "2.1")
def test_a_public_client_is_refused(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(token_endpoint_auth_method="none"), browser, user)
    refused = app.post("/introspect", token=app.tokens()["access_token"])
    assert refused.status_code in {400, 401}
    assert refused.json()["error"] == "unauthorized_client"


# --- the dead are inactive, and nothing else is said of them ------------------------------------


def expire(app: RelyingParty, tokens: dict[str, Any]) -> None:
    over = timezone.now() - timedelta(seconds=1)
    for model, name in ((AccessToken, "access_token"), (RefreshToken, "refresh_token")):
        row = model.objects.filter(token_checksum=hash_of(tokens[name]))
        assert row.update(expires=over) == 1


def revoke(app: RelyingParty, tokens: dict[str, Any]) -> None:
    app.revoke(tokens["refresh_token"])


def sign_out(app: RelyingParty, tokens: dict[str, Any]) -> None:
    end_sessions(Session.objects.filter(user__sub=app.user.sub), Ending.SIGNED_OUT)


def disable_user(app: RelyingParty, tokens: dict[str, Any]) -> None:
    User.objects.filter(sub=app.user.sub).update(is_active=False)


def replay(app: RelyingParty, tokens: dict[str, Any]) -> None:
    app.refresh(tokens["refresh_token"])
    app.refresh(tokens["refresh_token"])


@spec("RFC 7662", "2.2")
@pytest.mark.parametrize("end", [expire, revoke, sign_out, disable_user, replay])
def test_a_dead_token_is_inactive(browser: Browser, user: EndUser, end: Callable) -> None:
    client = make_client(grant_types=GRANTS, refresh_without_offline_access=True)
    app = RelyingParty(client, browser, user)
    tokens = app.tokens()
    assert all(app.introspect(tokens[name])["active"] for name in ("access_token", "refresh_token"))
    end(app, tokens)
    assert app.introspect(tokens["access_token"]) == INACTIVE
    assert app.introspect(tokens["refresh_token"]) == INACTIVE


@spec("RFC 7662", "2.2")
def test_a_disabled_clients_token_is_inactive_for_its_api(bakery: RelyingParty) -> None:
    tokens = tokens_for(bakery)
    assert bakery.introspect(tokens["access_token"])["active"]
    from idp.models import Client

    client = Client.objects.get(client_id=tokens["client_id"])
    client.enabled = False
    client.save()
    assert bakery.introspect(tokens["access_token"]) == INACTIVE


@spec("RFC 7662", "2.2")
@pytest.mark.parametrize("token", ["x", "x" * 43, "a.b.c", "ü", " "])
def test_an_unknown_token_is_inactive(app: RelyingParty, token: str) -> None:
    assert app.introspect(token) == INACTIVE


@spec("RFC 7662", "2.3")
@pytest.mark.parametrize("change", [{"client_secret": "n" * 40}, {"enabled": False}])
def test_a_caller_that_changed_is_refused_whatever_it_asks(bakery, app, change) -> None:
    token = tokens_for(bakery)["access_token"]
    foreign = app.tokens()["access_token"]
    bakery.introspect(token)  # the server has seen the caller as it was
    apply({"clients": [{**bakery.client.metadata, **change}]}, dry_run=False)
    for asked in ("x", foreign, token):
        refused = bakery.post("/introspect", token=asked)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


# --- the answer as a JWT ------------------------------------------------------------------------


@spec("RFC 9701", "5")
@pytest.mark.parametrize("algorithm", [None, "ES256", "EdDSA", "PS512", "ES384"])
def test_an_answer_may_be_signed(browser: Browser, user: EndUser, algorithm: str | None) -> None:
    client = make_client(introspection_signed_response_alg=algorithm)
    app = RelyingParty(client, browser, user)
    token = app.tokens()["access_token"]
    response = app.post("/introspect", token=token, headers={"Accept": SIGNED})
    assert response.headers["Content-Type"] == SIGNED
    assert response.headers["Cache-Control"] == "no-store"
    header = JWT(jwt=response.text).token.jose_header
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", algorithm or "RS256")
    claims = verified(response.text)
    assert (claims["iss"], claims["aud"]) == (ISSUER, app.client.client_id)
    assert isinstance(claims["iat"], int)
    assert not {"sub", "exp"} & set(claims)
    assert claims["token_introspection"] == app.introspect(token)


@spec("RFC 9701", "5")
def test_inactive_is_signed_too(app: RelyingParty) -> None:
    response = app.post("/introspect", token="x", headers={"Accept": SIGNED})
    assert verified(response.text)["token_introspection"] == INACTIVE


@spec("RFC 9701", "4")
def test_an_error_is_plain_json(app: RelyingParty) -> None:
    response = app.post("/introspect", headers={"Accept": SIGNED})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


@spec("RFC 7662", "2.2")
def test_a_plain_answer_is_json_that_nobody_keeps(app: RelyingParty) -> None:
    response = app.post("/introspect", token="x")
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert json.loads(response.text) == INACTIVE


@spec("RFC 7662", "2.1")
def test_errors(app: RelyingParty) -> None:
    assert app.post("/introspect", token=["x", "y"]).json()["error"] == "invalid_request"
    unproven = httpx.post(f"{ISSUER}/introspect", data={"token": "x"}, verify=False)
    assert (unproven.status_code, unproven.json()["error"]) == (401, "invalid_client")
    assert unproven.headers["WWW-Authenticate"].startswith("Basic ")
    got = httpx.get(f"{ISSUER}/introspect", params={"token": "x"}, verify=False)
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")


@spec("RFC 9701", "7")
def test_discovery_says_where_and_how(provider: object) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    assert facts["introspection_endpoint"] == f"{ISSUER}/introspect"
    assert set(facts["introspection_endpoint_auth_methods_supported"]) == {
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
    }
    assert facts["introspection_signing_alg_values_supported"] == list(policy.SIGNING_ALGORITHMS)
