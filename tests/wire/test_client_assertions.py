"""How a client proves itself by signing. OIDC Core §9, RFC 7523 §3."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.assertions import (
    TYPE,
    assertion_of,
    claims_of,
    form_of,
    jwks_of,
    make_key,
    make_key_client,
    make_shared_client,
    shared_key,
    sign,
)
from tests.elsewhere import Elsewhere, answering
from tests.fetched_keys import let_a_minute_pass
from tests.registering import register, registered
from tests.relying_party import ISSUER, Registered, make_client, spec, unique

GRANT = {"grant_type": "authorization_code", "code": "x" * 43}
KEY = make_key()
ASYMMETRIC = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
]


def ask(path: str = "/token", **parameters: Any) -> httpx.Response:
    return httpx.post(f"{ISSUER}{path}", data=parameters, verify=False, timeout=30)


def outcome(assertion: str, **parameters: Any) -> str:
    """Return what the token endpoint says: invalid_grant where the client is proven."""
    return ask(**GRANT, **form_of(assertion), **parameters).json()["error"]


@pytest.fixture(scope="module")
def client(provider: object) -> Registered:
    return make_key_client(KEY)


@spec("OIDC Core", "9")
@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_private_key_jwt_with_each_algorithm(provider: object, algorithm: str) -> None:
    key = make_key(algorithm)
    client = make_key_client(key, token_endpoint_auth_signing_alg=algorithm)
    assert outcome(assertion_of(client, key, algorithm)) == "invalid_grant"


@spec("OIDC Core", "9")
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_client_secret_jwt_with_each_algorithm(provider: object, algorithm: str) -> None:
    client = make_shared_client(token_endpoint_auth_signing_alg=algorithm)
    assert outcome(assertion_of(client, shared_key(client), algorithm)) == "invalid_grant"


@spec("RFC 7523", "2.2")
@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_it_works_wherever_clients_authenticate(client: Registered, path: str) -> None:
    assert ask(path, token="x", **form_of(assertion_of(client, KEY))).status_code == 200
    wrong = assertion_of(client, make_key())
    assert ask(path, token="x", **form_of(wrong)).status_code == 401


@spec("RFC 7521", "4.2")
def test_a_client_id_may_come_along_and_has_to_agree(client: Registered) -> None:
    sent = assertion_of(client, KEY)
    assert outcome(sent, client_id="another") == "invalid_request"
    assert outcome(sent, client_id=client.client_id) == "invalid_grant"


@spec("RFC 7523", "3")
@pytest.mark.parametrize(
    "claims",
    [
        *({name: None} for name in ("iss", "sub", "aud", "exp", "jti")),
        *({"iss": "another"}, {"aud": "https://another.example"}, {"aud": []}, {"aud": {}}),
        *({"aud": [ISSUER, "https://another.example"]}, {"aud": f"{ISSUER}/"}, {"aud": 1}),
        *({"exp": 1}, {"exp": int(time.time()) + 86400}, {"exp": "soon"}, {"exp": True}),
        *({"exp": 1e400}, {"exp": 10**400}, {"exp": -(10**30)}),
        *({"nbf": int(time.time()) + 86400}, {"iat": int(time.time()) + 86400}, {"iat": "x"}),
        *({"jti": ""}, {"jti": 1}, {"jti": ["x"]}, {"sub": ["x"]}, {"sub": ""}, {"sub": "a\0b"}),
    ],
)
def test_claims_that_prove_nothing(client: Registered, claims: dict[str, Any]) -> None:
    assert outcome(assertion_of(client, KEY, **claims)) == "invalid_client"


@spec("RFC 7523", "3")
def test_audiences_that_are_us(client: Registered) -> None:
    for audience in (f"{ISSUER}/token", [ISSUER], [ISSUER, f"{ISSUER}/token"]):
        assert outcome(assertion_of(client, KEY, aud=audience)) == "invalid_grant"


@spec("RFC 7523", "3")
def test_the_recommended_profile_is_stricter(provider: object) -> None:
    """Issuer alone, and five minutes."""
    client = make_key_client(KEY, profile="recommended")
    for audience in (f"{ISSUER}/token", [ISSUER], [ISSUER, f"{ISSUER}/token"]):
        assert outcome(assertion_of(client, KEY, aud=audience)) == "invalid_client"
    half_an_hour = int(time.time()) + 1800
    assert outcome(assertion_of(client, KEY, exp=half_an_hour)) == "invalid_client"
    assert outcome(assertion_of(client, KEY)) == "invalid_grant"
    assert outcome(assertion_of(make_key_client(KEY), KEY, exp=half_an_hour)) == "invalid_grant"


@spec("RFC 7523", "3")
def test_an_assertion_works_once(client: Registered) -> None:
    once = assertion_of(client, KEY)
    assert [outcome(once), outcome(once)] == ["invalid_grant", "invalid_client"]
    again = assertion_of(client, KEY, jti="the same")
    other = make_key_client(KEY)
    assert outcome(again) == "invalid_grant"
    assert outcome(assertion_of(client, KEY, jti="the same")) == "invalid_client"
    assert outcome(assertion_of(other, KEY, jti="the same")) == "invalid_grant"


@spec("RFC 7523", "3")
def test_of_twenty_at_once_one_wins(client: Registered) -> None:
    assertion, outcomes = assertion_of(client, KEY), []
    threads = [
        threading.Thread(target=lambda: outcomes.append(outcome(assertion))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["invalid_client"] * 19 + ["invalid_grant"]


def test_a_client_that_has_just_changed_needs_no_second_assertion(provider: object) -> None:
    """The process goes by an older row and tries again, with the same assertion."""
    machine = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": None}
    client = make_key_client(KEY, **machine)
    for name in ("before", "after"):
        make_key_client(KEY, client_id=client.client_id, client_name=name, **machine)
        answer = ask(grant_type="client_credentials", **form_of(assertion_of(client, KEY)))
        assert answer.status_code == 200, answer.text


@spec("RFC 6749", "2.3")
def test_one_method_a_request(client: Registered) -> None:
    basic = httpx.post(
        f"{ISSUER}/token",
        data={**GRANT, **form_of(assertion_of(client, KEY))},
        auth=(client.client_id, "x" * 40),
        verify=False,
    )
    assert basic.json()["error"] == "invalid_request"
    assert outcome(assertion_of(client, KEY), client_secret="x" * 40) == "invalid_request"
    assert ask(**GRANT, client_assertion=assertion_of(client, KEY)).status_code == 400
    assert ask(**GRANT, client_assertion_type=TYPE).status_code == 400
    wrong_type = {**form_of(assertion_of(client, KEY)), "client_assertion_type": "x"}
    assert ask(**GRANT, **wrong_type).status_code == 400
    assert ask(**GRANT, client_id=client.client_id).status_code == 401


@spec("OIDC Core", "9")
def test_only_the_registered_method_counts(client: Registered) -> None:
    secretive, shared = make_client(jwks=jwks_of(KEY)), make_shared_client()
    assert outcome(assertion_of(secretive, KEY)) == "invalid_client"
    hs256 = assertion_of(secretive, shared_key(secretive), "HS256")
    assert outcome(hs256) == "invalid_client"
    assert outcome(assertion_of(shared, KEY)) == "invalid_client"
    with_secret = make_client(
        token_endpoint_auth_method="private_key_jwt",
        jwks=jwks_of(KEY),
        id_token_signed_response_alg="HS256",
        client_secret="signs-id-tokens-and-no-more-" * 2,
    )
    assert outcome(assertion_of(with_secret, KEY)) == "invalid_grant"
    for keyed in (shared, with_secret):
        for answer in by_secret(keyed.client_id, keyed.metadata["client_secret"]):
            assert answer.status_code == 401
            assert answer.json()["error"] == "invalid_client"


def by_secret(client_id: str, secret: str) -> Iterator[httpx.Response]:
    """Send a secret both ways."""
    body = {"client_id": client_id, "client_secret": secret}
    yield httpx.post(f"{ISSUER}/token", data=GRANT, auth=(client_id, secret), verify=False)
    yield httpx.post(f"{ISSUER}/token", data={**GRANT, **body}, verify=False)


@spec("RFC 8725", "3.1")
def test_keys_and_algorithms_that_are_not_the_clients(client: Registered) -> None:
    claims = claims_of(client.client_id)
    stranger = make_key()
    public = stranger.export_public(as_dict=True)
    forged = [
        sign(claims, stranger),
        sign(claims, stranger, kid=KEY["kid"]),
        sign(claims, stranger, jwk=public),
        sign(claims, stranger, jku="https://another.example/keys", kid=KEY["kid"]),
        sign(claims, KEY, typ="at+jwt"),
        sign(claims, KEY, typ="oauth-authz-req+jwt"),
    ]
    head, body, _signature = sign(claims, KEY).split(".")
    forged += [f"{head}.{body}.", "eyJhbGciOiJub25lIn0." + body + ".", f"{head}.{body}.AAAA"]
    assert {outcome(assertion) for assertion in forged} == {"invalid_client"}
    rs256 = make_key_client(make_key("RS256"), token_endpoint_auth_signing_alg="PS256")
    assert outcome(assertion_of(rs256, make_key("RS256"), "RS256")) == "invalid_client"


@spec("RFC 8725", "3.1")
def test_a_public_key_is_no_secret(client: Registered) -> None:
    """The classic confusion: HS256 with the public key's own text for a secret."""
    from jwcrypto.jwk import JWK

    text = KEY.export_public()
    assert outcome(assertion_of(client, JWK.from_password(text), "HS256")) == "invalid_client"


