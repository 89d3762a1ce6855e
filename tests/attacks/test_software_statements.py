"""Software statements that are not what they seem. RFC 7591 §5, RFC 8725 §2."""

import time
from typing import Any

import pytest
from jwcrypto.jwk import JWK

from idp.models import Client
from tests.assertions import make_key
from tests.attacks.test_registration import TRUST, row_of
from tests.elsewhere import Elsewhere
from tests.registering import manage, register, registered, replaceable, send
from tests.relying_party import ISSUER, make_client, spec
from tests.statements import KEY, PATH, statement

HOUR = 3600


def refusal_of(signed: Any) -> str:
    """Return the error that a registration with this statement meets."""
    response = register(software_statement=signed)
    assert response.status_code == 400, response.text
    assert response.json()["error_description"].startswith("software_statement: ")
    return response.json()["error"]


@spec("RFC 8725", "3.1")
def test_only_a_key_of_the_issuer_makes_a_statement(
    provider: object, foreign_site: Elsewhere
) -> None:
    registered(software_statement=statement())
    stranger = make_key()
    named_alike = JWK.generate(kid=KEY["kid"], kty="EC", crv="P-256")
    public_as_secret = JWK.from_password(KEY.export_public())
    signed, other = statement().split("."), statement(client_name="x").split(".")
    asked = foreign_site.times(PATH)
    for forged in (
        statement(named_alike),
        statement(public_as_secret, "HS256", header={"kid": KEY["kid"]}),
        statement(stranger, header={"jwk": stranger.export_public(as_dict=True)}),
        statement(stranger, header={"jku": f"{foreign_site.address}/theirs"}),
        f"{signed[0]}.{other[1]}.{signed[2]}",
        f"{signed[0]}.{signed[1]}.",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3RydXN0LmV4YW1wbGUifQ.",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3RydXN0LmV4YW1wbGUifQ.AA",
    ):
        assert refusal_of(forged) == "invalid_software_statement"
    assert foreign_site.times(PATH) <= asked + 1  # the floor, whatever key a forger names
    assert foreign_site.times("/theirs") == 0


@spec("RFC 8725", "3.12")
def test_what_the_issuer_signed_for_another_purpose(provider: object) -> None:
    now = time.time()
    for signed in (
        statement(aud="https://other.example"),
        statement(aud=["https://other.example"]),
        statement(aud=1),
        statement(header={"typ": "at+jwt"}),
        statement(header={"typ": "logout+jwt"}),
        statement(exp=now - HOUR),
        statement(nbf=now + HOUR),
        statement(iat=now + HOUR),
        statement(exp="tomorrow"),
        statement(exp=True),
        "x",
        "",
        1,
        {},
        ["eyJ.eyJ.x"],
        "\u0000",
    ):
        assert refusal_of(signed) == "invalid_software_statement"
    registered(software_statement=statement(aud=["https://other.example", ISSUER]))


@spec("RFC 7591", "5")
def test_a_statement_opens_nothing(provider: object) -> None:
    """It says what metadata might have said, under the same limits."""
    plain = registered()
    assert registered(software_statement=statement(scope="openid groups"))["scope"] == "openid"
    boastful = registered(software_statement=statement(**TRUST))
    differences = {k for k, v in row_of(boastful).items() if row_of(plain)[k] != v}
    assert differences == {"software_statement"}
    for members in (
        {"grant_types": ["client_credentials"], "response_types": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": "https://rp.example.com/"},
        {"client_name": ["x"]},
        {"client_name": "a\u0000b"},
        {"software_id": 5},
        {"id_token_signed_response_alg": "none"},
    ):
        response = register(software_statement=statement(**members))
        assert response.status_code == 400, members
        assert response.json()["error"] in {"invalid_client_metadata", "invalid_redirect_uri"}


@spec("RFC 7592", "2.2")
def test_a_statement_names_no_client(provider: object) -> None:
    """What it says of ids and secrets counts for nothing, in a replacement too."""
    mine, other, known = registered(), registered(), make_client()
    named = {"client_id": other["client_id"], "client_secret": known.secret}
    signed = statement(**named, registration_access_token="x" * 43)
    information = registered(software_statement=signed)
    assert information["client_id"] not in {other["client_id"], mine["client_id"]}
    assert information["client_secret"] != known.secret
    body = replaceable(mine, software_statement=signed, client_name="changed")
    assert manage("PUT", mine, body=body).json()["client_id"] == mine["client_id"]
    assert manage("GET", other).json()["client_name"] == "Bread shop"
    body = replaceable(
        mine, client_id=None, software_statement=statement(client_id=mine["client_id"])
    )
    assert manage("PUT", mine, body=body).status_code == 400


@spec("RFC 7592", "2.2")
def test_anothers_statement_that_has_expired_is_not_taken_up(provider: object) -> None:
    mine = registered()
    expired = statement(client_name="Certified", exp=int(time.time()) - HOUR)
    Client.objects.filter(client_id=registered()["client_id"]).update(software_statement=expired)
    body = replaceable(mine, software_statement=expired)
    refused = manage("PUT", mine, body=body)
    assert refused.json()["error"] == "invalid_software_statement"
    assert "software_statement" not in manage("GET", mine).json()


@pytest.mark.parametrize("text", ["x" * 66_000, "a.b.c", "é.é.é", "e30.e30.AA"])
def test_what_is_no_statement(provider: object, text: str) -> None:
    body = {"redirect_uris": ["https://rp.example.com/"], "software_statement": text}
    assert send(body).json()["error"] in {"invalid_software_statement", "invalid_request"}
