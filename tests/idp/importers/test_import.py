"""`manage.py import`: what is taken of each source, and what no file can do."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.allauth_door import email_addresses
from accounts.models import User
from accounts.upstream.model import Upstream
from idp.importers import reading
from idp.models import Attribute, Client
from tests.conftest import database_url
from tests.moving import run_project
from tests.relying_party import unique

KEYCLOAK = Path(__file__).parent / "keycloak-26.json"
SECRET = "s" * 40
ALL_TAKEN = 0


class Run:
    """One run of the command."""

    def __init__(self, report: Path, *arguments: object) -> None:
        self.error, self.code = "", ALL_TAKEN
        self.stdout, self.stderr = StringIO(), StringIO()
        try:
            call_command(
                *("import", *map(str, arguments), "--report", str(report)),
                stdout=self.stdout,
                stderr=self.stderr,
            )
        except CommandError as error:
            self.error, self.code = str(error), error.returncode
        self.report = [json.loads(line) for line in report.read_text().splitlines()]
        self.counts = self.stdout.getvalue()

    def reason(self, row: int, kind: str = "users") -> str:
        return next(it["reason"] for it in self.report if (it["row"], it["kind"]) == (row, kind))


@pytest.fixture
def run(tmp_path: Path) -> Any:
    return lambda *arguments: Run(tmp_path / "report.jsonl", *arguments)


def people(path: Path, *rows: dict[str, object]) -> Path:
    """Write a CSV file."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(str(row.get(name, "")) for name in columns) for row in rows]
    path.write_text("\n".join([",".join(columns), *lines]) + "\n")
    return path


def ours(text: str, mark: str) -> str:
    """Return the recorded export with names that no other test has."""
    for name in ("bakery.example", "shop", "till", "legacy", "Staff", "Customers"):
        text = text.replace(
            name, f"{mark}-{name}" if name != "bakery.example" else f"{mark}.example"
        )
    for number in range(4):
        identifier = json.loads(KEYCLOAK.read_text())["users"][number]["id"]
        text = text.replace(identifier, f"{mark}-{number}")
    return text.replace("acme", mark)


def test_a_realm_that_keycloak_exported(run: Any, tmp_path: Path) -> None:
    """People keep sub, password, groups, roles and connected accounts; apps their secrets."""
    mark = unique("kc").lower()
    realm = tmp_path / "realm.json"
    realm.write_text(ours(KEYCLOAK.read_text(), mark))
    Attribute.objects.get_or_create(name="department", defaults={"label": "Department"})
    Upstream.objects.create(slug=f"{mark}-here", name="Acme", kind="oidc")

    first = run("keycloak", realm, "--upstream", f"{mark}={mark}-here")
    ana, bo = (User.objects.get(email=f"{name}@{mark}.example") for name in ("ana", "bo"))
    assert (ana.sub, ana.name, ana.locale) == (f"{mark}-0", "Ana Almeida", "pt")
    assert ana.attributes == {"department": "Rye"}
    assert ana.check_password("a loaf of rye bread")
    assert [group.name for group in ana.groups.all()] == [f"{mark}-Staff/Night shift"]
    assert [str(role.name) for role in ana.app_roles.all()] == ["manager"]
    assert email_addresses.is_verified(ana, ana.email)
    assert SocialAccount.objects.get(user=ana).provider == f"{mark}-here"
    assert not bo.is_active
    assert not email_addresses.is_verified(bo, bo.email)
    shop = Client.objects.get(client_id=f"{mark}-shop")
    assert shop.redirect_uris == [f"https://{mark}-shop.{mark}.example/callback"]
    assert shop.secrets.exists()
    assert [group.name for group in shop.roles.get().groups.all()] == [f"{mark}-Customers"]

    assert first.code == 3
    assert "/* is not taken" in first.reason(3, "clients")
    assert "It does not use OpenID Connect." in json.dumps(first.report)
    assert "no email address" in first.reason(3)

    again = run("keycloak", realm, "--upstream", f"{mark}={mark}-here")
    assert "added" not in again.counts.replace("unchanged", "")
    assert SocialAccount.objects.filter(provider=f"{mark}-here").count() == 1


