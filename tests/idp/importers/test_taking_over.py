"""The toolkit's apps move, and notice nothing; nothing that ended there comes back here."""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from idp.authorization.consent import withdraw
from idp.importers.databases import Toolkit
from idp.importers.source import Options, UnusableFileError
from idp.models import Client, Consent, Grant
from tests.moving import (
    CALLBACK,
    VERIFIER,
    Move,
    run_project,
    userinfo,
)
from tests.relying_party import verified


def invalid_grant(response: object) -> bool:
    return (response.status_code, response.json()["error"]) == (400, "invalid_grant")  # type: ignore[attr-defined]


def test_apps_of_the_toolkit_go_on_without_a_gap(provider: object, tmp_path: Path) -> None:
    database = tmp_path / "old.sqlite3"
    held = run_project("toolkit_project.py", str(database), "toolkit")
    move = Move("toolkit", database, held)
    assert move.run("--dry-run").counts["tokens"]["added"] > 5
    assert not Client.objects.filter(client_id="toolkit-shop").exists()
    told = move.run("--issuer", "https://old.example/o")
    assert "read" in told.report["app toolkit-shop"]["reason"]  # a scope that nothing here has
    assert "http://weak.example" in told.report["app toolkit-weak"]["reason"]
    assert Client.objects.get(client_id="toolkit-weak").redirect_uris == [CALLBACK]

    # Access tokens: as they were, and no others.
    live, person = held["live"], str(held["user_id"])
    answer = userinfo(live["access_token"])
    assert (answer.status_code, answer.json()["sub"]) == (200, person)
    assert answer.json()["email"] == held["email"]
    assert move.is_active("toolkit-shop", live["access_token"])
    assert not move.is_active("toolkit-plain", live["access_token"])
    assert move.is_active("toolkit-machine", held["machine"]["access_token"])
    for ended in ("expired", "revoked"):
        assert userinfo(held[ended]["access_token"]).status_code == 401
        assert not move.is_active("toolkit-shop", held[ended]["access_token"])
    assert invalid_grant(move.refresh("toolkit-shop", held["revoked"]["refresh_token"]))

    # Refresh tokens: they give ours, once, and only to their app.
    assert invalid_grant(move.refresh("toolkit-plain", live["refresh_token"]))
    ours = move.refresh("toolkit-shop", live["refresh_token"]).json()
    assert verified(ours["id_token"])["sub"] == person
    assert set(ours["scope"].split()) == {"openid", "email", "read"}
    assert "refresh_token" in move.refresh("toolkit-plain", held["plain"]["refresh_token"]).json()
    again = move.refresh("toolkit-shop", ours["refresh_token"]).json()
    assert invalid_grant(move.refresh("toolkit-shop", live["refresh_token"]))  # reuse ends it all
    assert userinfo(again["access_token"]).status_code == 401
    assert userinfo(live["access_token"]).status_code == 401

    # Its user has agreed to that, and is not asked again; an app that did not ask needs no consent.
    [consent] = Consent.objects.filter(user__sub=person)
    assert (consent.client.client_id, consent.scopes) == (
        "toolkit-shop",
        ["email", "openid", "read"],
    )

    # Codes: with their nonce and challenge, once.
    given = move.redeem("toolkit-shop", held["code"]).json()
    assert verified(given["id_token"])["nonce"] == "the-nonce"
    proof = {"code_verifier": VERIFIER}
    assert move.redeem("toolkit-shop", held["with_challenge"], **proof).status_code == 200
    assert invalid_grant(move.redeem("toolkit-shop", held["stolen"], code_verifier="w" * 43))
    assert invalid_grant(move.redeem("toolkit-shop", held["used_code"]))
    assert invalid_grant(move.redeem("toolkit-shop", held["code"]))
    assert userinfo(given["access_token"]).status_code == 401
    assert Grant.objects.filter(user__sub=person, session=None, offline=True).exists()

    # What was revoked here, or withdrawn, does not come back, and what has ended there ends here.
    kept = held["machine"]["access_token"]
    assert move.post("revoke", "toolkit-machine", token=kept).status_code == 200
    gone_on = run_project("toolkit_project.py", str(database), "toolkit", json.dumps(held))
    told = move.run("--issuer", "https://old.example/o")
    assert not move.is_active("toolkit-machine", kept)
    assert invalid_grant(move.refresh("toolkit-shop", held["moving"]["refresh_token"]))
    assert userinfo(held["moving"]["access_token"]).status_code == 401
    assert invalid_grant(move.redeem("toolkit-shop", held["moving_code"]))
    assert userinfo(gone_on["from_code"]["access_token"]).status_code == 200
    assert told.counts["clients"] == {"unchanged": 4}
    assert told.counts["tokens"]["added"] == 2
    withdraw(consent, timezone.now())
    told = move.run("--issuer", "https://old.example/o")
    assert set(told.counts["tokens"]) == {"unchanged"}
    assert not Consent.objects.filter(user__sub=person).exists()
    assert userinfo(gone_on["from_code"]["access_token"]).status_code == 401


@pytest.mark.parametrize("content", ["", "x" * 99])
def test_what_is_no_such_database_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.sqlite3"
    path.write_text(content)
    for url in (f"sqlite:///{path}", f"sqlite:///{path}.none", "nonsense"):
        with pytest.raises(UnusableFileError, match="database"):
            list(Toolkit().rows(Options(url)))