@pytest.mark.parametrize("assertion", ["x", "a.b.c", "....", "e30.e30.", "x" * 60_000, "é.é.é"])
def test_what_is_no_assertion(client: Registered, assertion: str) -> None:
    assert outcome(assertion) in {"invalid_client", "invalid_request"}


# --- where the keys are -------------------------------------------------------------------------


@pytest.fixture
def address(foreign_site: Elsewhere) -> str:
    return foreign_site.says(f"/{unique('keys')}", b"{}")


def publish(foreign_site: Elsewhere, address: str, *keys: Any) -> str:
    """Publish keys at an address, and return its path."""
    import json

    path = address.removeprefix(foreign_site.address)
    foreign_site.says(path, json.dumps(jwks_of(*keys)).encode())
    return path


@spec("OIDC Core", "10.1.1")
def test_keys_are_fetched_once_and_again_for_a_new_kid(
    provider: object, foreign_site: Elsewhere, address: str
) -> None:
    path = publish(foreign_site, address, KEY)
    client = make_key_client(KEY, jwks_uri=address)
    for _ in range(3):
        assert outcome(assertion_of(client, KEY)) == "invalid_grant"
    assert foreign_site.times(path) == 1
    new = make_key()
    for _ in range(5):
        assert outcome(assertion_of(client, new)) == "invalid_client"
    assert foreign_site.times(path) == 1  # the floor between two fetches
    let_a_minute_pass(client.client_id, address)
    publish(foreign_site, address, new)
    assert outcome(assertion_of(client, new)) == "invalid_grant"
    assert foreign_site.times(path) == 2
    assert outcome(assertion_of(client, KEY)) == "invalid_client"
    assert foreign_site.times(path) == 2


