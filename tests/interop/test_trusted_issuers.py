"""The recipes of the guides, with tokens of the shape that the platforms give. RFC 7523, ID-JAG."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import yaml
from mcp import Client as McpClient
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from idp.declaration import apply
from tests import secrecy
from tests.assertions import TYPE, make_key
from tests.conftest import ROOT, Server
from tests.elsewhere import Elsewhere
from tests.interop.test_mcp import serving
from tests.issuers import Issuer
from tests.relying_party import ISSUER, EndUser, Registered, spec, unique

GUIDES = {name: ROOT / "docs" / name for name in ("mcp.md", "operators/trusted-issuers.md")}


def declared(guide: str, name: str, **replaced: str) -> dict[str, Any]:
    """Apply a file of a guide with values of our own; return what it declares."""
    text = GUIDES[guide].read_text(encoding="utf-8")
    [block] = re.findall(rf"```yaml\n# {re.escape(name)}\n(.*?)```", text, re.DOTALL)
    for value, own in replaced.items():
        assert value in block
        block = block.replace(value, own)
    declaration: dict[str, Any] = yaml.safe_load(block)
    apply(declaration, dry_run=False)
    return declaration


@spec("RFC 7523", "2.2")
def test_github_actions(provider: Server, foreign_site: Elsewhere) -> None:
    github, client_id = Issuer(foreign_site, key=make_key("RS256")), unique("deployment")
    own = {
        "https://token.actions.githubusercontent.com": github.name,
        "client_id: deployment": f"client_id: {client_id}",
    }
    declared("operators/trusted-issuers.md", "github.yaml", **own)

    def ask(owner: str, ref: str = "refs/heads/main") -> int:
        token = github.token(
            f"repo:example/shop:ref:{ref}",
            header={"typ": "JWT", "x5t": github.key["kid"]},
            algorithm="RS256",
            repository="example/shop",
            repository_owner="example",
            repository_owner_id=owner,
            ref=ref,
            ref_protected="true",
            runner_environment="github-hosted",
        )
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_assertion": token,
            "client_assertion_type": TYPE,
        }
        return httpx.post(f"{ISSUER}/token", data=form, verify=False).status_code

    assert ask("1234567") == 200
    assert ask("7654321") == 401
    assert ask("1234567", "refs/pull/1/merge") == 401


class Memory:
    """Keeps the SDK's tokens."""

    def __init__(self) -> None:
        self.tokens: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens


@spec("ID-JAG", "4.4")
def test_mcp_s_enterprise_managed_authorization(
    provider: Server, foreign_site: Elsewhere, user: EndUser, tmp_path: Path
) -> None:
    company, client_id, secret = Issuer(foreign_site), unique("assistant"), unique("secret-" * 6)
    secrecy.used.note(secret)
    asked: list[tuple[str, str]] = []
    with serving("Python", tmp_path) as server:
        declared(
            "mcp.md",
            "enterprise.yaml",
            **{
                "https://idp.example.com": company.name,
                "client_id: enterprise-assistant": f"client_id: {client_id}",
                "32 or more random characters": secret,
            },
        )
        own = Registered(client_id, secret, {})

        async def id_jag(audience: str, resource: str) -> str:
            asked.append((audience, resource))
            return company.id_jag(unique("U"), own, email=user.email, resource=resource)

        async def call(*tools: str) -> list[Any]:
            auth = IdentityAssertionOAuthProvider(
                server_url=server,
                storage=memory,
                client_id=client_id,
                client_secret=secret,
                issuer=ISSUER,
                assertion_provider=id_jag,
                scope="notes.read",
            )
            async with (
                create_mcp_http_client(auth=auth) as http,
                McpClient(streamable_http_client(server, http_client=http)) as client,
            ):
                return [
                    await client.call_tool(
                        tool, {"text": "Buy bread"} if tool == "add_note" else {}
                    )
                    for tool in tools
                ]

        memory = Memory()
        results = asyncio.run(call("list_notes", "add_note"))
        assert not any(result.is_error for result in results)
    secrecy.used.note(memory.tokens.access_token)
    assert asked == [(ISSUER, server)] * 2  # the second for the scope that the tool demands
    assert set(memory.tokens.scope.split()) == {"notes.read", "notes.write"}
    assert memory.tokens.refresh_token is None
