"""Each denial is kept under its reference: its error, its check, and the section it upholds."""

import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from django.utils import timezone

from accounts.models import Session, User
from idp.models import AuthorizationCode, Event, Interaction, RefreshToken
from tests.relying_party import (
    ISSUER,
    REFERENCE,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    make_api,
    make_client,
    make_user,
    spec,
)

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
AFTER = "https://rp.example.com/signed-out"


def event_of(answer: httpx.Response) -> Event:
    """Return the event that an answer names: in a redirect, in JSON, or on a page."""
    told = unquote(answer.headers.get("Location", "")) or answer.text
    found = REFERENCE.search(told)
    assert found, told
    return Event.objects.get(reference=found[0])


@pytest.fixture
def relying_party(browser: Browser, user: EndUser) -> RelyingParty:
    """A website whose user is signed in and has agreed, with all grants that users use."""
    client = make_client(
        grant_types=["authorization_code", "refresh_token"],
        refresh_without_offline_access=True,
        post_logout_redirect_uris=[AFTER],
        first_party=True,
    )
    relying_party = RelyingParty(client, browser, user)
    browser.sign_in(user)
    return relying_party


Ask = Callable[[RelyingParty], httpx.Response]


def authorize(**overrides: Any) -> Ask:
    return lambda relying_party: relying_party.visit(**overrides)


def authorize_of(metadata: dict[str, Any], *, signed_in: bool = True, **overrides: Any) -> Ask:
    """Ask for another client, by a user who has agreed to nothing."""

    def ask(relying_party: RelyingParty) -> httpx.Response:
        with Browser() as browser:
            if signed_in:
                browser.sign_in(relying_party.user)
            return RelyingParty(make_client(**metadata), browser, relying_party.user).visit(
                **overrides
            )

    return ask


def apis_that_differ(relying_party: RelyingParty) -> httpx.Response:
    """Exchange a code for a token of two APIs that don't want the same."""
    apis = [make_api(access_token_format=name, scopes=[]) for name in ("opaque", "jwt")]
    query = list(relying_party.parameters().items())
    query += [("resource", api["identifier"]) for api in apis]
    code = relying_party.answer(relying_party.browser.get("/authorize", params=query)).code
    return relying_party.exchange(code)


def unknown_resource_at_token(relying_party: RelyingParty) -> httpx.Response:
    api = make_api(scopes=[])
    code = relying_party.authorize(resource=api["identifier"]).code
    return relying_party.exchange(code, resource="https://other.example.com")


def scope_of_no_use_there(relying_party: RelyingParty) -> httpx.Response:
    return relying_party.visit(resource=make_api()["identifier"])


def token(**parameters: Any) -> Ask:
    return lambda relying_party: relying_party.token(**parameters)


def exchange(**overrides: Any) -> Ask:
    return lambda relying_party: relying_party.exchange(relying_party.authorize().code, **overrides)


def exchange_without_challenge(relying_party: RelyingParty) -> httpx.Response:
    asked = relying_party.authorize(code_challenge=None, code_challenge_method=None)
    return relying_party.exchange(asked.code)


def exchange_twice(relying_party: RelyingParty) -> httpx.Response:
    code = relying_party.authorize().code
    assert relying_party.exchange(code).status_code == 200
    return relying_party.exchange(code)


def exchange_late(relying_party: RelyingParty) -> httpx.Response:
    code = relying_party.authorize().code
    codes = AuthorizationCode.objects.filter(application__client_id=relying_party.client.client_id)
    codes.update(expires=timezone.now())
    time.sleep(0.01)
    return relying_party.exchange(code)


def exchange_when_signed_out(relying_party: RelyingParty) -> httpx.Response:
    code = relying_party.authorize().code
    sessions = Session.objects.filter(user__email=relying_party.user.email)
    sessions.update(ended_at=timezone.now())
    return relying_party.exchange(code)


def refresh(**parameters: Any) -> Ask:
    return lambda relying_party: relying_party.refresh(
        relying_party.tokens()["refresh_token"], **parameters
    )


def refresh_twice(relying_party: RelyingParty) -> httpx.Response:
    refresh_token = relying_party.tokens()["refresh_token"]
    assert relying_party.refresh(refresh_token).status_code == 200
    return relying_party.refresh(refresh_token)


