"""Discovery: the facts, and each advertised value driven over the wire.

OIDC Discovery §3, §4, RFC 8414.
"""

import json
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from idp import policy
from tests import secrecy
from tests.assertions import make_key, make_key_client
from tests.passkeys import PersonWithPasskey, make_person_with_passkey
from tests.reading import encrypted_client, read_by
from tests.relying_party import (
    ISSUER,
    Browser,
    Person,
    Registered,
    RelyingParty,
    forms_of,
    is_page,
    make_client,
    make_person,
    make_person_with_app,
    spec,
    verified,
)

PATHS = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
ALL_SCOPES = "openid profile email address phone groups"


def get(path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{ISSUER}{path}", headers=headers, verify=False)


@pytest.fixture
def facts(provider: object) -> dict[str, Any]:
    return get(PATHS[0]).json()


@spec("RFC 8414", "3")
def test_both_addresses_say_the_same(provider: object) -> None:
    assert get(PATHS[0]).json() == get(PATHS[1]).json()


@spec("OIDC Discovery", "4.2")
@pytest.mark.parametrize("path", PATHS)
def test_it_is_json_that_may_be_kept(provider: object, path: str) -> None:
    response = get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert "public" in response.headers["Cache-Control"]
    assert "max-age=" in response.headers["Cache-Control"]
    unchanged = get(path, **{"If-None-Match": response.headers["ETag"]})
    assert unchanged.status_code == 304
    assert unchanged.content == b""
    head = httpx.head(f"{ISSUER}{path}", verify=False)
    assert head.content == b""
    assert head.headers["Content-Length"] == str(len(response.content))


@spec("OIDC Discovery", "3")
def test_what_is_stated(facts: dict[str, Any]) -> None:
    assert facts["issuer"] == ISSUER
    stated = {
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public", "pairwise"],
        "code_challenge_methods_supported": ["S256"],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "authorization_response_iss_parameter_supported": True,
    }
    assert {name: facts.get(name) for name in stated} == stated
    assert {"authorization_code", "refresh_token", "client_credentials"} <= set(
        facts["grant_types_supported"]
    )
    assert "RS256" in facts["id_token_signing_alg_values_supported"]
    assert "none" not in facts["id_token_signing_alg_values_supported"]


@spec("OIDC Discovery", "3")
def test_nothing_in_it_is_null_or_empty(facts: dict[str, Any]) -> None:
    assert not [name for name, value in facts.items() if value in (None, "", [], {})]


@spec("OIDC Discovery", "3")
def test_every_address_is_ours_and_answers_directly(facts: dict[str, Any]) -> None:
    addresses = {
        name: value for name, value in facts.items() if isinstance(value, str) and name != "issuer"
    }
    assert {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} <= set(
        addresses
    )
    for name, address in addresses.items():
        assert address.startswith(f"{ISSUER}/"), name
        response = httpx.get(address, verify=False)
        if name == "end_session_endpoint":  # with nothing to end, it goes to the page that says so
            assert response.headers["Location"] == "/account/signed-out/"
        else:
            assert response.status_code in {200, 400, 401, 405}, (name, response.status_code)


@spec("OIDC Discovery", "3")
def test_each_scope_is_granted(facts: dict[str, Any], browser: Browser, person: Person) -> None:
    scopes = facts["scopes_supported"]
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], scope=" ".join(scopes)
    )
    tokens = RelyingParty(client, browser, person).tokens(scope=" ".join(scopes))
    assert set(tokens["scope"].split()) == set(scopes)


@spec("OIDC Discovery", "3")
def test_exactly_the_claims_listed_are_delivered(facts: dict[str, Any], browser: Browser) -> None:
    person = make_person(groups=["bakers"])
    relying_party = RelyingParty(make_client(scope=ALL_SCOPES), browser, person)
    tokens = relying_party.tokens(scope=ALL_SCOPES)
    userinfo = relying_party.userinfo(tokens["access_token"]).json()
    # c_hash comes with hybrid answers (tests/wire/test_response_types).
    delivered = set(userinfo) | set(verified(tokens["id_token"])) | {"c_hash"}
    assert set(facts["claims_supported"]) == delivered


def opened() -> Registered:
    """Return a client that an operator opened for what is off by default."""
    return make_client(
        grant_types=["authorization_code", "implicit", "password"],
        response_types=["code", "code id_token", "token"],
    )


@spec("OIDC Discovery", "3")
def test_each_response_type_and_mode_works(
    provider: object, browser: Browser, person: Person
) -> None:
    app = RelyingParty(opened(), browser, person)
    app.authorize()
    time.sleep(policy.PUBLISHED_FOR.total_seconds() + 0.5)
    facts = get(PATHS[0]).json()
    assert {"code", "code id_token", "token"} <= set(facts["response_types_supported"])
    assert {"implicit", "password"} <= set(facts["grant_types_supported"])
    for kind in app.client.metadata["response_types"]:
        for mode in facts["response_modes_supported"]:
            answer = app.visit(response_type=kind, response_mode=mode)
            at = urlsplit(answer.headers.get("Location", ""))
            secrecy.used.note_address(f"https://rp.example.com/?{at.query or at.fragment}")
            for form in forms_of(answer):
                secrecy.used.note_members(form.fields)
            words = {"query": at.query, "fragment": at.fragment, "form_post": answer.text}[mode]
            # A query never carries tokens (tests/wire/test_response_types).
            assert (app.state in words) == (mode != "query" or kind == "code")


