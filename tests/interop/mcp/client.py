"""An MCP client with the official Python SDK: it connects, and calls the tools it is told to.

Arguments: the server, the port of the callback, and the client: `{"client_metadata_url": …}`,
`{"client_id": …}`, or `{}` to register. Input: names of tools, or `expire`. Output: JSON lines.
"""

import asyncio
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

SERVER, PORT, WHO = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
CALLBACK = f"http://127.0.0.1:{PORT}/callback"
came: "asyncio.Queue[str]" = asyncio.Queue()


def say(**members: Any) -> None:
    print(json.dumps(members), flush=True)


class Storage:
    """Keeps tokens and the client in memory."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None
        if "client_id" in WHO:
            method = "none"
            self.client = OAuthClientInformationFull(
                redirect_uris=[CALLBACK], token_endpoint_auth_method=method, **WHO
            )

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens
        say(scope=tokens.scope, refreshable=tokens.refresh_token is not None)

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client: Any) -> None:
        self.client = client
        say(client_id=client.client_id, registered_scope=client.scope)


async def callback(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the authorization response."""
    line = (await reader.readline()).decode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
    await writer.drain()
    writer.close()
    await came.put(line.split(" ")[1])


async def redirect(url: str) -> None:
    say(open=url)


async def answer() -> AuthorizationCodeResult:
    query = parse_qs(urlsplit(await came.get()).query)
    if "error" in query:
        raise RuntimeError(query["error"][0])
    return AuthorizationCodeResult(**{name: query[name][0] for name in ("code", "state", "iss")})


async def main() -> None:
    await asyncio.start_server(callback, "127.0.0.1", PORT)
    storage = Storage()
    provider = OAuthClientProvider(
        server_url=SERVER,
        client_metadata=OAuthClientMetadata(
            client_name="Python assistant",
            redirect_uris=[CALLBACK],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        ),
        storage=storage,
        redirect_handler=redirect,
        callback_handler=answer,
        client_metadata_url=WHO.get("client_metadata_url"),
    )
    async with (
        create_mcp_http_client(auth=provider) as http,
        Client(streamable_http_client(SERVER, http_client=http)) as client,
    ):
        say(connected=True)
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if line == "expire":
                provider.context.token_expiry_time = 1
                say(expired=True)
                continue
            arguments = {"text": "Buy bread"} if line == "add_note" else {}
            result = await client.call_tool(line, arguments)
            say(tool=line, text=[content.text for content in result.content])


asyncio.run(main())