def refresh_late(relying_party: RelyingParty) -> httpx.Response:
    refresh_token = relying_party.tokens()["refresh_token"]
    tokens = RefreshToken.objects.filter(application__client_id=relying_party.client.client_id)
    tokens.update(expires=timezone.now())
    time.sleep(0.01)
    return relying_party.refresh(refresh_token)


def for_itself(**parameters: Any) -> Ask:
    def ask(relying_party: RelyingParty) -> httpx.Response:
        client = make_client(
            grant_types=["client_credentials"], response_types=[], redirect_uris=None
        )
        machine = RelyingParty(client, relying_party.browser, relying_party.user)
        return machine.token(grant_type="client_credentials", **parameters)

    return ask


def disabled(relying_party: RelyingParty) -> httpx.Response:
    client = make_client(enabled=False)
    return httpx.post(
        f"{ISSUER}/token", auth=(client.client_id, client.secret or ""), data={"x": "y"}
    )


def post(path: str, *, auth: tuple[str, str] | None = None, **request: Any) -> Ask:
    """Send this as it is, from the client without its secret."""

    def ask(relying_party: RelyingParty) -> httpx.Response:
        given = {"headers": FORM, **request}
        return httpx.post(f"{ISSUER}{path}", auth=auth, verify=False, **given)

    return ask


def wrong_secret(path: str) -> Ask:
    return lambda relying_party: httpx.post(
        f"{ISSUER}{path}", auth=(relying_party.client.client_id, "x"), data={"token": "x"}
    )


def another_method(_relying_party: RelyingParty) -> httpx.Response:
    client = make_client(strict=True)
    data = {"client_id": client.client_id, "client_secret": client.secret}
    return httpx.post(f"{ISSUER}/token", data=data)


def secret_twice(relying_party: RelyingParty) -> httpx.Response:
    return relying_party.post("/token", client_secret="x", grant_type="refresh_token")


def public_introspection(relying_party: RelyingParty) -> httpx.Response:
    client = make_client(token_endpoint_auth_method="none")
    return httpx.post(
        f"{ISSUER}/introspect", data={"client_id": client.client_id, "token": "x"}, verify=False
    )


def userinfo(path: str = "/userinfo", grant: str = "Bearer x") -> Ask:
    return lambda _: httpx.get(f"{ISSUER}{path}", headers={"Authorization": grant}, verify=False)


def userinfo_without_openid(relying_party: RelyingParty) -> httpx.Response:
    return relying_party.userinfo(relying_party.tokens(scope="profile")["access_token"])


def userinfo_for_an_api(relying_party: RelyingParty) -> httpx.Response:
    api = make_api(scopes=[])
    return relying_party.userinfo(relying_party.tokens(resource=api["identifier"])["access_token"])


def userinfo_when_signed_out(relying_party: RelyingParty) -> httpx.Response:
    access_token = relying_party.tokens()["access_token"]
    sessions = Session.objects.filter(user__email=relying_party.user.email)
    sessions.update(ended_at=timezone.now())
    return relying_party.userinfo(access_token)


def end_session(**parameters: str) -> Ask:
    return lambda relying_party: relying_party.browser.get("/end_session", params=parameters)


def leave(uri: str) -> Ask:
    return lambda relying_party: relying_party.browser.get(
        "/end_session",
        params={
            "client_id": relying_party.client.client_id,
            "post_logout_redirect_uri": uri,
        },
    )


def leave_by_a_hint_of_another(relying_party: RelyingParty) -> httpx.Response:
    hint = relying_party.tokens()["id_token"]
    return end_session(id_token_hint=hint, client_id=make_client().client_id)(relying_party)


def confirm_tampered(relying_party: RelyingParty) -> httpx.Response:
    page = end_session(client_id=relying_party.client.client_id)(relying_party)
    form = page.text.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    return relying_party.browser.post(
        "/end_session/confirm?request=x",
        data={"csrfmiddlewaretoken": form, "answer": "sign-out"},
        headers={"Origin": ISSUER},
    )


def cancelled(relying_party: RelyingParty) -> httpx.Response:
    own = RelyingParty(make_client(), relying_party.browser, relying_party.user)
    return own.browser.submit(own.visit(), "deny")


def expired(relying_party: RelyingParty) -> httpx.Response:
    own = RelyingParty(make_client(), relying_party.browser, relying_party.user)
    page = own.visit()
    interactions = Interaction.objects.filter(client__client_id=own.client.client_id)
    assert interactions.update(arrived_at=timezone.now() - timedelta(hours=2)) == 1
    return own.browser.settle(own.browser.get(str(page.url)))


