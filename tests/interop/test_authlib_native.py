"""Authlib's requests client: a native program without a secret, and a machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from authlib.integrations.requests_client import OAuth2Session

from tests.conftest import Server
from tests.interop.conftest import Traveller
from tests.relying_party import ISSUER, EndUser, make_client, spec

PROGRAM = Path(__file__).with_name("authlib_native.py")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_program_on_a_loopback_port(algorithm: str, traveller: Traveller, user: EndUser) -> None:
    client = make_client(
        application_type="native",
        redirect_uris=["http://127.0.0.1/callback"],
        token_endpoint_auth_method="none",
        id_token_signed_response_alg=algorithm,
        profile="recommended",
    )
    program = subprocess.Popen(
        [sys.executable, str(PROGRAM), ISSUER, client.client_id, algorithm],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            assert program.stdout is not None
            page = traveller.agree(user, traveller.open(program.stdout.readline().strip()))
            assert page.text == "Back to the program."
            learnt, problems = program.communicate(timeout=20)
        finally:
            program.kill()
    assert program.returncode == 0, problems
    learnt = json.loads(learnt)
    assert learnt["header"]["alg"] == algorithm
    assert learnt["claims"]["sub"] == user.sub
    assert learnt["userinfo"] == {
        "sub": user.sub,
        "email": user.email,
        "email_verified": True,
    }


@pytest.fixture(params=["client_secret_basic", "client_secret_post"])
def machine(provider: Server, request: pytest.FixtureRequest) -> Iterator[OAuth2Session]:
    """A client that only ever asks for itself."""
    client = make_client(
        redirect_uris=[],
        response_types=[],
        grant_types=["client_credentials"],
        token_endpoint_auth_method=request.param,
    )
    with OAuth2Session(
        client.client_id, client.secret, token_endpoint_auth_method=request.param
    ) as session:
        yield session


@spec("RFC 6749", "4.4")
def test_a_machine_has_no_user(machine: OAuth2Session) -> None:
    token = machine.fetch_token(f"{ISSUER}/token", grant_type="client_credentials")
    assert token["token_type"] == "Bearer"
    assert "id_token" not in token
    assert machine.get(f"{ISSUER}/userinfo").status_code in {401, 403}


@spec("RFC 6749", "3.3")
def test_a_token_without_a_scope_does_not_name_one(machine: OAuth2Session) -> None:
    """A scope is at least one word long; an empty one is outside the grammar."""
    token = machine.fetch_token(f"{ISSUER}/token", grant_type="client_credentials")
    assert "scope" not in token
