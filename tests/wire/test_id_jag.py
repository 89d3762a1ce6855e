"""ID-JAGs for connected applications. OAuth Identity Assertion Authorization Grant §4.3."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from idp.models import Event
from tests.exchanging import EXCHANGE, ID_JAG, ID_TOKEN, REFRESH_TOKEN, exchange
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    spec,
    verified,
)

CHAT, API = "https://acme.chat.example", "https://api.chat.example/"
GRANTS = ["authorization_code", "refresh_token", EXCHANGE]
DRAFT = "OAuth Identity Assertion Authorization Grant"


def make_agent(**metadata: Any) -> Any:
    """Register a client that an operator has connected with an application."""
    chat = {
        "client_id": "f53f191f9311af35",
        "scopes": ["chat.read", "chat.history"],
        "resources": [API],
        "email": True,
    }
    connected = {CHAT: chat, "https://plain.example": {"client_id": "agent"}}
    return make_client(grant_types=GRANTS, connected_applications=connected, **metadata)


@pytest.fixture
def agent(browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(make_agent(), browser, user)


def ask(agent: RelyingParty, token: str, **parameters: Any) -> Any:
    sent = {
        "requested_token_type": ID_JAG,
        "audience": CHAT,
        "subject_token_type": ID_TOKEN,
        **parameters,
    }
    return exchange(agent, token, **sent)


def header_of(jwt: str) -> dict[str, Any]:
    part = jwt.partition(".")[0]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@spec(DRAFT, "4.3")
def test_an_id_token_gives_one(agent: RelyingParty) -> None:
    tokens = agent.tokens(scope="openid offline_access")
    sign_in = verified(tokens["id_token"])
    response = ask(agent, tokens["id_token"], resource=API, scope="chat.read")
    assert response.headers["Cache-Control"] == "no-store"
    answer = response.json()
    assert answer == {
        "issued_token_type": ID_JAG,
        "access_token": answer["access_token"],
        "token_type": "N_A",
        "expires_in": 300,
        "scope": "chat.read",
    }
    claims = verified(answer["access_token"])
    assert header_of(answer["access_token"])["typ"] == "oauth-id-jag+jwt"
    assert claims == {
        "iss": ISSUER,
        "sub": agent.user.sub,
        "aud": CHAT,
        "client_id": "f53f191f9311af35",
        "jti": claims["jti"],
        "iat": claims["iat"],
        "exp": claims["iat"] + 300,
        "resource": API,
        "scope": "chat.read",
        **{name: sign_in[name] for name in ("auth_time", "acr", "amr")},
        "email": agent.user.email,
        "email_verified": True,
    }
    again = verified(ask(agent, tokens["id_token"]).json()["access_token"])
    assert (again["scope"], again["resource"]) == ("chat.history chat.read", API)
    assert again["jti"] != claims["jti"]
    plain = ask(agent, tokens["id_token"], audience="https://plain.example").json()
    assert not {"email", "scope", "resource"} & set(verified(plain["access_token"]))
    by_refresh = {"subject_token_type": REFRESH_TOKEN}
    assert ask(agent, tokens["refresh_token"], **by_refresh).status_code == 200
    assert agent.introspect(tokens["refresh_token"])["active"]  # not used up
    assert Event.objects.filter(kind="token-exchanged", user__sub=agent.user.sub).count() == 4
    activity = agent.browser.open("/account/activity/").text
    assert "acme.chat.example" in activity
    # It is none of our access tokens, and no ID token.
    assert agent.userinfo(answer["access_token"]).status_code == 401
    assert agent.introspect(answer["access_token"]) == {"active": False}
    assert ask(agent, answer["access_token"]).json()["error"] == "invalid_grant"
    # After a sign-out, the sign-in stands for nothing; offline access goes on.
    end_sessions(list(Session.objects.filter(user__sub=agent.user.sub)), Ending.SIGNED_OUT)
    assert ask(agent, tokens["id_token"]).json()["error"] == "invalid_grant"
    assert ask(agent, tokens["refresh_token"], **by_refresh).status_code == 200
    agent.revoke(tokens["refresh_token"])
    assert ask(agent, tokens["refresh_token"], **by_refresh).json()["error"] == "invalid_grant"


@spec(DRAFT, "4.3")
def test_what_is_not_connected_or_is_another_s(agent: RelyingParty) -> None:
    id_token = agent.tokens()["id_token"]
    other = RelyingParty(make_agent(), agent.browser, agent.user)
    theirs = other.tokens(scope="openid offline_access")
    unconnected = RelyingParty(make_client(grant_types=GRANTS), agent.browser, agent.user)
    public = RelyingParty(
        make_client(grant_types=GRANTS, token_endpoint_auth_method="none"),
        agent.browser,
        agent.user,
    )
    jwt = make_client(grant_types=GRANTS, access_token_format="jwt")
    access_token = RelyingParty(jwt, agent.browser, agent.user).tokens()["access_token"]
    refreshed = {"subject_token_type": REFRESH_TOKEN}
    attempts: list[tuple[str, RelyingParty, str, dict[str, Any]]] = [
        ("invalid_grant", agent, theirs["id_token"], {}),
        ("invalid_grant", agent, theirs["refresh_token"], refreshed),
        ("invalid_grant", agent, access_token, {}),
        ("invalid_grant", agent, id_token[:-8] + "AAAAAAAA", {}),
        ("invalid_target", unconnected, unconnected.tokens()["id_token"], {}),
        ("unauthorized_client", public, public.tokens()["id_token"], {}),
        ("invalid_target", agent, id_token, {"audience": "https://other.example"}),
        ("invalid_target", agent, id_token, {"resource": "https://other.example"}),
        ("invalid_scope", agent, id_token, {"scope": "chat.read chat.write"}),
        ("invalid_request", agent, id_token, {"audience": None}),
        ("invalid_request", agent, id_token, {"actor_token": "x", "actor_token_type": ID_TOKEN}),
        ("invalid_request", agent, id_token, {"subject_token_type": ID_JAG}),
    ]
    for error, client, token, parameters in attempts:
        response = ask(client, token, **parameters)
        assert response.status_code == 400
        assert response.json()["error"] == error, (parameters, response.text)