@spec("OIDC Core", "10.1.1")
def test_a_failure_is_not_tried_again_at_once(
    provider: object, foreign_site: Elsewhere, address: str
) -> None:
    path = address.removeprefix(foreign_site.address)
    foreign_site.pages[path] = answering(b"", status=500)
    client = make_key_client(KEY, jwks_uri=address)
    for _ in range(5):
        assert outcome(assertion_of(client, KEY)) == "invalid_client"
    assert foreign_site.times(path) == 1


def test_twenty_who_come_first_share_one_fetch(
    provider: object, foreign_site: Elsewhere, address: str
) -> None:
    path = publish(foreign_site, address, KEY)
    client, outcomes = make_key_client(KEY, jwks_uri=address), []
    threads = [
        threading.Thread(target=lambda: outcomes.append(outcome(assertion_of(client, KEY))))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["invalid_grant"] * 20
    assert foreign_site.times(path) == 1


# --- registering them ---------------------------------------------------------------------------


@spec("OIDC Dynamic Client Registration", "2")
def test_registering_with_keys(provider: object) -> None:
    information = registered(token_endpoint_auth_method="private_key_jwt", jwks=jwks_of(KEY))
    assert information["jwks"] == jwks_of(KEY)
    assert "client_secret" not in information
    client = Registered(information["client_id"], None, information)
    assert outcome(assertion_of(client, KEY)) == "invalid_grant"


@spec("OIDC Dynamic Client Registration", "2")
def test_registering_to_sign_with_the_secret(provider: object) -> None:
    information = registered(
        token_endpoint_auth_method="client_secret_jwt", token_endpoint_auth_signing_alg="HS256"
    )
    client = Registered(information["client_id"], information["client_secret"], information)
    assert outcome(assertion_of(client, shared_key(client), "HS256")) == "invalid_grant"


@spec("RFC 7591", "2")
@pytest.mark.parametrize(
    "members",
    [
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"jwks": jwks_of(KEY), "jwks_uri": "https://rp.example.com/keys"},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": "x"}},
        {"jwks": {"keys": [1]}},
        {"jwks": {"keys": [{}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
        {"jwks": {"keys": [KEY.export_private(as_dict=True)]}},
        {"jwks": {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}},
        {"jwks": {"keys": [{"kty": "RSA", "n": "!", "e": 1}]}},
        {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}]}},
        {"jwks": {"keys": jwks_of(KEY)["keys"] * 21}},
        {"jwks": []},
        {"jwks": "x"},
        {"jwks_uri": "ftp://rp.example.com/keys"},
        {"jwks_uri": "x"},
        {"jwks_uri": 1},
        {"token_endpoint_auth_signing_alg": "none"},
        {"token_endpoint_auth_signing_alg": "ES256K"},
        {
            "token_endpoint_auth_method": "client_secret_jwt",
            "token_endpoint_auth_signing_alg": "RS256",
        },
    ],
)
def test_keys_that_are_not_registered(provider: object, members: dict[str, Any]) -> None:
    answer = register(**members)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@spec("OIDC Discovery", "3")
def test_discovery_lists_exactly_what_works(provider: object) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    listed = facts["token_endpoint_auth_signing_alg_values_supported"]
    assert set(listed) == {*ASYMMETRIC, "HS256", "HS384", "HS512"}
    methods = facts["token_endpoint_auth_methods_supported"]
    assert {"private_key_jwt", "client_secret_jwt"} < set(methods)
