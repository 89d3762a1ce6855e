"""mcp-remote, and the MCP conformance tool, as their own documentation configures them."""

import html
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from idp.integrations.catalogue import catalogue
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator
from tests.interop.conftest import Traveller
from tests.interop.test_mcp import READ, SERVERS, WAYS, WRITE, serving
from tests.ports import free_address, free_port
from tests.programs.builds import PINNED, npm
from tests.registering import registered
from tests.relying_party import ISSUER, EndUser, is_page, spec

pytestmark = pytest.mark.programs
#: The port of the callback, on the page of the catalogue.
PORT = "3334"
CLIENT_ID = re.compile(r'"client_id\\": \\"([\w-]+)')
#: What mcp-remote prints once it listens at its callback.
LISTENS = "This instance is running the sign-in"
AUTHORIZE = re.compile(rf"{re.escape(ISSUER)}/authorize\?\S+")


def program(name: str) -> str:
    """Return one of the programs, installed as the lock file pins them."""
    return str(npm("mcp") / "node_modules" / ".bin" / name)


@contextmanager
def started(*command: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Run one of the programs with the Node.js that it needs; what it prints comes as one."""
    with subprocess.Popen(
        [program("node"), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "BROWSER": "true", **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def authorize(traveller: Traveller, user: EndUser, url: str) -> None:
    """Do what the program asks the user for: sign in and agree, until its callback answers."""
    page = traveller.open(url)
    assert is_page(page, "/account/login/") or is_page(page, "/consent"), page.text
    assert traveller.agree(user, page).status_code == 200


# --- mcp-remote --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SERVERS)
def server(
    request: pytest.FixtureRequest, provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a sample MCP server."""
    with serving(request.param, tmp_path_factory.mktemp("mcp")) as address:
        yield address


class Proxy:
    """mcp-remote: MCP over stdio to the assistant, over HTTP to the server."""

    def __init__(
        self, process: "subprocess.Popen[str]", traveller: Traveller, user: EndUser
    ) -> None:
        self.process, self.traveller, self.user = process, traveller, user
        self.printed: list[str] = []
        self.asked: list[dict[str, list[str]]] = []
        self.to_visit = ""
        self.listens = False
        self.last = 0

    def request(self, method: str, **params: Any) -> Any:
        """Send a request, and return its result; meanwhile sign the user in where it asks."""
        self.last += 1
        self.tell({"id": self.last, "method": method, "params": params})
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed.append(line)
            self.authorize_if_asked(line)
            if line.startswith("{") and json.loads(line).get("id") == self.last:
                return json.loads(line)["result"]
        raise AssertionError("".join(self.printed))

    def authorize_if_asked(self, line: str) -> None:
        """Sign in once it has printed where, and that it listens: the one or the other is first."""
        if (found := AUTHORIZE.search(line)) and not line.lstrip().startswith("{"):
            self.asked.append(parse_qs(urlsplit(found[0]).query))
            self.to_visit = found[0]
        self.listens = self.listens or LISTENS in line
        if self.to_visit and self.listens:
            authorize(self.traveller, self.user, self.to_visit)
            self.to_visit, self.listens = "", False

    def tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()


def arguments_for(who: dict[str, Any]) -> list[str]:
    """Return what mcp-remote is told about its client."""
    if "client_metadata_url" in who:
        return ["--client-metadata-url", who["client_metadata_url"]]
    return ["--static-oauth-client-info", json.dumps(who)] if who else []


@contextmanager
def connected(
    arguments: list[str], traveller: Traveller, user: EndUser, work: Path
) -> Iterator[Proxy]:
    """Run mcp-remote with these arguments, and begin a session of MCP through it."""
    command = [program("mcp-remote"), *arguments]
    with started(*command, MCP_REMOTE_CONFIG_DIR=str(work)) as process:
        proxy = Proxy(process, traveller, user)
        client = {"name": "assistant", "version": "1"}
        protocol = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        assert proxy.request("initialize", **protocol)["serverInfo"]["name"] == "Notes"
        proxy.tell({"method": "notifications/initialized"})
        yield proxy


@pytest.fixture(params=WAYS)
def proxy(
    request: pytest.FixtureRequest,
    server: str,
    traveller: Traveller,
    user: EndUser,
    foreign_site: Elsewhere,
    tmp_path: Path,
) -> Iterator[Proxy]:
    """mcp-remote, known to Signet in one of the ways."""
    port = free_port()
    who = WAYS[request.param](foreign_site, f"http://localhost:{port}/oauth/callback")
    arguments = [server, str(port), *arguments_for(who)]
    with connected(arguments, traveller, user, tmp_path) as proxy:
        yield proxy


@spec("RFC 9728", "5")
def test_mcp_remote_connects(proxy: Proxy, server: str) -> None:
    tools = {tool["name"] for tool in proxy.request("tools/list")["tools"]}
    assert tools == {"list_notes", "add_note"}
    assert not proxy.request("tools/call", name="list_notes", arguments={}).get("isError")
    [asked] = proxy.asked
    assert asked["resource"] == [server]
    assert READ in asked["scope"][0].split()
    assert WRITE not in asked["scope"][0].split()


@spec("RFC 6750", "3.1")
def test_mcp_remote_steps_up(proxy: Proxy) -> None:
    add = {"name": "add_note", "arguments": {"text": "Buy bread"}}
    added = proxy.request("tools/call", **add)
    assert [content["text"] for content in added["content"]] == ["1"]
    assert set(proxy.asked[-1]["scope"][0].split()) >= {READ, WRITE}


@spec("RFC 9728", "2")
def test_the_settings_of_its_page(
    operator: Operator, server: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    tested = catalogue()["mcp"].tested
    assert tested is not None
    assert tested.version.split()[-1] in (PINNED / "mcp" / "package.json").read_text()
    base, port = server.removesuffix("/mcp"), str(free_port())
    form = operator.open("idp/client/add/program/mcp/", base=base)
    registered_uris = [uri.replace(PORT, port) for uri in catalogue()["mcp"].redirect_uris]
    page = operator.browser.submit(
        form,
        name="Notes",
        redirect_uris="\n".join(registered_uris),
        scopes=f"openid\noffline_access\n{READ}",
    )
    [client_id] = set(CLIENT_ID.findall(html.unescape(page.text)))
    settings = catalogue()["mcp"].filled_in(issuer=ISSUER, client_id=client_id, base=base).settings
    metadata = httpx.get(f"{base}/.well-known/oauth-protected-resource/mcp").json()
    said = json.loads(settings[0].text)
    assert {name: metadata.get(name, value) for name, value in said.items()} == said
    assert (metadata["resource"], metadata["authorization_servers"]) == (server, [ISSUER])
    arguments = json.loads(settings[2].text)["mcpServers"]["notes"]["args"]
    assert arguments.pop(0) == "mcp-remote"
    arguments = [argument.replace(PORT, port) for argument in arguments]
    with connected(arguments, traveller, user, tmp_path) as proxy:
        assert not proxy.request("tools/call", name="list_notes", arguments={}).get("isError")
        assert proxy.asked[0]["client_id"] == [client_id]


# --- the conformance tool ----------------------------------------------------------------------


@spec("RFC 8414", "3")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("names_resource", [True, False])
def test_the_conformance_tool_finds_nothing_to_improve(
    way: str,
    names_resource: bool,
    server: str,
    traveller: Traveller,
    user: EndUser,
    foreign_site: Elsewhere,
    tmp_path: Path,
) -> None:
    callback = f"{free_address()}/callback"
    who = WAYS[way](foreign_site, callback)
    public = {"token_endpoint_auth_method": "none", "redirect_uris": [callback]}
    client_id = who.get("client_id") or who.get("client_metadata_url")
    client_id = client_id or registered(**public)["client_id"]
    command = [program("conformance"), "authorization", "--url", ISSUER, "-o", str(tmp_path)]
    command += ["--client-id", client_id, "--port", str(urlsplit(callback).port)]
    command += ["--resource", server] if names_resource else []
    with started(*command) as process:
        assert process.stdout
        printed = []
        for line in process.stdout:
            printed.append(line)
            if found := AUTHORIZE.search(line):
                authorize(traveller, user, found[0])
        assert process.wait(30) == 0, "".join(printed)
    found = [
        check for file in tmp_path.rglob("checks.json") for check in json.loads(file.read_text())
    ]
    assert {check["id"]: check["status"] for check in found} == {
        "authorization-server-metadata": "SUCCESS",
        "authorization-server-metadata-cimd": "SUCCESS",
        "authorization-code-grant": "SUCCESS",
    }
