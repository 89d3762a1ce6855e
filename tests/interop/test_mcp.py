"""The sample MCP servers, and clients with the official SDKs, each by every way to be known.

MCP authorization: RFC 9728, RFC 8707, client ID metadata documents, RFC 7591, RFC 7636.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import yaml

from idp.declaration import apply
from idp.models import Client
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.interop.conftest import Traveller, running
from tests.introducing import introduced
from tests.ports import free_address
from tests.relying_party import ISSUER, EndUser, is_page, spec, unique

HERE = Path(__file__).parent
NODE = HERE.parent / "node_modules"
COMMANDS = {
    "Python": [sys.executable, str(HERE / "mcp" / "client.py")],
    "Node": ["node", str(HERE / "mcp" / "client.mjs")],
}
GUIDE = HERE.parents[1] / "docs" / "mcp.md"
SAMPLES = HERE.parents[1] / "examples" / "mcp"
SERVERS = {
    "Python": ([sys.executable], "server.py"),
    "Node": (["node"], "server.mjs"),
}
READ, WRITE = "notes.read", "notes.write"


def declared(name: str, value: str, own: str) -> dict[str, Any]:
    """Apply a file of the guide, with a value of our own; return what it declares."""
    text = GUIDE.read_text(encoding="utf-8")
    [block] = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", text, re.DOTALL)
    assert value in block
    declaration: dict[str, Any] = yaml.safe_load(block.replace(value, own))
    apply(declaration, dry_run=False)
    return declaration


@contextmanager
def serving(name: str, work: Path) -> Iterator[str]:
    """Run a sample server that Signet has an API for; give its URL."""
    command, file = SERVERS[name]
    program = work / file
    shutil.copy(SAMPLES / file, program)
    (work / "node_modules").symlink_to(NODE)  # Node.js looks for packages beside the program
    address = f"{free_address()}/mcp"
    declared("notes.yaml", "https://notes.example.com/mcp", address)
    environment = {"OIDC_ISSUER": ISSUER, "MCP_SERVER": address}
    with running(
        f"the {name} MCP server",
        [*command, str(program)],
        address,
        work / "log",
        **environment,
    ) as process:
        yield address
        assert "Traceback" not in process.log.read_text()


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a sample MCP server."""
    with serving(request.param, tmp_path_factory.mktemp("mcp")) as address:
        yield address


class Assistant:
    """An MCP client as a process of its own, and the user's browser."""

    def __init__(
        self, process: "subprocess.Popen[str]", log: Path, browser: Traveller, user: EndUser
    ) -> None:
        self.process, self.log, self.browser, self.user = process, log, browser, user
        self.said: list[dict[str, Any]] = []
        #: The authorization requests of the client.
        self.asked: list[dict[str, list[str]]] = []

    def until(self, name: str) -> Any:
        """Return what the program says under this name; meanwhile do what it asks of the user."""
        assert self.process.stdout
        for line in self.process.stdout:
            said = json.loads(line)
            self.said.append(said)
            if name in said:
                return said[name]
            if "open" in said:
                self.asked.append(parse_qs(urlsplit(said["open"]).query))
                page = self.browser.open(said["open"])
                assert is_page(page, "/account/login/") or is_page(page, "/consent"), page.text
                assert self.browser.agree(self.user, page).text == "OK"
        raise AssertionError(f"{self.said}\n{self.log.read_text()[-4000:]}")

    def call(self, tool: str) -> Any:
        """Let it call a tool, and return the text of the result."""
        self.tell(tool)
        return self.until("text")

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def heard(self, name: str) -> list[Any]:
        """Return all that it said under a name."""
        return [said[name] for said in self.said if name in said]


def registrable(callback: str) -> str:
    """Return what a client registers for its callback: at 127.0.0.1, any port may come."""
    return re.sub(r"^(http://127\.0\.0\.1):\d+", r"\1", callback)


def document(site: Elsewhere, callback: str) -> dict[str, Any]:
    metadata = {
        "client_name": "Assistant",
        "redirect_uris": [registrable(callback)],
        "grant_types": ["authorization_code", "refresh_token"],
    }
    return {"client_metadata_url": introduced(site, **metadata).client_id}


def registration(_site: Elsewhere, _callback: str) -> dict[str, Any]:
    return {}


def pre_registered(_site: Elsewhere, callback: str) -> dict[str, Any]:
    own = f"client_id: {unique('assistant')}"
    [entry] = declared("assistant.yaml", "client_id: assistant", own)["clients"]
    if entry["redirect_uris"] != [registrable(callback)]:
        changed = {**entry, "redirect_uris": [registrable(callback)]}
        apply({"clients": [changed]}, dry_run=False)
    return {"client_id": entry["client_id"]}


#: How Signet knows the client.
WAYS: dict[str, Callable[[Elsewhere, str], dict[str, Any]]] = {
    "by its document": document,
    "by registration": registration,
    "pre-registered": pre_registered,
}


@pytest.fixture(params=COMMANDS)
def program(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=WAYS)
def assistant(
    request: pytest.FixtureRequest,
    server: str,
    program: str,
    traveller: Traveller,
    user: EndUser,
    foreign_site: Elsewhere,
    tmp_path: Path,
) -> Iterator[Assistant]:
    callback = f"{free_address()}/callback"
    who = WAYS[request.param](foreign_site, callback)
    command = [*COMMANDS[program], server, str(urlsplit(callback).port), json.dumps(who)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    log = tmp_path / "log"
    with log.open("w") as errors, subprocess.Popen(command, stderr=errors, **pipes) as process:
        try:
            yield Assistant(process, log, traveller, user)
        finally:
            process.kill()


@spec("RFC 9728", "5")
def test_a_client_connects_steps_up_and_stays_connected(
    assistant: Assistant, server: str, program: str
) -> None:
    assert assistant.until("connected")
    assert assistant.asked[0]["resource"] == [server]
    assert assistant.asked[0]["code_challenge_method"] == ["S256"]
    assert assistant.heard("scope") == [READ]
    assert assistant.heard("refreshable") == [True]
    assert assistant.call("list_notes") in ([], [""])
    # An access token that has expired is refreshed without the user.
    assistant.tell("expire")
    assert assistant.until("expired")
    assert assistant.call("list_notes") in ([], [""])
    assert assistant.heard("scope") == [READ, READ]
    assert len(assistant.asked) == 1
    # Another tool takes another scope, which the user is asked for.
    if program == "Node":
        assistant.tell("forget the refresh token")
        assert assistant.until("forgotten")
    assert assistant.call("add_note") == ["1"]
    assert len(assistant.asked) == 2
    assert set(assistant.asked[1]["scope"][0].split()) >= {READ, WRITE}
    assert set(assistant.heard("scope")[-1].split()) == {READ, WRITE}
    assert assistant.call("list_notes") == ["Buy bread"]
    for client_id in assistant.heard("client_id"):
        assert not Client.objects.get(client_id=client_id).skip_authorization


@spec("RFC 9728", "3.2")
def test_what_the_server_says_about_itself(server: str) -> None:
    answer = httpx.post(server, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert answer.status_code == 401
    challenge = answer.headers["WWW-Authenticate"]
    parts = urlsplit(server)
    metadata = f"http://{parts.netloc}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{metadata}"' in challenge
    facts = httpx.get(metadata).json()
    assert (facts["resource"], facts["authorization_servers"]) == (server, [ISSUER])
    assert facts["scopes_supported"] == [READ]
