"""What a client is told, signed and encrypted as it registered. OIDC Core §5.3.2, §10."""

import json
from typing import Any

import httpx
import pytest

from idp.clients import secrets
from idp.models import Client, Event
from tests.reading import PUBLIC, decrypted, encrypted_client, read_by
from tests.registering import as_client, manage, register, registered, replaceable
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    spec,
)

CBC = "A128CBC-HS256"


def party_of(client: Registered, browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(client, browser, user)


@spec("OIDC Core", "10.2")
def test_an_encrypted_id_token_says_whose_key_it_is_for(browser: Browser, user: EndUser) -> None:
    client = encrypted_client("ECDH-ES", "A256GCM")
    token = party_of(client, browser, user).tokens()["id_token"]
    header, inner = decrypted(client, token, "ECDH-ES", "A256GCM")
    assert (header["kid"], header["cty"]) == ("ec", "JWT")
    assert "zip" not in header
    assert read_by(client, inner)["sub"] == user.sub


@spec("OIDC Core", "5.3.2")
def test_signed_userinfo(browser: Browser, user: EndUser) -> None:
    client = make_client(userinfo_signed_response_alg="ES384")
    party = party_of(client, browser, user)
    answer = party.userinfo(party.tokens(scope="openid email")["access_token"])
    assert answer.headers["Content-Type"] == "application/jwt"
    assert answer.headers["Cache-Control"] == "no-store"
    claims = read_by(client, answer.text)
    assert (claims["iss"], claims["aud"]) == (ISSUER, client.client_id)
    assert (claims["sub"], claims["email"]) == (user.sub, user.email)
    assert "nonce" not in claims


@spec("OIDC Core", "5.3.2")
def test_encrypted_userinfo(browser: Browser, user: EndUser) -> None:
    plain = encrypted_client("RSA-OAEP-256", CBC, "userinfo")
    party = party_of(plain, browser, user)
    answer = party.userinfo(party.tokens()["access_token"])
    assert answer.headers["Content-Type"] == "application/jwt"
    header, inner = decrypted(plain, answer.text, "RSA-OAEP-256", CBC)
    assert json.loads(inner)["sub"] == user.sub
    assert "cty" not in header

    both = encrypted_client("A192KW", CBC, "userinfo", userinfo_signed_response_alg="PS256")
    party = party_of(both, browser, user)
    answer = party.userinfo(party.tokens()["access_token"])
    assert read_by(both, answer.text, "A192KW", CBC)["sub"] == user.sub


def test_a_signed_userinfo_answer_is_no_hint(browser: Browser, user: EndUser) -> None:
    party = party_of(make_client(userinfo_signed_response_alg="RS256"), browser, user)
    answer = party.userinfo(party.tokens()["access_token"])
    refused = party.answer(party.visit(prompt="none", id_token_hint=answer.text))
    assert refused.error == "invalid_request"


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("algorithm", ["HS256", "HS512", "PS384", "ES512"])
def test_a_hint_of_any_algorithm_is_believed(
    algorithm: str, browser: Browser, user: EndUser
) -> None:
    party = party_of(make_client(id_token_signed_response_alg=algorithm), browser, user)
    hint = party.tokens()["id_token"]
    assert party.answer(party.visit(prompt="none", id_token_hint=hint)).code


@spec("OIDC Core", "3.1.2.1")
def test_an_encrypted_hint_is_refused_in_words(browser: Browser, user: EndUser) -> None:
    client = encrypted_client("dir", CBC)
    party = party_of(client, browser, user)
    token = party.tokens()["id_token"]
    refused = party.answer(party.visit(prompt="none", id_token_hint=token))
    assert refused.error == "invalid_request"
    assert "decrypt" in (refused.error_description or "")
    _, inner = decrypted(client, token, "dir", CBC)
    assert party.answer(party.visit(prompt="none", id_token_hint=inner)).code


def test_a_client_whose_key_went_is_told_so(browser: Browser, user: EndUser) -> None:
    client = encrypted_client("RSA-OAEP", CBC)
    row = Client.objects.get(client_id=client.client_id)
    row.jwks = {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "x", {"kty": ["RSA"]}]}
    row.save()
    party = party_of(client, browser, user)
    refused = party.exchange(party.authorize().code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
    told = Event.objects.filter(client_id=client.client_id, kind=Event.Kind.DENIED)
    assert "RSA-OAEP" in told.get().reason


@spec("OIDC Dynamic Client Registration", "2")
@pytest.mark.parametrize(
    "members",
    [
        {"id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none"},
        {"id_token_encrypted_response_alg": "A128KW", "token_endpoint_auth_method": "none"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"},
        {"userinfo_encrypted_response_alg": "RSA1_5"},
        {"userinfo_encrypted_response_enc": "A128GCM"},
    ],
)
def test_what_could_not_work_is_not_registered(provider: object, members: dict[str, Any]) -> None:
    refused = register(**members)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")


@spec("OIDC Core", "10.1")
def test_going_over_to_a_mac_gives_a_new_secret(browser: Browser, user: EndUser) -> None:
    before = registered()
    body = replaceable(before, id_token_signed_response_alg="HS384")
    after = manage("PUT", before, body=body).json()
    assert after["client_secret"] != before["client_secret"]
    client = as_client(after)
    assert read_by(client, party_of(client, browser, user).tokens()["id_token"])
    encrypted = registered(id_token_encrypted_response_alg="A256KW")
    assert encrypted["id_token_encrypted_response_enc"] == CBC


def test_apply_needs_the_secret_to_go_over_to_a_mac(browser: Browser, user: EndUser) -> None:
    from idp.declaration import DeclarationError, apply

    client = make_client()
    entry = {**client.metadata, "id_token_signed_response_alg": "HS256"}
    bare = {name: value for name, value in entry.items() if name != "client_secret"}
    with pytest.raises(DeclarationError, match="client_secret"):
        apply({"clients": [bare]}, dry_run=False)
    short = {**entry, "id_token_signed_response_alg": "HS512", "client_secret": "s" * 40}
    with pytest.raises(DeclarationError, match="64"):
        apply({"clients": [short]}, dry_run=False)
    apply({"clients": [entry]}, dry_run=False)
    assert read_by(client, party_of(client, browser, user).tokens()["id_token"])
    row = Client.objects.get(client_id=client.client_id)
    assert secrets.can_sign(row)


def test_only_public_parts_are_published(provider: object) -> None:
    keys = httpx.get(f"{ISSUER}/jwks", verify=False).json()["keys"]
    assert not [key for key in keys if {"d", "p", "q", "k"} & key.keys()]
    assert len({key["kid"] for key in keys}) == len(keys)
    assert PUBLIC["keys"][0]["kid"] not in {key["kid"] for key in keys}
