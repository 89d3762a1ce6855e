"""Each check of the linter, with a client that it finds fault with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from idp.linter import Facts, Finding, Severity, findings_of
from idp.linter.near_misses import near_misses
from idp.models import Client, ClientSecret, Event
from idp.protocol.vocabulary import DEVICE_CODE
from idp.protocol.vocabulary import TOKEN_EXCHANGE as EXCHANGE

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def secret(*, age: int = 1, used: int | None = 0, ends_in: int | None = None) -> ClientSecret:
    return ClientSecret(
        created_at=NOW - age * DAY,
        last_used_at=None if used is None else NOW - used * DAY,
        expires_at=None if ends_in is None else NOW + ends_in * DAY,
    )


def client(**columns: Any) -> Client:
    """A client that there is nothing to say about."""
    address = "https://rp.example.com/"
    sound = {
        "client_id": "rp",
        "name": "Shop",
        "redirect_uris": ["https://rp.example.com/callback"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "contacts": ["ana@example.com"],
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
        "backchannel_logout_uri": "https://rp.example.com/told",
        **dict.fromkeys(("logo_uri", "client_uri", "policy_uri", "tos_uri"), address),
    }
    return Client(**{**sound, **columns})


SOUND = Facts(client(), NOW, secrets=(secret(),))
DEVICE = [DEVICE_CODE, "refresh_token"]


def said(facts: Facts) -> list[tuple[Severity, str]]:
    return [(finding.severity, finding.what) for finding in findings_of(facts)]


def with_(**columns: Any) -> Facts:
    return replace(SOUND, client=client(**columns))


def test_a_sound_client_is_left_alone() -> None:
    assert said(SOUND) == []


FAILING, WEAK, SUGGESTED = Severity


@pytest.mark.parametrize(
    ("facts", "severity", "words"),
    [
        (with_(enabled=False), FAILING, "It is disabled"),
        (with_(grant_types=[], response_types=[]), FAILING, "It may do nothing"),
        (with_(redirect_uris=[]), FAILING, "it has no redirect URI"),
        (replace(SOUND, refused=(("scopes", "gone"),)), FAILING, "could not be saved: gone"),
        (replace(SOUND, secrets=()), FAILING, "no valid secret"),
        (replace(SOUND, can_sign=False), FAILING, "use its secret as a key"),
        (
            replace(SOUND, failed_ping="gone"),
            FAILING,
            "not be told of the last answer of a user: gone",
        ),
        (replace(SOUND, wrong_secrets=3), FAILING, "A wrong secret came 3 times"),
        (
            with_(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [{"use": "enc"}]}),
            FAILING,
            "not of use: No key there can be used for client authentication",
        ),
        (
            with_(
                id_token_encrypted_response_alg="RSA-OAEP",
                jwks={"keys": [{"kty": "RSA", "use": "sig"}]},
            ),
            FAILING,
            "No key there can be encrypted to with RSA-OAEP",
        ),
        (replace(SOUND, secrets=(secret(ends_in=3),)), WEAK, "ends on 2027-03-04"),
        (replace(SOUND, secrets=(secret(age=400),)), WEAK, "not been changed since 2026-01-25"),
        (
            replace(SOUND, secrets=(secret(), secret(age=100, used=None))),
            WEAK,
            "has not been used since 2026-11-21",
        ),
        (with_(profile="compatible"), WEAK, "without PKCE"),
        (
            with_(require_pushed_authorization_requests=False),
            SUGGESTED,
            "What it asks for travels through the browser",
        ),
        (with_(dpop_bound_access_tokens=False), SUGGESTED, "of use to whoever steals one"),
        (replace(SOUND, goes_without_pkce=True), SUGGESTED, "without PKCE: only a nonce"),
        (replace(SOUND, refused_without_pkce=2), FAILING, "were rejected (times lately: 2)"),
        (with_(grant_types=["authorization_code", "implicit"]), WEAK, "(implicit)"),
        (with_(grant_types=["authorization_code", "password"]), WEAK, "password itself"),
        (with_(access_token_lifetime=7200), WEAK, "live for 7200 seconds"),
        (
            with_(
                application_type="native",
                token_endpoint_auth_method="none",
                skip_authorization=True,
            ),
            WEAK,
            "could pretend to be it",
        ),
        (
            replace(
                with_(
                    application_type="native",
                    token_endpoint_auth_method="none",
                    skip_authorization=True,
                    native_sso_group="g",
                    redirect_uris=["com.example.app:/cb"],
                ),
                shares_sign_ins=True,
            ),
            WEAK,
            "could pretend to be it",
        ),
        (replace(SOUND, closed_targets=("https://api",)), FAILING, "https://api by exchange"),
        (replace(SOUND, unknown_clients=("gone",)), WEAK, "that does not exist: gone"),
        (with_(grant_types=["authorization_code", EXCHANGE]), SUGGESTED, "but for no API"),
        (with_(token_exchange_resources={"https://api": {}}), SUGGESTED, "does not exchange"),
        (with_(native_sso_group="g"), SUGGESTED, "no other app has the same name"),
        (with_(scopes=["openid", "device_sso"]), SUGGESTED, "shares sign-ins with no app"),
        (with_(redirect_uris=["http://127.0.0.1:3000/cb"]), WEAK, "developer’s own machine"),
        (
            with_(application_type="native", redirect_uris=["http://localhost/cb"]),
            SUGGESTED,
            "by localhost",
        ),
        (with_(id_token_signed_response_alg="HS256"), SUGGESTED, "(HS256)"),
        (with_(scopes=["openid", "offline_access"]), SUGGESTED, "offline_access"),
        (with_(grant_types=[*DEVICE, "authorization_code"]), SUGGESTED, "codes for other devices"),
        (
            with_(grant_types=DEVICE[:1], response_types=[], redirect_uris=[]),
            SUGGESTED,
            "a new code whenever an access token expires",
        ),
        (replace(SOUND, has_roles=True), SUGGESTED, "may not ask for them"),
        (with_(scopes=["openid", "roles"]), SUGGESTED, "but has none"),
        (with_(id_token_claims="userinfo"), SUGGESTED, "no names and addresses"),
        (with_(name=""), SUGGESTED, "no name"),
        (with_(tos_uri="", logo_uri=""), SUGGESTED, "not shown a logo; terms of service"),
        (with_(contacts=[]), SUGGESTED, "It has neither an owner"),
        (with_(backchannel_logout_uri=""), SUGGESTED, "not notified when users sign out"),
        (replace(SOUND, failed_notification="It is down."), FAILING, "last sign-out: It is down."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_found(facts: Facts, severity: Severity, words: str) -> None:
    ((found, what),) = said(facts)
    assert found is severity
    assert words in what


@pytest.mark.parametrize(
    "facts",
    [
        with_(token_endpoint_auth_method="none", profile="compatible"),
        replace(
            with_(grant_types=["client_credentials"], response_types=[], redirect_uris=[]),
            secrets=(secret(), secret(ends_in=2)),
        ),
        with_(id_token_claims="userinfo", scopes=["openid"]),
        with_(id_token_claims="userinfo", registration_source="dcr", logo_uri="", client_uri=""),
        with_(skip_authorization=True, logo_uri="", tos_uri="", policy_uri=""),
        replace(
            with_(token_endpoint_auth_method="private_key_jwt"),
            client=client(
                token_endpoint_auth_method="private_key_jwt",
                jwks={"keys": [{"kty": "EC", "use": "sig"}]},
            ),
            secrets=(),
        ),
    ],
    ids=["public", "machine", "no claims", "self-registered", "own app", "keys"],
)
def test_what_is_fine(facts: Facts) -> None:
    assert said(facts) == []


def denial(uri: str, *, times: int = 1, parameter: str = "redirect_uri") -> Event:
    return Event(details={"parameters": {parameter: uri}}, times=times, at=NOW)


def test_a_near_miss_is_told_with_its_differences() -> None:
    rp = client(post_logout_redirect_uris=[])
    found = near_misses(
        rp,
        [
            denial("https://rp.example.com/callback"),  # it was registered meanwhile
            denial("https://evil.example/callback"),
            denial("no address"),
            denial("https://rp.example.com/callback/", times=2),
            denial("https://rp.example.com/callback/"),
            denial("https://www.rp.example.com/bye", parameter="post_logout_redirect_uri"),
        ],
    )
    assert [(miss.uri, miss.times) for miss in found] == [
        ("https://rp.example.com/callback/", 3),
        ("https://www.rp.example.com/bye", 1),
    ]
    slash, logout = findings_of(replace(SOUND, near_misses=tuple(found)))
    assert isinstance(slash, Finding)
    assert "rejected (times lately: 3), last on 2027-03-01." in slash.what
    assert slash.field == "redirect_uris"
    assert slash.more[1:] == ("The path ends with / in one and not in the other.",)
    assert (logout.field, logout.more) == ("post_logout_redirect_uris", ())


def test_a_client_waits_for_certificates_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    def findings(**columns: Any) -> list[tuple[str, str]]:
        found = findings_of(replace(SOUND, client=client(**columns)))
        return [(it.field, it.do) for it in found if it.severity is Severity.FAILING]

    method, bound = "token_endpoint_auth_method", "tls_client_certificate_bound_access_tokens"
    named = {method: "tls_client_auth", "tls_client_auth_san_dns": "app.example.com"}
    assert findings(**named) == findings(**{bound: True}) == []
    monkeypatch.setattr("idp.policy.OFFERED_AUTHENTICATION_METHODS", ("client_secret_basic",))
    [(field, do)] = findings(**named)
    assert (field, "IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER" in do) == (method, True)
    monkeypatch.setattr("idp.policy.CLIENT_CERTIFICATES", False)
    [(field, do)] = findings(**named)
    assert (field, "IDP_CLIENT_CERTIFICATE_HEADER" in do) == (method, True)
    assert [field for field, _do in findings(**{bound: True})] == [bound]
