"""People and scripts with the program, at a real provider; docs/command-line.md says how."""

import json
import re
import signal
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from idp import command_line
from tests.assertions import assertion_of, jwks_of, make_key
from tests.conftest import ROOT, Server
from tests.interop.conftest import Traveller
from tests.relying_party import (
    ISSUER,
    EndUser,
    Registered,
    make_api,
    make_client,
    no_event,
    spec,
    unique,
    verified,
)
from tests.signet_client.conftest import Program, ended, sign_in

#: SQLite gets no statement from here that others do not send.
pytestmark = pytest.mark.postgresql
SCOPE = "openid profile bread.read"
PAGE = (ROOT / "docs/command-line.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the blocks of the page in a language, with this provider's address."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text.replace("https://id.example.com", ISSUER) for text in found]


def block_with(language: str, words: str) -> str:
    """Return the one block of the page that has these words."""
    [found] = [text for text in blocks(language) if words in text]
    return found


@pytest.fixture(scope="module", autouse=True)
def as_the_page_says(provider: Server) -> None:
    """An operator has applied the page's file, by which bare `signet login` works."""
    from idp.declaration import Actor, apply

    [entry] = yaml.safe_load(block_with("yaml", "signet-cli"))["clients"]
    apply({"clients": [entry]}, dry_run=False, actor=Actor(no_event))


