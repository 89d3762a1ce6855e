"""Files that are damaged, or hold what nobody would write: each row is told of, and nothing breaks.

Nothing of a row that is left out is stored, and what follows it is.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from accounts.models import User
from idp.importers import keycloak_clients, reading
from idp.importers.json_files import json_list
from idp.importers.report import Told
from idp.importers.run import Import
from idp.importers.source import Options
from idp.importers.sources import SOURCES
from tests.idp.importers import odd_members
from tests.relying_party import unique


def told_of(source: str, path: Path, *, dry_run: bool = True, **own: Any) -> list[Told]:
    """Import without the command, which would report what an importer raises as a bug, too."""
    options = Options(str(path), {"sub": "uid", "realm_roles_as_groups": True, **own})
    batches = Import(dry_run=dry_run).run(SOURCES[source].rows(options))
    return [told for batch in batches for told in batch]


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("source", ["keycloak", "auth0", "firebase", "authentik"])
def test_each_row_with_an_odd_member_is_told_of_once(tmp_path: Path, source: str) -> None:
    """Nothing that a member may hold ends an import."""
    record = getattr(odd_members, source.upper())
    people, path, own = odd_members.variants(record), tmp_path / "people.json", {}
    for number, person in enumerate(people):
        if person.get("email") == record["email"]:
            person["email"] = f"{number}@odd.example"
    match source:
        case "auth0":
            written(path, "\n".join(map(json.dumps, people)))
        case "authentik":
            written(path, json.dumps({"results": people}))
        case "firebase":
            parameters = {"base64_signer_key": "aGk=", "base64_salt_separator": "Bw=="}
            parameters |= {"rounds": 8, "mem_cost": 14}  # type: ignore[dict-item]
            own["hash_config"] = written(tmp_path / "hash_config", json.dumps(parameters))
            written(path, json.dumps({"users": people}))
        case "keycloak":
            for client in odd_members.variants(odd_members.KEYCLOAK_CLIENT):
                keycloak_clients.row_of(1, client, {"shop": [{"name": 5}]}, [])
            written(path, json.dumps({"groups": [5, {"name": []}], "users": people}))
    told = told_of(source, path, **own)
    rows = [it.row for it in told if it.kind == "users"]
    assert rows == sorted(set(rows))
    assert len(rows) > 0.9 * len(people)
    assert all(it.reason for it in told if it.outcome in {"left out", "partly taken"})


def test_rows_that_cannot_be_people(tmp_path: Path) -> None:
    """The first of two with one address or sub counts; a group is made for nobody left out."""
    mark = unique("bad").lower()
    rows: list[dict[str, Any]] = [
        {"user_id": f"auth0|{mark}-1", "email": f"Ana@{mark}.example"},
        {"user_id": f"auth0|{mark}-2", "email": f"ana@{mark}.EXAMPLE"},
        {"user_id": f"auth0|{mark}-1", "email": f"bo@{mark}.example"},
        {
            "user_id": f"auth0|{mark}-4",
            "email": f"hash@{mark}.example",
            "passwordHash": "$9$unknown$",
        },
        {"user_id": f"auth0|{mark}\0", "email": f"nul@{mark}.example"},
        {"user_id": f"auth0|{mark}-6", "email": f"half@{mark}.example", "name": "\ud800"},
        {"user_id": f"auth0|{mark}-7", "email": "nowhere"},
        {"user_id": f"auth0|{mark}-8", "email": f"last@{mark}.example"},
    ]
    path = written(tmp_path / "users.ndjson", "\n".join(map(json.dumps, rows)))
    told = {it.row: it for it in told_of("auth0", path, dry_run=False)}
    assert [row for row, it in told.items() if it.outcome == "added"] == [1, 8]
    assert told[2].reason == "Row 1 has the same email."
    assert told[3].reason == "Row 1 has the same sub."
    assert "no hash of a known kind" in told[4].reason
    assert told[4].outcome == "partly taken"
    subjects = User.objects.filter(email__endswith=f"@{mark}.example").values_list("sub", flat=True)
    assert set(subjects) == {f"auth0|{mark}-{number}" for number in (1, 4, 8)}

    header = "email,birthdate,groups,phone_number_verified,roles\n"
    lines = [f"a@{mark}.example,2001-02-31,,,", f"b@{mark}.example,31.2.2001,{mark}-1,,"]
    lines += [f"c@{mark}.example,,{mark}-2,maybe,", f"d@{mark}.example,,{mark}-2,,x"]
    lines += [f"e@{mark}.example,,{'g' * 151},,", f"f@{mark}.example,,{mark}-3,,"]
    lines.insert(4, f"g@{mark}.example,,{'|'.join(f'{mark}-{n}' for n in range(1001))},,")
    table = written(tmp_path / "p.csv", b"\xef\xbb\xbf" + (header + "\r\n".join(lines)).encode())
    told_of("csv", table, dry_run=False)
    assert User.objects.filter(email=f"f@{mark}.example").exists()
    assert not User.objects.filter(email__regex=f"^[bcdeg]@{mark}").exists()
    assert [it.name for it in Group.objects.filter(name__startswith=mark)] == [f"{mark}-3"]


def test_records_beyond_the_limits_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LONGEST", 200_000)
    deep, wide = f"{'[' * 500}{']' * 500}", json.dumps(["x" * 1000] * 1000)
    bad = (f'{{"a": {deep}}}', f'{{"a": {wide}}}', '{"a": 1, "a": 2}', "5", f"[{wide}]")
    text = f'{{"other": [{bad[1]}], "users": [{", ".join(bad)}, {{"n": {10**30}, "f": 1.5}}]}}'
    path = written(tmp_path / "users.json", b"\xef\xbb\xbf" + text.encode())
    *broken, last = (found for _, found in json_list(path, "users"))
    assert all(isinstance(it, reading.Broken) for it in broken)
    assert [str(it)[:18] for it in broken] == [
        *("It is nested more ", "It is longer than ", "A member is there "),
        *("It is no object.", "It is longer than "),
    ]
    assert last == {"n": 10**30, "f": 1.5}
    written(path, '{"users": {"a": {"b": 1}}, "more": {"users": [{"c": 1}]}}')
    assert not list(json_list(path, "users"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"users": [{"email": "\\u00e9"}]}'.encode("utf-16"), "is UTF-16"),
        (b'{"users": [{"email": "\xe9"}]}', "It is not UTF-8 before byte"),
        (b'{"users": [{"n": ' + b"9" * 5000 + b"}]}", "It is not JSON"),
        (b"[" * 100_000, "more than 1000 deep"),
    ],
    ids=["UTF-16", "Latin 1", "a long number", "deep"],
)
def test_files_that_cannot_be_read_on(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path / "users.json", content)
    with pytest.raises(CommandError, match=reason) as error:
        call_command("import", "firebase", str(path))
    assert error.value.returncode == 1


def test_what_came_before_a_break_stays_and_the_rest_comes_later(tmp_path: Path) -> None:
    mark = unique("cut").lower()
    users = [{"localId": f"{mark}-{n}", "email": f"{n}@{mark}.example"} for n in range(3)]
    whole = json.dumps({"users": users})
    path = written(tmp_path / "users.json", whole[: whole.index(f"{mark}-2")])
    with pytest.raises(CommandError, match="breaks off"):
        call_command("import", "firebase", str(path))
    kept = User.objects.filter(sub__startswith=mark)
    assert kept.count() == 2
    before = list(kept.order_by("sub").values())
    written(path, whole)
    call_command("import", "firebase", str(path))
    assert kept.count() == 3
    assert list(kept.order_by("sub").values())[:2] == before
