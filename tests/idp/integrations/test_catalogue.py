"""The catalogue of programs: every file is whole, and what it registers can be registered."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from idp import policy
from idp.admin.clients.new_app import KINDS
from idp.admin.clients.new_program import NewProgramForm
from idp.client_metadata import BY_NAME
from idp.integrations import catalogue as module
from idp.integrations.catalogue import (
    PROGRAMS,
    CatalogueError,
    Integration,
    catalogue,
    is_base,
    read,
)
from tests.conftest import ROOT
from tests.relying_party import make_client, unique

programs = pytest.mark.parametrize("program", catalogue().values(), ids=lambda each: each.slug)
#: Addresses of ours that settings name: the issuer with one of its paths.
ADDRESS = re.compile(r"\{issuer\}(/[\w./-]*)")
#: The programs that the issue of this catalogue names.
ASKED_FOR = {
    *("grafana", "argo-cd", "kubernetes", "gitlab", "gitea", "nextcloud", "jupyterhub", "superset"),
    *("airflow", "pgadmin", "mlflow", "streamlit", "oauth2-proxy", "traefik", "caddy", "nginx"),
    *("apache", "spring-boot", "aspnet-core", "nextjs", "django", "flask", "fastapi", "express"),
    *("go", "rust", "proxmox", "vault", "synapse", "open-webui", "mcp", "quarkus", "passport"),
    "dex",
}


def texts_of(program: Integration) -> str:
    return "\n".join(setting.text for setting in program.settings)


def errors_of(program: Integration) -> dict[str, Any]:
    """Return what the wizard says to an app that it filled in for a program itself."""
    filled_in = NewProgramForm(program)
    data = {name: field.value() for name, field in _bound(filled_in).items()}
    return dict(NewProgramForm(program, data).errors)


def _bound(form: NewProgramForm) -> dict[str, Any]:
    return {name: form[name] for name in form.fields}


def test_all_programs_are_there() -> None:
    assert ASKED_FOR - catalogue().keys() == set()


@programs
def test_what_is_filled_in_can_be_registered(program: Integration) -> None:
    assert errors_of(program.filled_in()) == {}
    assert program.client.keys() - BY_NAME.keys() == set()


def test_what_our_own_checks_refuse_would_be_found() -> None:
    program = catalogue()["grafana"].filled_in()
    plain = replace(program, redirect_uris=("http://grafana.example.com/login/generic_oauth",))
    assert list(errors_of(plain)) == ["redirect_uris"]
    assert list(errors_of(replace(program, scopes=("openid", "no-such")))) == ["scopes"]


@programs
def test_settings_name_addresses_that_there_are(program: Integration) -> None:
    known = {*policy.PATHS.values(), *policy.DISCOVERY_PATHS, "/", ""}
    assert set(ADDRESS.findall(texts_of(program))) - known == set()


@programs
def test_settings_have_the_values_of_the_app(program: Integration) -> None:
    filled_in = program.filled_in(
        issuer="https://id.test", client_id="its-id", client_secret="its-secret"
    )
    texts = texts_of(filled_in)
    assert "https://id.test" in texts
    assert "its-id" in texts
    assert not re.search(r"\{(issuer|client_id|client_secret|base)\}", texts)
    is_public = KINDS[program.kind].preset["token_endpoint_auth_method"] == "none"
    has_secret = "its-secret" in texts or "OIDC_CLIENT_SECRET" in texts
    assert has_secret is not is_public


@programs
def test_settings_ask_for_the_scopes_that_are_registered(program: Integration) -> None:
    texts = texts_of(program)
    for scope in ("groups", "offline_access"):
        asks = re.search(rf"\b{scope}\b", texts) is not None
        if program.slug != "mcp":  # its clients add offline_access themselves
            assert asks == (scope in program.scopes), scope
    assert "roles" not in program.scopes or re.search(r"\broles\b", texts)
    assert ("offline_access" in program.scopes) == program.stays_signed_in


@programs
def test_what_is_called_tested_is_tested(program: Integration) -> None:
    if program.tested is None:
        return
    assert (ROOT / program.tested.by).exists()
    if "quick_starts" in program.tested.by and program.slug != "apache":
        name, version = program.tested.version.lower().split()
        locks = (ROOT / "requirements/development.txt", ROOT / "tests/package-lock.json")
        pinned = "\n".join(path.read_text(encoding="utf-8") for path in locks)
        found = rf'{name}(==|": \{{\s*"version": "){re.escape(version)}\b'
        assert re.search(found, pinned), f"{name} {version} is not what the tests run"


@programs
def test_pictures_are_there(program: Integration) -> None:
    folder = ROOT / "docs" / "images" / "integrations"
    assert (folder / (program.picture or f"{program.slug}.png")).exists()


def test_the_wizard_knows_the_kinds_of_the_catalogue() -> None:
    assert set(module.KINDS) == KINDS.keys() - {"high-security"}


def test_values_are_put_in_once() -> None:
    program = catalogue()["grafana"].filled_in(
        issuer="https://id.test", client_secret="{base}{issuer}"
    )
    assert "client_secret = {base}{issuer}" in texts_of(program)


@pytest.mark.parametrize("client_id", ["https://rp.example/a", "a b", "$(reboot)", "x'\"y", "ü"])
def test_a_client_id_that_settings_would_have_to_escape_stays_an_example(client_id: str) -> None:
    texts = texts_of(catalogue()["kubernetes"].filled_in(client_id=client_id))
    assert client_id not in texts
    assert "your-client-id" in texts


@pytest.mark.parametrize(
    ("redirect_uris", "base"),
    [
        (["https://g.test/login/generic_oauth"], "https://g.test"),
        (["https://g.test/grafana/login/generic_oauth"], "https://g.test/grafana"),
        (["https://g.test/other", "http://[::1]:3/login/generic_oauth"], "http://[::1]:3"),
        (["https://g.test/$(x)/login/generic_oauth"], "https://grafana.example.com"),
        ([], "https://grafana.example.com"),
    ],
)
def test_the_address_of_the_program_is_in_its_redirect_uris(
    redirect_uris: list[str], base: str
) -> None:
    assert catalogue()["grafana"].base_of(redirect_uris) == base


@pytest.mark.parametrize(
    "address",
    [
        *("", "https://", "grafana.test", "ftp://a.test", "https://a.test/?q", "https://a b"),
        *("https://a.test:99999", "https://a.test/\x00", "https://a'b", "https://a.test/`x`"),
        "https://é.test",
    ],
)
def test_other_addresses_are_no_programs(address: str) -> None:
    assert not is_base(address)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"colour": "red"}, "unknown members: colour"),
        ({"name": None}, "missing members: name"),
        ({"category": "Toys"}, "category 'Toys' is none of"),
        ({"kind": "spa"}, "kind 'spa' is none of"),
        ({"base": "https://a.test/"}, "base is not an address"),
        ({"redirect_uris": "{base}/cb"}, "redirect_uris is not of the right type"),
        ({"redirect_uris": ["{address}/cb"]}, "only {base} at the beginning"),
        ({"settings": [{"title": "x", "language": "ini", "text": "{client}"}]}, "{client}"),
        ({"settings": [{"title": "x", "language": "ini", "text": "{issuer_url}"}]}, "{issuer_url}"),
        ({"settings": [{"title": "x", "text": "x"}]}, "language"),
        ({"tested": {"version": "1"}}, "by"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    members = yaml.safe_load((PROGRAMS / "grafana.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "odd.yaml"
    path.write_text(yaml.safe_dump({**members, **change}), encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"^odd\.yaml: ") as refused:
        read(path)
    assert says in str(refused.value)


def test_braces_of_the_program_stay(tmp_path: Path) -> None:
    members = yaml.safe_load((PROGRAMS / "grafana.yaml").read_text(encoding="utf-8"))
    text = "{uri} {{ user.name }} ${client_secret_file} %{x} {client_id}"
    members["settings"] = [{"title": "x", "language": "ini", "text": text}]
    path = tmp_path / "braces.yaml"
    path.write_text(yaml.safe_dump(members), encoding="utf-8")
    filled_in = read(path).filled_in(client_id="abc")
    assert filled_in.settings[0].text == text.replace("{client_id}", "abc")


def test_the_first_app_of_a_program_gets_the_client_id_that_it_has_built_in() -> None:
    program = replace(catalogue()["signet-command-line"], client_id=unique("built-in"))
    assert NewProgramForm(program).instance.client_id == program.client_id
    make_client(client_id=program.client_id)
    assert NewProgramForm(program).instance.client_id != program.client_id
