// An MCP client with the official TypeScript SDK: connects, and calls what it is told to.
//
// Arguments and lines as in client.py.

import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";

const [server, port, who] = [process.argv[2], Number(process.argv[3]), JSON.parse(process.argv[4])];
const callback = `http://127.0.0.1:${port}/callback`;
const say = (members) => console.log(JSON.stringify(members));

/** What the SDK asks of a client: keeps everything in memory. */
const provider = {
  redirectUrl: callback,
  clientMetadataUrl: who.client_metadata_url,
  clientMetadata: {
    client_name: "Node assistant",
    redirect_uris: [callback],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  },
  kept: who.client_id ? { client: who } : {},
  clientInformation() {
    return this.kept.client;
  },
  saveClientInformation(client) {
    this.kept.client = client;
    say({ client_id: client.client_id, registered_scope: client.scope ?? null });
  },
  tokens() {
    return this.kept.tokens;
  },
  saveTokens(tokens) {
    this.kept.tokens = tokens;
    say({ scope: tokens.scope, refreshable: tokens.refresh_token !== undefined });
  },
  state: () => "a-state",
  redirectToAuthorization: (url) => say({ open: url.href }),
  saveCodeVerifier(verifier) {
    this.kept.verifier = verifier;
  },
  codeVerifier() {
    return this.kept.verifier;
  },
  invalidateCredentials() {},
};

const answers = new EventEmitter();
createServer((request, response) => {
  response.end("OK");
  answers.emit("code", new URL(request.url, callback).searchParams.get("code"));
}).listen(port, "127.0.0.1");

const transport = () => new StreamableHTTPClientTransport(new URL(server), { authProvider: provider });
let current = transport();
const client = new Client({ name: "assistant", version: "1.0.0" });

/** Do something; where the SDK asks for a sign-in, finish it and do it again. */
async function authorized(action) {
  const code = once(answers, "code"); // listens before the user is asked
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await current.finishAuth((await code)[0]);
    return action();
  }
}

await authorized(async () => {
  current = transport();
  await client.connect(current);
});
say({ connected: true });

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "expire") {
    provider.kept.tokens = { ...provider.kept.tokens, access_token: "expired" };
    say({ expired: true });
  } else if (line === "forget the refresh token") {
    // The SDK refreshes where it lacks a scope, and only asks the user where it can't.
    delete provider.kept.tokens.refresh_token;
    say({ forgotten: true });
  } else if (line) {
    const call = { name: line, arguments: line === "add_note" ? { text: "Buy bread" } : {} };
    const result = await authorized(() => client.callTool(call));
    say({ tool: line, text: result.content.map((content) => content.text) });
  }
}
process.exit(0);