@spec("OIDC Discovery", "3")
def test_each_algorithm_signs(facts: dict[str, Any], browser: Browser, person: Person) -> None:
    for algorithm in facts["id_token_signing_alg_values_supported"]:
        client = make_client(id_token_signed_response_alg=algorithm)
        id_token = RelyingParty(client, browser, person).tokens()["id_token"]
        assert read_by(client, id_token)["sub"] == person.sub


@spec("OIDC Discovery", "3")
def test_each_encryption_works(facts: dict[str, Any], browser: Browser, person: Person) -> None:
    algs = facts["id_token_encryption_alg_values_supported"]
    encs = facts["id_token_encryption_enc_values_supported"]
    assert facts["userinfo_encryption_alg_values_supported"] == algs
    assert facts["userinfo_encryption_enc_values_supported"] == encs
    for alg, enc in {*((alg, encs[0]) for alg in algs), *(("dir", enc) for enc in encs)}:
        client = encrypted_client(alg, enc)
        tokens = RelyingParty(client, browser, person).tokens()
        assert read_by(client, tokens["id_token"], alg, enc)["sub"] == person.sub


@spec("OIDC Discovery", "3")
def test_each_algorithm_signs_userinfo(
    facts: dict[str, Any], browser: Browser, person: Person
) -> None:
    for algorithm in facts["userinfo_signing_alg_values_supported"]:
        client = make_client(userinfo_signed_response_alg=algorithm)
        party = RelyingParty(client, browser, person)
        answer = party.userinfo(party.tokens()["access_token"])
        assert read_by(client, answer.text)["sub"] == person.sub


@spec("OIDC Discovery", "3")
def test_each_way_of_client_authentication_works(
    facts: dict[str, Any], browser: Browser, person: Person
) -> None:
    for method in facts["token_endpoint_auth_methods_supported"]:
        client = (
            make_key_client(make_key())
            if method == "private_key_jwt"
            else make_client(token_endpoint_auth_method=method)
        )
        assert RelyingParty(client, browser, person).tokens()["access_token"]


@spec("RFC 8414", "2")
def test_each_grant_type_is_known_to_the_token_endpoint(
    facts: dict[str, Any], relying_party: RelyingParty
) -> None:
    errors = {
        grant_type: relying_party.token(grant_type=grant_type).json()["error"]
        for grant_type in [*facts["grant_types_supported"], "refresh_token", "password", "x"]
    }
    known = {name for name, error in errors.items() if error != "unsupported_grant_type"}
    # RFC 6749 §4.2: implicit has no token request. The password grant is known where it is off.
    of_discovery = set(facts["grant_types_supported"]) - {"implicit"}
    assert known == of_discovery | {"password"}


@spec("OIDC Discovery", "3")
def test_exactly_the_prompts_listed_are_known(
    facts: dict[str, Any], relying_party: RelyingParty
) -> None:
    for prompt in ["none", "login", "consent", "select_account", "create", "x"]:
        response = relying_party.visit(prompt=prompt)
        error = relying_party.answer(response).error if response.is_redirect else None
        assert (error != "invalid_request") == (prompt in facts["prompt_values_supported"]), prompt


@spec("OIDC Discovery", "3")
def test_each_display_shows_a_page(facts: dict[str, Any], relying_party: RelyingParty) -> None:
    for display in facts["display_values_supported"]:
        assert is_page(relying_party.visit(display=display), "/account/login/")


@spec("OIDC Discovery", "3")
def test_exactly_the_acrs_listed_are_what_id_tokens_say(
    facts: dict[str, Any], person: Person
) -> None:
    said = []
    for somebody in (person, make_person_with_app(), make_person_with_passkey()):
        with Browser() as browser:
            if isinstance(somebody, PersonWithPasskey):
                somebody.sign_in(browser)
            tokens = RelyingParty(make_client(), browser, somebody).tokens()
            said.append(verified(tokens["id_token"])["acr"])
    assert said == facts["acr_values_supported"]


@spec("OIDC Discovery", "3")
def test_each_language_is_spoken(facts: dict[str, Any], relying_party: RelyingParty) -> None:
    for language in facts["ui_locales_supported"]:
        page = relying_party.visit(ui_locales=language)
        assert f'<html lang="{language}"' in page.text


@spec("OIDC Discovery", "3")
@pytest.mark.parametrize("path", PATHS)
def test_the_order_of_a_language_or_a_query_changes_nothing(provider: object, path: str) -> None:
    plain = get(path).content
    assert get(f"{path}?x=1").content == plain
    assert get(path, **{"Accept-Language": "de"}).content == plain
    assert json.loads(plain)