def test_a_folder_is_read_as_one_file_is(run: Any, tmp_path: Path) -> None:
    mark = unique("kd").lower()
    realm = json.loads(ours(KEYCLOAK.read_text(), mark))
    users = realm.pop("users")
    (tmp_path / "bakery-realm.json").write_text(json.dumps(realm))
    for number, user in enumerate(users):
        path = tmp_path / f"bakery-users-{number}.json"
        path.write_text(json.dumps({"realm": "bakery", "users": [user]}))
    run("keycloak", tmp_path)
    assert set(User.objects.filter(sub__startswith=f"{mark}-").values_list("sub", flat=True)) == {
        f"{mark}-0",
        f"{mark}-1",
    }


def test_auth0(run: Any, tmp_path: Path) -> None:
    mark = unique("a0").lower()
    profile = {
        "user_id": f"google-oauth2|{mark}",
        "email": f"ana@{mark}.example",
        "email_verified": True,
        "name": "Ana",
        "identities": [{"provider": "google-oauth2", "connection": "google", "user_id": 7}],
    }
    with_hash = {
        "_id": {"$oid": mark},
        "email": f"bo@{mark}.example",
        "passwordHash": bcrypt.hashpw(b"a slice of toast", bcrypt.gensalt(4)).decode(),
    }
    users = tmp_path / "users.ndjson"
    users.write_text(f"{json.dumps(profile)}\nnot json\n\n{json.dumps(with_hash)}\n")
    client = {
        "client_id": f"{mark}-app",
        "client_secret": SECRET,
        "name": "App",
        "callbacks": ["https://app.example.com/callback", "https://*.example.com/callback"],
        "grant_types": ["authorization_code", "implicit"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    clients = tmp_path / "clients.json"
    clients.write_text(json.dumps([client, {"client_id": "everything", "global": True}]))
    done = run("auth0", users, "--clients", clients)
    assert User.objects.get(email=f"ana@{mark}.example").sub == f"google-oauth2|{mark}"
    bo = User.objects.get(sub=f"auth0|{mark}")
    assert bo.check_password("a slice of toast")
    assert done.reason(2) == "It is not JSON."
    assert "implicit" in done.reason(1, "clients")
    assert Client.objects.get(client_id=f"{mark}-app").grant_types == ["authorization_code"]

    # A file for Auth0's own import is one list, and its subjects are without their beginning.
    custom = {"algorithm": "bcrypt", "hash": {"value": HASH}}
    cleo = {"user_id": f"{mark}-3", "email": f"c@{mark}.example", "custom_password_hash": custom}
    users.write_text(json.dumps([cleo, 5], indent=2))
    assert run("auth0", users).reason(2) == "It is no object."
    assert User.objects.get(sub=f"auth0|{mark}-3").password == f"bcrypt${HASH}"


def test_firebase(run: Any, tmp_path: Path) -> None:
    """The hash is the one that the published implementation of Firebase's scrypt documents."""
    mark = unique("fb").lower()
    config = tmp_path / "hash_config"
    config.write_text(
        "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: "
        "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,"
        "\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}\n"
    )
    user = {
        "localId": mark,
        "email": f"ana@{mark}.example",
        "emailVerified": True,
        "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZ"
        "ilo78198JAdRuid5lQ==",
        "salt": "42xEC+ixf3L2lw==",
        "customAttributes": '{"tier": 1}',
        "providerUserInfo": [],
    }
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"users": [user, 5]}))
    done = run("firebase", path, "--hash-config", config)
    assert User.objects.get(sub=mark).check_password("user1password")
    assert done.reason(2) == "It is no object."


