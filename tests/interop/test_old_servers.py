"""Databases of real projects with other servers, whose apps go on here: other releases too."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.hashers import identify_hasher

from idp import keys
from idp.models import Client, Consent
from idp.tokens.id_token import read_hint
from tests.moving import CALLBACK, Move, run_project, userinfo
from tests.programs.conftest import installed
from tests.relying_party import verified

pytestmark = pytest.mark.programs
OLD = "https://old.example/openid"


def invalid_grant(response: object) -> bool:
    return (response.status_code, response.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def python() -> str:
    """A Python with django-oidc-provider, and an earlier django-oauth-toolkit."""
    return str(installed("old-servers") / "bin" / "python")


def test_apps_of_django_oidc_provider_go_on(provider: object, tmp_path: Path, python: str) -> None:
    database = tmp_path / "old.sqlite3"
    held = run_project("oidc_provider_project.py", str(database), python=python)
    move = Move("django-oidc-provider", database, held)
    told = move.run("--issuer", OLD, "--hours", "10")
    assert "app market" not in told.report
    assert "http://weak.example" in told.report["app hybrid"]["reason"]
    hybrid = Client.objects.get(client_id="hybrid")
    assert hybrid.redirect_uris == [CALLBACK]
    assert hybrid.response_types == ["code", "code id_token"]
    consent = Consent.objects.get(client=hybrid, user__sub=str(held["user_id"]))
    assert consent.scopes == ["email", "openid"]

    live, person = held["live"], str(held["user_id"])
    assert userinfo(live["access_token"]).json()["sub"] == person
    assert move.is_active("market", live["access_token"])
    assert userinfo(held["expired"]["access_token"]).status_code == 401
    ours = move.refresh("market", live["refresh_token"]).json()
    assert verified(ours["id_token"])["sub"] == person
    assert invalid_grant(move.refresh("market", live["refresh_token"]))
    assert verified(move.redeem("market", held["code"]).json()["id_token"])["nonce"] == "the-nonce"
    assert invalid_grant(move.redeem("market", held["used_code"]))

    keys._current = None
    hint = read_hint(live["id_token"])
    assert hint is not None
    assert (hint.client_id, hint.sub) == ("market", person)
    assert held["kid"] in {key["kid"] for key in json.loads(keys.key_set().jwks)["keys"]}
    assert held["kid"] not in {each.kid for each in keys.key_set().signers.values()}
    consent.delete()
    again = move.run("--issuer", OLD, "--hours", "10")
    assert "consents" not in again.counts
    assert set(again.counts["tokens"]) == {"unchanged"}


def test_an_earlier_release_of_the_toolkit_is_read(
    provider: object, tmp_path: Path, python: str
) -> None:
    database = tmp_path / "old.sqlite3"
    held = run_project("toolkit_project.py", str(database), "earlier", python=python)
    move = Move("toolkit", database, held)
    told = move.run()
    assert "left out" not in told.counts["clients"]
    secret = Client.objects.get(client_id="earlier-shop").secrets.get()
    assert identify_hasher(secret.hashed).algorithm == "pbkdf2_sha256"
    assert userinfo(held["live"]["access_token"]).json()["sub"] == str(held["user_id"])
    assert move.refresh("earlier-shop", held["live"]["refresh_token"]).status_code == 200
    assert move.redeem("earlier-shop", held["code"]).status_code == 200
    assert invalid_grant(move.refresh("earlier-shop", held["revoked"]["refresh_token"]))
