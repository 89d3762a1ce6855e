"""`manage.py apply`: scopes of the operator's own, and initial access tokens."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from foundation import server_keys
from idp.declaration import DeclarationError, apply, state_of
from idp.models import InitialAccessToken, Scope
from idp.models.registration import TOKEN_PURPOSE
from idp.toolkit.scopes import known_scopes
from tests.relying_party import unique

SECRET = "t" * 40


def run(**lists: Any) -> list[str]:
    return [line.strip() for change in apply(lists, dry_run=False) for line in change.lines()]


def token(**members: Any) -> dict[str, Any]:
    name = unique("token")
    return {"name": name, "token": name * 3, **members}


def row_of(entry: dict[str, Any]) -> InitialAccessToken:
    return InitialAccessToken.objects.get(name=entry["name"])


def test_a_scope_is_there_in_words_for_clients_of_the_same_file() -> None:
    entry = {"name": unique("s"), "description": "See the weather"}
    caller = {
        "client_id": unique("client"),
        "client_secret": "x" * 40,
        "grant_types": ["client_credentials"],
        "scope": entry["name"],
    }
    run(clients=[caller], scopes=[entry])
    assert known_scopes()[entry["name"]] == "See the weather"
    assert run(clients=[caller], scopes=[entry]) == []
    assert run(scopes=[{"name": entry["name"]}]) == [
        f"~ scope {entry['name']}",
        "description: 'See the weather' -> ''",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "read write"}, "name: This is not a scope"),
        ({"name": "openid"}, "name: This means something else"),
        ({"name": ""}, "name: "),
        ({"name": "x" * 101}, "name: "),
        ({"description": "x" * 301}, "description: "),
        ({"description": 7}, "description: "),
        ({"colour": "red"}, "unknown: colour"),
    ],
)
def test_a_bad_scope_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(DeclarationError, match=f"scope .*: {says}"):
        run(scopes=[{"name": unique("s"), **changes}])


def test_a_scope_has_one_owner() -> None:
    name = unique("s")
    api = {"identifier": f"https://{name}.example.com", "scopes": [name]}
    with pytest.raises(DeclarationError, match=f"scope {name}: name: .* API {api['identifier']}"):
        run(scopes=[{"name": name}], resource_servers=[api])
    run(scopes=[{"name": name}])
    with pytest.raises(DeclarationError, match=f"{api['identifier']}: scopes: .*{name}"):
        run(resource_servers=[api])
    assert Scope.objects.filter(name=name).exists()


def test_a_token_is_kept_as_its_hash_and_never_shown() -> None:
    entry = token(
        expires_at="2027-01-31T13:00:00+01:00",
        max_uses=3,
        grant_types=["authorization_code"],
        scope="openid email",
        redirect_hosts=["app.example.com"],
        logos=True,
    )
    lines = run(initial_access_tokens=[entry])
    assert lines[0] == f"+ initial access token {entry['name']}"
    assert "token: '••• (new)'" in lines
    assert entry["token"] not in "\n".join(lines)
    row = row_of(entry)
    assert server_keys.matches(entry["token"], row.hashed, TOKEN_PURPOSE)
    assert row.expires_at == datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert state_of(row) == {
        "expires_at": "2027-01-31T12:00:00+00:00",
        "max_uses": 3,
        "grant_types": ["authorization_code"],
        "scope": "openid email",
        "redirect_hosts": ["app.example.com"],
        "logos": True,
    }
    assert run(initial_access_tokens=[entry]) == []
    del entry["token"]
    entry["expires_at"] = datetime(2027, 1, 31, 12, tzinfo=UTC)  # as YAML has it
    assert run(initial_access_tokens=[entry]) == []


def test_another_token_of_the_same_name_starts_anew() -> None:
    entry = token(max_uses=3)
    run(initial_access_tokens=[entry])
    InitialAccessToken.objects.filter(name=entry["name"]).update(uses=3, revoked_at=timezone.now())
    assert run(initial_access_tokens=[entry]) == []
    assert row_of(entry).revoked_at
    entry["token"] = "another " * 5
    assert run(initial_access_tokens=[entry])[1] == "token: '•••' -> '••• (new)'"
    assert (row_of(entry).uses, row_of(entry).revoked_at) == (0, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"token": None}, "token is missing"),
        ({"token": "short"}, "token needs 32"),
        ({"token": 7}, "token has to be a text"),
        ({"name": "x" * 101}, "name: "),
        ({"expires_at": "soon"}, "expires_at: "),
        ({"expires_at": "2027-01-31"}, "expires_at: "),
        ({"expires_at": "2027-01-31T12:00:00"}, "expires_at: .* with its zone"),
        ({"expires_at": datetime(2027, 1, 31)}, "expires_at: .* with its zone"),
        ({"expires_at": datetime(2027, 1, 31).date()}, "expires_at: "),
        ({"expires_at": "0001-01-01T00:00:00+01:00"}, "expires_at: "),
        ({"expires_at": 7}, "expires_at: "),
        ({"max_uses": 0}, "max_uses: "),
        ({"max_uses": True}, "max_uses: "),
        ({"max_uses": 2**63}, "max_uses: "),
        ({"grant_types": ["magic"]}, "grant_types: Not offered here: magic"),
        ({"grant_types": "code"}, "grant_types: "),
        ({"scope": "openid magic"}, "scope: Not offered here: magic"),
        ({"redirect_hosts": ["https://app.example.com/"]}, "redirect_hosts: "),
        ({"logos": "yes"}, "logos: |logos has"),
        ({"uses": 7}, "unknown: uses"),
    ],
)
def test_a_bad_token_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(DeclarationError, match=f"initial access token .*: {says}"):
        run(initial_access_tokens=[token(**changes)])


def test_two_tokens_may_not_be_the_same() -> None:
    first = token()
    second = token(token=first["token"])
    with pytest.raises(DeclarationError, match=f"initial access token {second['name']}: token: "):
        run(initial_access_tokens=[first, second])