def test_authentik(run: Any, tmp_path: Path) -> None:
    mark = unique("ak").lower()
    hashed = make_password("a loaf of rye", hasher="pbkdf2_sha256")
    path = tmp_path / "blueprint.yaml"
    path.write_text(
        f"""
version: 1
entries:
- model: authentik_core.user
  identifiers: {{username: ana, uid: {mark}-1}}
  attrs:
    email: ana@{mark}.example
    password: {hashed}
    groups:
    - !Find [authentik_core.group, [name, {mark}-bakers]]
    - !KeyOf night
    - 5f0e1d2c-0000-4000-8000-00000000000a
- model: authentik_core.group
  attrs: {{name: {mark}-bakers, is_superuser: true}}
- model: authentik_providers_oauth2.oauth2provider
  attrs:
    client_id: {mark}-app
    client_secret: {SECRET}
    client_type: confidential
    authorization_flow: !Find [authentik_flows.flow, [slug, default]]
    name: App
    redirect_uris:
    - {{matching_mode: strict, url: https://app.example.com/callback}}
    - {{matching_mode: regex, url: https://.*}}
- model: authentik_core.group
  id: night
  attrs: {{name: {mark}-night shift}}
- model: authentik_core.group
  identifiers: {{pk: 5f0e1d2c-0000-4000-8000-00000000000a}}
  attrs: {{name: {mark}-exported}}
- model: authentik_core.user
  attrs: {{email: robot@{mark}.example, type: service_account}}
"""
    )
    done = run("authentik", path)
    ana = User.objects.get(sub=f"{mark}-1")
    assert ana.check_password("a loaf of rye")
    assert {group.name for group in ana.groups.all()} == {
        f"{mark}-{name}" for name in ("bakers", "night shift", "exported")
    }
    assert "is a pattern" in done.reason(3, "clients")
    assert "is a service account" in done.reason(6)

    # In sections, as an export has it: without what is only read.
    path.write_text(
        f"""
entries:
  people:
  - model: authentik_core.user
    identifiers: {{pk: 7}}
    attrs: {{email: bo@{mark}.example}}
"""
    )
    assert "no uid" in run("authentik", path).reason(1)
    assert run("authentik", path, "--sub", "email").reason(1).startswith("An account")