def userinfo(token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{ISSUER}/userinfo", headers=headers, verify=False)


@spec("RFC 8252", "7.3")
def test_a_person_signs_in_gets_tokens_and_signs_out(
    program: Program, traveller: Traveller, user: EndUser
) -> None:
    ran = sign_in(program, traveller, user, ISSUER)
    assert ran.output == ""
    assert f"signed in at {ISSUER} as {user.email}." in ran.said
    assert "There is no keyring here" in ran.said
    assert stat.S_IMODE(program.stored.stat().st_mode) == 0o600
    assert stat.S_IMODE(program.stored.parent.stat().st_mode) == 0o700

    token = program.run("token").token
    assert userinfo(token).json()["sub"] == user.sub
    assert program.run("token").token == token
    ran = program.run("whoami", "--format", "json", SIGNET_ISSUER=ISSUER)
    assert json.loads(ran.output)["email"] == user.email
    assert program.run("use").output == f"* {ISSUER}\n"

    # As long as it lasts, the ID token is that of the sign-in; then it is one of a refresh.
    credential = program.run("token", "--id-token", "--format", "kubernetes").members
    assert credential["kind"] == "ExecCredential"
    assert verified(credential["status"]["token"])["sub"] == user.sub
    program.expire()
    refreshed = program.run("token", "--id-token").token
    assert verified(refreshed)["aud"] == "signet-cli"

    # Another sign-in takes the place of the first, whose tokens end.
    earlier = program.run("token").token
    sign_in(program, traveller, user)
    assert userinfo(earlier).status_code == 401

    token = program.run("token").token
    said = program.run("logout", "--session").said
    assert "signed out" in said
    assert program.address() == f"{ISSUER}/end_session?client_id=signet-cli"
    assert userinfo(token).status_code == 401
    assert list(program.folder.glob(".config/signet/*.json")) == []
    assert "signet login" in program.run("token", code=3).said


@spec("RFC 9700", "4.14")
def test_processes_that_find_a_token_expired_refresh_it_once(
    program: Program, traveller: Traveller, user: EndUser
) -> None:
    sign_in(program, traveller, user, ISSUER, "--storage", "file")
    before = program.run("token").token
    program.expire()
    with ThreadPoolExecutor() as pool:
        ran = [pool.submit(ended, program.start("token")) for _ in range(4)]
    [after] = {each.result().token for each in ran}
    assert after != before
    assert userinfo(after).json()["sub"] == user.sub

    # A sign-out elsewhere ends it, and no command asks the user for what cannot help.
    program.expire()
    traveller.submit(traveller.open("/account/logout/"), "confirm-logout")
    for _ in range(2):
        said = program.run("token", code=3).said
        assert f"signet login {ISSUER}" in said


def test_the_pages_recipes_for_people(
    program: Program, traveller: Traveller, user: EndUser
) -> None:
    api = make_api(identifier=f"{ISSUER}/api/", access_token_format="jwt", scopes=["bread.read"])
    entry = yaml.safe_load(block_with("yaml", "signet-cli"))["clients"][0]
    client = make_client(**{**entry, "client_id": unique("cli"), "scope": SCOPE})
    login = ["--client-id", client.client_id, "--scope", SCOPE]
    sign_in(program, traveller, user, ISSUER, *login)
    ran = program.shell(block_with("sh", "/userinfo"))
    assert json.loads(ran.output)["sub"] == user.sub
    token = program.shell(block_with("sh", "--resource")).token
    claims = verified(token)
    assert (claims["aud"], claims["scope"]) == (api["identifier"], "bread.read")
    assert userinfo(token).status_code in {401, 403}
    said = program.run("token", "--scope", "bread.bake", code=1).said
    assert "Sign in with what you need" in said


@pytest.fixture
def machine(provider: Server) -> Registered:
    """A client of the page's name, with a scope of an API."""
    return make_client(
        client_id="backup",
        redirect_uris=[],
        response_types=[],
        grant_types=["client_credentials"],
        scope=make_api()["scopes"][0],
    )


@spec("RFC 6749", "4.4")
def test_the_pages_recipes_for_machines(program: Program, machine: Registered) -> None:
    secret = {"SIGNET_CLIENT_SECRET": str(machine.secret)}
    said = program.shell(block_with("sh", "/introspect"), **secret).output
    assert json.loads(said)["active"] is True
    assert json.loads(said)["client_id"] == "backup"
    arguments = ("token", "--issuer", ISSUER, "--client-id", "backup")
    assert program.run(*arguments, "--format", "json", **secret).members["scope"]
    ran = program.run(*arguments, code=1, SIGNET_CLIENT_SECRET="wrong-" * 6)
    assert "invalid_client" in ran.said
    assert "How does backup prove itself?" in program.run(*arguments, code=1).said
    assert not (program.folder / ".config").exists()  # nothing is stored


@spec("RFC 7523", "3")
@pytest.mark.parametrize("algorithm", ["EdDSA", "RS256"])
def test_a_machine_proves_itself_with_a_key(
    program: Program, provider: Server, algorithm: str
) -> None:
    key = make_key(algorithm)
    client = make_client(
        redirect_uris=[],
        response_types=[],
        grant_types=["client_credentials"],
        token_endpoint_auth_method="private_key_jwt",
        jwks=jwks_of(key),
        profile="recommended",
    )
    is_pem = algorithm == "RS256"
    text = key.export_to_pem(True, None).decode() if is_pem else key.export_private()
    (program.folder / "key").write_text(text)
    arguments = ("token", "--issuer", ISSUER, "--client-id", client.client_id)
    token = program.run(*arguments, "--private-key-file", str(program.folder / "key")).token
    assert userinfo(token).status_code in {401, 403}  # it is nobody's
    if not is_pem:  # a JWT that somebody else made for it does as well
        given = program.folder / "jwt"
        given.write_text(assertion_of(client, key, algorithm))
        assert program.run(*arguments, SIGNET_ASSERTION_FILE=str(given)).token


def test_a_client_of_ones_own_where_everybody_may_register_one(
    program: Program, traveller: Traveller, user: EndUser
) -> None:
    from idp.models import Client

    sign_in(program, traveller, user, ISSUER, "--register")
    [client_id] = re.findall(r"app +(\S+)", program.run("whoami").output)
    client = Client.objects.get(client_id=client_id)
    assert (client.application_type, client.is_public) == ("native", True)
    program.run("logout")
    assert not Client.objects.filter(client_id=client_id).exists()


def test_an_app_that_the_issuer_does_not_know_is_said_before_any_browser_opens(
    program: Program, provider: Server
) -> None:
    from idp.models import Client

    Client.objects.filter(client_id="signet-cli").update(enabled=False)
    try:
        said = program.run("login", ISSUER, code=1).said
    finally:
        Client.objects.filter(client_id="signet-cli").update(enabled=True)
    assert "does not know the app signet-cli" in said
    assert not program.opened.exists()


def test_ctrl_c_ends_a_login_without_a_traceback(program: Program, provider: Server) -> None:
    process = program.start("login", ISSUER)
    assert program.address().startswith(f"{ISSUER}/authorize?")
    process.send_signal(signal.SIGINT)
    assert "interrupted" in ended(process, 130).said


def test_help_shows_both_kinds_of_commands(
    program: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["signet", "--help"])
    monkeypatch.setattr(command_line, "_run_django", lambda: print("rotate_keys"))
    command_line.main()
    said = capsys.readouterr().out
    assert said.index("print a valid access token") < said.index("rotate_keys")
    assert "Exit codes" in program.run("help", "token").output
    assert "usage: signet login" in program.run("login", "--storage", "cloud", code=2).said


#: Another process of the user's, or a backup, that has the files alone.
KEYRING = Path(__file__).with_name("keyring_backend.py")


def test_tokens_are_sealed_with_a_key_in_the_keyring(
    program: Program, traveller: Traveller, user: EndUser
) -> None:
    pytest.importorskip("keyring")
    kept = program.folder / "keyring.json"
    environment: dict[str, Any] = {
        "PYTHON_KEYRING_BACKEND": "tests.signet_client.keyring_backend.FileKeyring",
        "TEST_KEYRING": str(kept),
    }
    ran = sign_in(program, traveller, user, ISSUER, **environment)
    assert "keyring has the key" in ran.said
    token = program.run("token", **environment).token
    stored = program.stored.read_text()
    assert token not in stored
    assert user.email not in stored
    assert token not in kept.read_text()

    locked = program.run("token", code=1, **environment, TEST_KEYRING_LOCKED="yes")
    assert "keyring cannot be used: it is locked" in locked.said
    key = kept.read_text()
    kept.write_text("{}")
    assert "signet login" in program.run("token", code=3, **environment).said
    kept.write_text(key)
    # A file that was changed opens no more than one without its key.
    changed = json.loads(stored)
    changed["sealed"] = changed["sealed"][:-8] + "AAAAAAA="
    program.stored.write_text(json.dumps(changed))
    assert "signet login" in program.run("token", code=3, **environment).said
    program.stored.write_text(stored)
    program.run("logout", **environment)
    assert json.loads(kept.read_text()) == {}