# ruff: noqa: E501
DENIALS: list[tuple[str, Ask, str, str, str]] = [
    # What was wrong, the request, and what its event has to say: error, section, words of it.
    ("no client_id", authorize(client_id=None), "invalid_request", "OIDC Core §3.1.2.1", "missing"),
    ("a client unknown", authorize(client_id="x"), "invalid_request", "RFC 6749 §2.2", "client_id x"),
    ("a client disabled", authorize_of({"enabled": False}), "invalid_request", "RFC 6749 §2.2", "disabled"),
    ("no redirect_uri", authorize(redirect_uri=None), "invalid_request", "OIDC Core §3.1.2.1", "missing"),
    ("another redirect_uri", authorize(redirect_uri="https://x.example"), "invalid_request", "OIDC Core §3.1.2.1", "not one that is registered"),
    ("no response_type", authorize(response_type=None), "invalid_request", "RFC 6749 §3.1.1", "response_type is missing"),
    ("an odd response_type", authorize(response_type="x"), "unsupported_response_type", "RFC 6749 §3.1.1", "response_type x"),
    ("an odd response_mode", authorize(response_mode="x"), "invalid_request", "OAuth 2.0 Multiple Response Types §2.1", "response_mode x"),
    ("an odd prompt", authorize(prompt="x"), "invalid_request", "OIDC Core §3.1.2.1", "prompt x"),
    ("prompt none and more", authorize(prompt="none login"), "invalid_request", "OIDC Core §3.1.2.1", "combined"),
    ("an odd max_age", authorize(max_age="soon"), "invalid_request", "OIDC Core §3.1.2.1", "whole number"),
    ("a long nonce", authorize(nonce="x" * 2000), "invalid_request", "OIDC Core §3.1.2.1", "nonce is longer"),
    ("a request object", authorize(request="x"), "invalid_request_object", "RFC 9101 §6.2", "not a signed JWT"),
    ("no scope there is", authorize(scope="bogus"), "invalid_scope", "RFC 6749 §3.3", "ask for openid"),
    ("plain", authorize(code_challenge_method="plain"), "invalid_request", "RFC 7636 §4.3", "S256"),
    ("no method", authorize(code_challenge_method=None), "invalid_request", "RFC 7636 §4.3", "means plain"),
    ("no PKCE", authorize_of({"token_endpoint_auth_method": "none"}, code_challenge=None, code_challenge_method=None), "invalid_request", "RFC 9700 §2.1.1", "PKCE"),
    ("a strange resource", authorize(resource="https://x.example"), "invalid_target", "RFC 8707 §2", "https://x.example"),
    ("a strange id_token_hint", authorize(id_token_hint="x"), "invalid_request", "OIDC Core §3.1.2.1", "issued here"),
    ("nobody signed in", authorize_of({}, signed_in=False, prompt="none"), "login_required", "OIDC Core §3.1.2.3", "No user is signed in"),
    ("too old a sign-in", authorize(prompt="none", max_age="0"), "login_required", "OIDC Core §3.1.2.3", "older than the 0 seconds"),
    ("not agreed", authorize_of({}, prompt="none"), "consent_required", "OIDC Core §3.1.2.4", "not agreed"),
    ("Cancel", cancelled, "access_denied", "RFC 6749 §4.1.2.1", "chose not to"),
    ("expired", expired, "invalid_request", "OIDC Core §3.1.2", "not finished in time"),
    ("PUT at authorize", lambda rp: rp.browser.put("/authorize"), "invalid_request", "RFC 9110 §15.5.6", "PUT"),
    ("GET at token", lambda rp: rp.browser.get("/token"), "invalid_request", "RFC 9110 §15.5.6", "GET"),
    ("POST at jwks", lambda rp: rp.browser.post("/jwks"), "invalid_request", "RFC 9110 §15.5.6", "POST"),
    ("no grant_type", token(x="y"), "invalid_request", "RFC 6749 §5.2", "grant_type is missing"),
    ("an odd grant_type", token(grant_type="urn:x"), "unsupported_grant_type", "RFC 6749 §5.2", "urn:x"),
    ("another grant_type", token(grant_type="client_credentials"), "unauthorized_client", "RFC 6749 §5.2", "not registered"),
    ("no code", token(grant_type="authorization_code"), "invalid_request", "RFC 6749 §5.2", "code is missing"),
    ("an unknown code", token(grant_type="authorization_code", code="x"), "invalid_grant", "RFC 6749 §4.1.2", "unknown"),
    ("a code again", exchange_twice, "invalid_grant", "RFC 6749 §4.1.2", "used before"),
    ("a code too late", exchange_late, "invalid_grant", "RFC 6749 §4.1.2", "60 seconds"),
    ("a code's other address", exchange(redirect_uri=AFTER), "invalid_grant", "RFC 6749 §4.1.3", "differs"),
    ("a code without address", exchange(redirect_uri=None), "invalid_grant", "RFC 6749 §4.1.3", "missing"),
    ("a code without verifier", exchange(code_verifier=None), "invalid_grant", "RFC 7636 §4.6", "missing"),
    ("an odd verifier", exchange(code_verifier="x"), "invalid_grant", "RFC 7636 §4.6", "43 to 128"),
    ("another verifier", exchange(code_verifier="x" * 43), "invalid_grant", "RFC 7636 §4.6", "does not belong"),
    ("a verifier for nothing", exchange_without_challenge, "invalid_grant", "RFC 7636 §4.6", "no code_challenge"),
    ("signed out", exchange_when_signed_out, "invalid_grant", "RFC 6749 §5.2", "signed out"),
    ("another resource", unknown_resource_at_token, "invalid_target", "RFC 8707 §2.2", "other.example.com"),
    ("resources that differ", apis_that_differ, "invalid_target", "RFC 8707 §2.2", "one at a time"),
    ("scopes of no use", scope_of_no_use_there, "invalid_scope", "RFC 9068 §3", "can be granted at this resource"),
    ("an unknown refresh token", token(grant_type="refresh_token", refresh_token="x"), "invalid_grant", "RFC 9700 §4.14.2", "unknown"),
    ("a refresh token again", refresh_twice, "invalid_grant", "RFC 9700 §4.14.2", "used before"),
    ("a refresh token too late", refresh_late, "invalid_grant", "RFC 6749 §6", "expired"),
    ("more than was granted", refresh(scope="openid phone"), "invalid_scope", "RFC 6749 §6", "phone"),
    ("a user's scope for itself", for_itself(scope="profile"), "invalid_scope", "RFC 6749 §3.3", "profile"),
    ("no client", post("/token", data={"grant_type": "x"}), "invalid_client", "RFC 6749 §2.3", "names no client"),
    ("an unknown client", post("/token", data={"client_id": "x"}), "invalid_client", "RFC 6749 §2.2", "client_id x"),
    ("a disabled client", disabled, "invalid_client", "RFC 6749 §2.2", "disabled"),
    ("a wrong secret", wrong_secret("/token"), "invalid_client", "RFC 6749 §2.3.1", "secret is wrong"),
    ("another method", another_method, "invalid_client", "OIDC Core §9", "client_secret_basic"),
    ("a secret twice", secret_twice, "invalid_request", "RFC 6749 §2.3", "send it in one"),
    ("an odd header", post("/token", headers={**FORM, "Authorization": "Basic x"}), "invalid_client", "RFC 6749 §2.3.1", "base64"),
    ("parameters in the address", post("/token?code=b"), "invalid_request", "RFC 6749 §2.3.1", "in the address"),
    ("JSON", post("/token", headers={}, json={"a": "b"}), "invalid_request", "RFC 6749 §4.1.3", "application/json"),
    ("a parameter twice", post("/token", content="a=1&a=2"), "invalid_request", "RFC 6749 §3.1", "more often: a"),
    ("broken UTF-8", post("/token", content="a=%ff"), "invalid_request", "RFC 6749 §3.1", "UTF-8"),
    ("an unknown access token", userinfo(), "invalid_token", "RFC 6750 §3.1", "unknown"),
    ("two access tokens", userinfo(grant="Bearer a b"), "invalid_request", "RFC 6750 §2.1", "one access token"),
    ("a token in the address", userinfo("/userinfo?access_token=x"), "invalid_request", "RFC 6750 §2.3", "in the address"),
    ("a token without openid", userinfo_without_openid, "insufficient_scope", "RFC 6750 §3.1", "openid"),
    ("a token of an API", userinfo_for_an_api, "invalid_token", "RFC 6750 §3.1", "for an API"),
    ("a token of a session that ended", userinfo_when_signed_out, "invalid_token", "RFC 6750 §3.1", "has ended"),
    ("asking without a secret", public_introspection, "unauthorized_client", "RFC 7662 §2.1", "without a secret"),
    ("asking with a wrong one", wrong_secret("/introspect"), "invalid_client", "RFC 6749 §2.3.1", "wrong"),
    ("asking about nothing", lambda rp: rp.post("/introspect", x="y"), "invalid_request", "RFC 6749 §5.2", "token is missing"),
    ("revoking nothing", lambda rp: rp.post("/revoke", x="y"), "invalid_request", "RFC 6749 §5.2", "token is missing"),
    ("revoking with a wrong secret", wrong_secret("/revoke"), "invalid_client", "RFC 6749 §2.3.1", "wrong"),
    ("leaving for elsewhere", leave("https://x.example"), "invalid_request", "OIDC RP-Initiated Logout §3", "not one that is registered"),
    ("leaving for anybody", end_session(post_logout_redirect_uri=AFTER), "invalid_request", "OIDC RP-Initiated Logout §3", "whose it is"),
    ("leaving by a strange hint", end_session(id_token_hint="x"), "invalid_request", "OIDC RP-Initiated Logout §2", "issued here"),
    ("leaving by another's hint", leave_by_a_hint_of_another, "invalid_request", "OIDC RP-Initiated Logout §2", "another than"),
    ("leaving for a stranger", end_session(client_id="x"), "invalid_request", "OIDC RP-Initiated Logout §2", "client_id x"),
    ("leaving by a broken address", confirm_tampered, "invalid_request", "OIDC RP-Initiated Logout §2", "incomplete"),
]  # fmt: skip


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize(
    ("ask", "error", "section", "words"),
    [denial[1:] for denial in DENIALS],
    ids=[denial[0] for denial in DENIALS],
)
def test_a_denial_is_told_under_its_reference(
    relying_party: RelyingParty, ask: Ask, error: str, section: str, words: str
) -> None:
    event = event_of(ask(relying_party))
    assert event.kind == Event.Kind.DENIED
    assert event.error == error
    assert event.details["section"] == section
    assert words in event.reason
    assert event.reason.endswith(".")
    assert event.details["check"]
    assert "<locals>" not in event.details["check"]
    assert event.details["at"].startswith("/")
    assert event.details["method"]