@pytest.fixture
def other_database(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of the same kind as ours."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'other.sqlite3'}"
        return
    name = unique("other").lower().replace("-", "_")
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    yield f"{database_url().rpartition('/')[0]}/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("model", ["auth", "custom"])
def test_a_real_project_of_django(run: Any, other_database: str, model: str) -> None:
    """With tables of its own migrations. Its operators are none here; its hashes are taken."""
    mark = unique("dj").lower()
    known = run_project("django_project.py", other_database, mark, model)["subs"]
    custom = ("--table", "people_person") if model == "custom" else ()
    done = run("django", other_database, *custom)
    ana, bo = (User.objects.get(email=f"{name}@{mark}.example") for name in ("ana", "bo"))
    assert (ana.sub, bo.sub) == (known["ana"], known["bo"])
    assert (ana.name, ana.is_staff, ana.is_superuser) == ("Ana Almeida", False, False)
    assert (ana.is_active, bo.is_active) == (True, False)
    again = run("django", other_database, *custom)
    assert "users: 2 unchanged, 1 partly taken" in again.counts
    for person in (ana, bo):
        assert person.check_password("a password of the old project")
    assert {group.name for group in ana.groups.all()} == {f"{mark}-bakers", f"{mark}-night shift"}
    assert "is_superuser is not taken" in done.report[0]["reason"]
    User.objects.filter(email__endswith=f"@{mark}.example").delete()


def test_a_dry_run_changes_nothing_and_tells_the_same(run: Any, tmp_path: Path) -> None:
    mark = unique("dry").lower()
    rows = [{"email": f"{number % 3}@{mark}.example", "groups": mark} for number in range(4)]
    path = people(tmp_path / "people.csv", *rows)
    dry = run("csv", path, "--dry-run")
    assert not User.objects.filter(email__endswith=f"{mark}.example").exists()
    assert not Group.objects.filter(name=mark).exists()
    real = run("csv", path)
    assert dry.report == real.report
    assert real.report[0]["reason"] == "Row 2 has the same email."


def test_no_file_makes_or_changes_an_operator(run: Any, tmp_path: Path) -> None:
    mark = unique("op").lower()
    powerful = Group.objects.create(name=mark)
    powerful.permissions.add(Permission.objects.first())  # type: ignore[arg-type]
    operator = User.objects.create_user(f"root@{mark}.example", is_staff=True, sub=f"{mark}-root")
    rows: list[dict[str, object]] = [
        {"email": f"evil@{mark}.example", "is_superuser": "true", "is_staff": "1", "groups": mark},
        {"email": operator.email, "sub": operator.sub, "name": "Evil", "password_hash": HASH},
    ]
    done = run("csv", people(tmp_path / "people.csv", *rows), "--overwrite")
    evil = User.objects.get(email=f"evil@{mark}.example")
    assert not evil.is_staff
    assert not evil.is_superuser
    assert not evil.groups.exists()
    assert "operator’s" in done.reason(3) or "operator's" in done.reason(3)
    before = (operator.password, operator.name)
    operator.refresh_from_db()
    assert (operator.password, operator.name) == before


HASH = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie"


def test_accounts_that_were_here_are_nobodys_to_take_over(run: Any, tmp_path: Path) -> None:
    """By address, by subject, by a second address, or by a connected account."""
    mark = unique("own").lower()
    local = User.objects.create_user(f"ana@{mark}.example", "a loaf of rye bread", name="Ana")
    local.set_email(local.email, verified=True)
    disabled = User.objects.create_user(f"bo@{mark}.example", is_active=False)
    Upstream.objects.create(slug=f"{mark}-up", name="Up", kind="oidc")
    SocialAccount.objects.create(user=local, provider=f"{mark}-up", uid="42")
    rows: list[dict[str, object]] = [
        {"email": local.email, "sub": f"{mark}-1", "password_hash": HASH, "name": "Evil"},
        {"email": f"evil@{mark}.example", "sub": local.sub},
        {"email": f"new@{mark}.example", f"link.{mark}-up": "42"},
        {"email": disabled.email},
    ]
    path = people(tmp_path / "people.csv", *rows)
    done = run("csv", path)
    assert "was here before, with another sub" in done.reason(2)
    assert "has its sub and another address" in done.reason(3)
    assert "linked with somebody else" in done.reason(4)
    local.refresh_from_db()
    disabled.refresh_from_db()
    assert local.check_password("a loaf of rye bread")
    assert local.name == "Ana"
    assert not disabled.is_active
    assert SocialAccount.objects.get(provider=f"{mark}-up").user == local
    run("csv", path, "--overwrite")
    sub = local.sub
    local.refresh_from_db()
    assert (local.name, local.sub) == ("Evil", sub)
    assert local.check_password("a loaf of rye bread")


def test_an_account_is_brought_up_to_date_until_it_is_used(run: Any, tmp_path: Path) -> None:
    mark = unique("up").lower()
    row: dict[str, object] = {"email": f"ana@{mark}.example", "sub": mark, "name": "Ana"}
    path = tmp_path / "people.csv"
    assert run("csv", people(path, row)).code == ALL_TAKEN
    assert run("csv", people(path, row | {"name": "Anna", "password_hash": HASH})).code == ALL_TAKEN
    ana = User.objects.get(sub=mark)
    assert (ana.name, ana.password) == ("Anna", f"bcrypt${HASH}")
    ana.last_login = ana.date_joined
    ana.save()
    done = run("csv", people(path, row | {"name": "Hanna"}))
    assert "has been used here since" in done.reason(2)
    ana.refresh_from_db()
    assert ana.name == "Anna"


def test_bombs_and_broken_rows_end_nothing_else(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = unique("bomb").lower()
    monkeypatch.setattr(reading, "LONGEST", 200_000)
    good = json.dumps({"user_id": f"auth0|{mark}", "email": f"ana@{mark}.example"})
    deep, long = "[" * 100_000, '{"name": "' + "x" * 500_000
    lines = tmp_path / "users.ndjson"
    lines.write_bytes(f'{deep}\n{long}\n{{"email": "\\ud800@x.example"}}\n'.encode() + b"\xff\n")
    with lines.open("a") as file:
        file.write(good)
    done = run("auth0", lines)
    assert sorted(it["row"] for it in done.report) == [1, 2, 3, 4]
    assert User.objects.filter(sub=f"auth0|{mark}").exists()

    table = tmp_path / "people.csv"
    table.write_text(f'email,name\n{long}\nx,y,z\nbo@{mark}.example,Bo\n"open,{"y" * 150_000}\n')
    done = run("csv", table)
    assert User.objects.filter(email=f"bo@{mark}.example").exists()
    assert done.code == 3

    for bomb in (deep, '{"users": ' + deep, '{"users": [{"email": "' + "x" * 500_000, "{", ""):
        path = tmp_path / "users.json"
        path.write_text(bomb)
        assert "users.json" in run("firebase", path).error
