"""`manage.py export`: what apply reads, without secrets; there and back again."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from idp.declaration import DeclarationError, apply, entry_of, export, name_of, state_of
from idp.models import Client, InitialAccessToken, ResourceServer, Scope
from tests.idp.management.test_apply_resource_servers import PUBLIC_RSA
from tests.relying_party import unique

SECRETS = {"password": "p" * 40, "client_secret": "c" * 40, "encryption_secret": "e" * 32}
TOKEN = "t" * 40
#: One of everything, each member another than its default.
EVERYTHING: dict[str, Any] = {
    "brand": {
        "name": "Bakery Ltd",
        "accent_color": "#0a6e5c",
        "help_uri": "mailto:help@example.com",
        "imprint_uri": "https://example.com/imprint",
        "footer_text": "Bakery Ltd\n1 Mill Lane",
        "mark": '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9v9z"></path></svg>',
    },
    "attributes": [
        {
            "name": "rank",
            "label": "Rank",
            "labels": {"de": "Rang"},
            "type": "choice",
            "choices": ["Baker", "Master"],
            "user_access": "visible",
        }
    ],
    "users": [
        {
            "email": "ana@example.com",
            "password": SECRETS["password"],
            "email_verified": True,
            "name": "Ana Lima 😀: #1",
            "birthdate": "1985-03-12",
            "zoneinfo": "Europe/Lisbon",
            "phone_number": "+351 21 000 0000",
            "phone_number_verified": True,
            "address": {"formatted": "Rua do Ouro 1\n1100-060 Lisboa", "country": "Portugal"},
            "attributes": {"rank": "Master"},
            "groups": ["bakers", "yes"],
            "is_staff": True,
        },
        {"email": "ben@example.com", "is_active": False, "is_superuser": True},
        {"email": "cleo@example.com"},
    ],
    "trusted_issuers": [
        {
            "issuer": "https://idp.example.com",
            "name": "Example Ltd",
            "enabled": False,
            "purposes": ["workloads", "users"],
            "jwks_uri": "https://idp.example.com/keys",
            "algorithms": ["ES256"],
            "audiences": ["signet"],
            "claims": {"tenant": "acme"},
            "longest_life": 600,
            "email_domains": ["example.com"],
            "links": {"U1": "ben@example.com"},
        }
    ],
    "upstreams": [
        {
            "slug": "acme",
            "name": "Acme Ltd",
            "kind": "oidc",
            "place": 5,
            "enabled": False,
            "issuer": "https://login.example.com",
            "client_id": "signet",
            "client_auth": "client_secret_post",
            "secret_variable": "UPSTREAM_ACME_SECRET",
            "scopes": "openid email",
            "email_domains": ["acme.example"],
            "trusts_email": True,
            "creation": "invited",
            "mapping": {"groups": {"bakers": "bakers"}, "groups_claim": "groups"},
            "refresh": "always",
        }
    ],
    "clients": [
        {
            "client_id": "bakery",
            "client_name": "Bakery",
            "client_secret": SECRETS["client_secret"],
            "redirect_uris": ["https://b.example.com/callback", "https://a.example.com/callback"],
            "post_logout_redirect_uris": ["https://b.example.com/"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "client_secret_post",
            "id_token_signed_response_alg": "ES256",
            "id_token_encrypted_response_alg": "A128KW",
            "id_token_encrypted_response_enc": "A256GCM",
            "userinfo_signed_response_alg": "HS256",
            "userinfo_encrypted_response_alg": "dir",
            "userinfo_encrypted_response_enc": "A128CBC-HS256",
            "introspection_signed_response_alg": "EdDSA",
            "scope": "openid bread.read weather",
            "default_max_age": 0,
            "client_uri": "https://b.example.com",
            "contacts": ["ana@example.com"],
            "allowed_origins": ["https://b.example.com"],
            "profile": "compatible",
            "access_token_format": "jwt",
            "authorization_details_types": ["payment"],
            "access_token_lifetime": 300,
            "allowed_groups": ["bakers", "a group without users"],
            "refresh_token_idle_lifetime": 3600,
            "refresh_token_absolute_lifetime": 86400,
            "refresh_token_grace": 10,
            "refresh_without_offline_access": True,
            "first_party": True,
            "enabled": False,
            "owner": "ana@example.com",
            "integration": "grafana",
        },
        {
            "client_id": "desktop",
            "application_type": "native",
            "redirect_uris": ["com.example.app:/callback"],
            "token_endpoint_auth_method": "none",
        },
        {
            "client_id": "machine",
            "client_secret": "m" * 40,
            "grant_types": ["client_credentials"],
            "scope": "bread.read",
            "workloads": [
                {"issuer": "https://idp.example.com", "subject": "a:b:*", "claims": {"x": "1"}}
            ],
            "user_assertions": {"https://idp.example.com": "bread.read"},
        },
    ],
    "resource_servers": [
        {
            "identifier": "https://api.example.com/",
            "name": "Bread API",
            "scopes": {"bread.read": "See which bread is baked today", "bread.bake": ""},
            "access_token_signing_alg": "ES256",
            "access_token_lifetime": 60,
            "access_token_encryption_alg": "dir",
            "encryption_secret": SECRETS["encryption_secret"],
            "introspection_clients": ["bakery", "machine"],
        },
        {
            "identifier": "https://other.example.com/",
            "access_token_encryption_alg": "RSA-OAEP-256",
            "encryption_jwk": PUBLIC_RSA,
        },
    ],
    "authorization_details_types": [
        {
            "type": "payment",
            "label": "Payment",
            "labels": {"de": "Zahlung"},
            "sentence": "Pay {amount}[ for {reference}]",
            "sentences": {"de": "Zahle {amount}"},
            "schema": {
                "properties": {"amount": {"type": "string"}, "reference": {"maxLength": 140}},
                "required": ["amount"],
            },
            "ask_each_time": True,
            "open_to_self_registered": True,
        }
    ],
    "scopes": [{"name": "news"}, {"name": "weather", "description": "See today’s weather"}],
    "initial_access_tokens": [
        {
            "name": "ci",
            "token": TOKEN,
            "expires_at": "2027-01-31T12:00:00+00:00",
            "max_uses": 5,
            "grant_types": ["authorization_code"],
            "scope": "openid weather",
            "redirect_hosts": ["app.example.com"],
            "logos": True,
        }
    ],
}


def without_secrets(declaration: dict[str, Any]) -> dict[str, Any]:
    secret = {*SECRETS, "token"}
    return {
        name: [{k: v for k, v in entry.items() if k not in secret} for entry in entries]
        if isinstance(entries, list)
        else entries
        for name, entries in declaration.items()
    }


def exported(*arguments: str) -> str:
    output = StringIO()
    call_command("export", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_export_is_what_was_declared_without_secrets(form: str) -> None:
    apply(EVERYTHING, dry_run=False)
    text = exported("--format", form)
    assert (json.loads if form == "json" else yaml.safe_load)(text) == without_secrets(EVERYTHING)
    assert not [secret for secret in (*SECRETS.values(), TOKEN, "m" * 40) if secret in text]


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_export_applied_where_it_comes_from_changes_nothing(tmp_path: Path, form: str) -> None:
    apply(EVERYTHING, dry_run=False)
    path = tmp_path / "export"
    call_command("export", str(path), "--format", form)
    output = StringIO()
    call_command("apply", str(path), "--prune", stdout=output)
    assert output.getvalue() == "Nothing changed.\n"


@pytest.mark.usefixtures("empty")
def test_an_empty_database_is_an_empty_file() -> None:
    nothing = {name: {} if name == "brand" else [] for name in EVERYTHING}
    assert yaml.safe_load(exported()) == nothing
    assert json.loads(exported("--format", "json")) == nothing


@pytest.mark.usefixtures("empty")
def test_into_an_empty_database_each_missing_secret_is_named() -> None:
    with pytest.raises(DeclarationError) as refused:
        apply(without_secrets(EVERYTHING), dry_run=False)
    assert str(refused.value).splitlines() == [
        "resource server https://api.example.com/: encryption_secret is missing.",
        "client bakery: client_secret is missing.",
        "client machine: client_secret is missing.",
        "initial access token ci: token is missing.",
    ]


@pytest.mark.usefixtures("empty")
def test_into_an_empty_database_all_else_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    entries = without_secrets(EVERYTHING)
    entries["resource_servers"][1]["introspection_clients"] = ["bakery", "desktop"]
    path.write_text(json.dumps(entries))
    output = StringIO()
    call_command("apply", str(path), "--leave-out-missing-secrets", stdout=output)
    assert "! resource server https://api.example.com/\n    encryption_secret is missing\n" in (
        output.getvalue()
    )
    assert "! client bakery\n    scope bread.read is missing\n" in output.getvalue()
    assert "! initial access token ci\n    token is missing\n" in output.getvalue()
    assert output.getvalue().endswith(
        "12 added, 0 changed, 0 removed. 4 left out (!) for want of a secret.\n"
    )
    api = ResourceServer.objects.get()
    assert api.identifier == "https://other.example.com/"
    assert state_of(api)["introspection_clients"] == ["desktop"]
    assert [client.client_id for client in Client.objects.all()] == ["desktop"]


@pytest.mark.usefixtures("empty")
def test_what_is_left_out_stays_as_it_is() -> None:
    api = {"identifier": "https://api.example.com", "scopes": ["bread.read"]}
    apply({"resource_servers": [api]}, dry_run=False)
    wanted = {**api, "access_token_encryption_alg": "dir", "introspection_clients": ["nobody"]}
    changes = apply({"resource_servers": [wanted]}, dry_run=False, leave_out=True)
    assert [line for change in changes for line in change.lines()] == [
        "! resource server https://api.example.com",
        "    encryption_secret is missing",
    ]
    assert entry_of(ResourceServer.objects.get()) == api


@pytest.mark.usefixtures("empty")
def test_with_its_secrets_an_export_makes_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(EVERYTHING, dry_run=False)
    before = exported()
    declaration = yaml.safe_load(before)
    for model in (Client, User, ResourceServer, Scope, InitialAccessToken):
        model.objects.all().delete()
    monkeypatch.setenv("THE_SECRET", "s" * 32)
    declaration["resource_servers"][0]["encryption_secret"] = {"env": "THE_SECRET"}
    for entry in declaration["clients"]:
        if entry["client_id"] != "desktop":
            entry["client_secret"] = {"env": "THE_SECRET"}
    declaration["initial_access_tokens"][0]["token"] = {"env": "THE_SECRET"}
    declaration["users"][0]["password"] = {"env": "THE_SECRET"}
    path = tmp_path / "export.yaml"
    path.write_text(yaml.safe_dump(declaration))
    call_command("apply", str(path), stdout=StringIO())
    assert exported() == before
    assert User.objects.get(email="ana@example.com").check_password("s" * 32)


@pytest.mark.usefixtures("empty")
def test_some_lists_only() -> None:
    apply(EVERYTHING, dry_run=False)
    declaration = yaml.safe_load(exported("--only", "scopes,clients"))
    assert list(declaration) == ["clients", "scopes"]
    with pytest.raises(CommandError, match="no list cleints"):
        exported("--only", "cleints")


@pytest.mark.usefixtures("empty")
def test_what_came_by_itself_is_not_exported() -> None:
    """Clients that registered themselves, sign-ups that nobody finished, tokens revoked."""
    apply(EVERYTHING, dry_run=False)
    Client.objects.filter(client_id="bakery").update(registration_source="dcr")
    User.objects.filter(email="cleo@example.com").update(self_registered=True)
    InitialAccessToken.objects.update(revoked_at="2026-01-01T00:00:00Z")
    text = exported()
    assert "client_id: bakery" not in text
    assert "cleo@" not in text
    assert "initial_access_tokens: []" in text


@pytest.mark.usefixtures("undone")
def test_it_costs_as_many_statements_for_many_as_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # With the users of other tests, another batch may begin, with its lookups.
    monkeypatch.setattr("idp.declaration.sections._BATCH", 1_000_000)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            "".join(export(only=["users", "clients", "resource_servers"]))
        return len(captured)

    apply({"users": [{"email": f"{unique('u')}@example.com", "groups": ["a"]}]}, dry_run=False)
    before = statements()
    users = [{"email": f"{unique('u')}@example.com", "groups": ["a"]} for _ in range(20)]
    apply({"users": users}, dry_run=False)
    assert statements() <= before + 2


def test_an_export_sees_one_moment_and_nobody_waits_for_it(database: None) -> None:
    name = unique("scope")

    def add() -> None:
        Scope.objects.create(name=name)
        connection.close()

    text = export(only=["users", "scopes"])
    pieces = [next(text)]
    with ThreadPoolExecutor(1) as thread:
        thread.submit(add).result(timeout=10)
    assert name not in "".join([*pieces, *text])
    assert name in "".join(export(only=["scopes"]))
    Scope.objects.create(name=unique("scope"))  # this connection writes again


def test_a_file_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "export.yaml"
    call_command("export", str(path), "--only", "scopes")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export", str(tmp_path))


def test_rows_have_names_and_entries() -> None:
    name = unique("scope")
    apply({"scopes": [{"name": name, "description": "x"}]}, dry_run=False)
    scope = Scope.objects.get(name=name)
    assert name_of(scope) == f"scope {name}"
    assert state_of(scope) == {"description": "x", "claims": {}}
    assert entry_of(scope) == {"name": name, "description": "x"}