@spec("RFC 6749", "5.2")
def test_a_denial_names_the_client_however_the_request_failed(relying_party: RelyingParty) -> None:
    client_id = relying_party.client.client_id
    answers = [
        relying_party.visit(redirect_uri="https://x.example"),
        relying_party.visit(prompt="x"),
        httpx.post(f"{ISSUER}/token", data={"client_id": client_id, "a": ["1", "2"]}),
        wrong_secret("/token")(relying_party),
        relying_party.token(grant_type="x"),
        end_session(id_token_hint=relying_party.tokens()["id_token"], post_logout_redirect_uri="x")(
            relying_party
        ),
        userinfo_when_signed_out(relying_party),
    ]
    assert [event_of(answer).client_id for answer in answers] == [client_id] * len(answers)


def test_a_denial_names_the_user_who_was_there(relying_party: RelyingParty) -> None:
    user = User.objects.get(email=relying_party.user.email)
    assert event_of(relying_party.visit(redirect_uri="https://x.example")).user == user
    assert event_of(relying_party.visit(prompt="x")).user == user


def test_asking_for_the_answer_to_a_question_shows_the_question(
    relying_party: RelyingParty,
) -> None:
    """The language switch and a reload come back to it by GET."""
    page = end_session(client_id=relying_party.client.client_id)(relying_party)
    action = re.search(r'action="(/end_session/confirm[^"]*)"', page.text)
    assert action
    again = relying_party.browser.settle(relying_party.browser.get(action[1]))
    assert "confirm-logout" in again.text
    assert is_error_page(
        relying_party.browser.settle(relying_party.browser.get("/end_session/confirm?request=x"))
    )


def test_a_code_of_another_client_is_unknown(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    other = RelyingParty(make_client(), relying_party.browser, make_user())
    other.code_verifier = relying_party.code_verifier
    event = event_of(other.exchange(code))
    assert "unknown" in event.reason
    assert relying_party.exchange(code).status_code == 200, "it was not touched"
