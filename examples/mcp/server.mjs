// An MCP server that accepts Signet's access tokens, with the official TypeScript SDK.
//
// Configuration comes from the environment: OIDC_ISSUER, MCP_SERVER (its own URL, the API's
// identifier at Signet). docs/mcp.md describes the settings.

import { randomUUID } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createMcpExpressApp } from "@modelcontextprotocol/sdk/server/express.js";
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import {
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
} from "@modelcontextprotocol/sdk/server/auth/router.js";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { z } from "zod";

const ISSUER = process.env.OIDC_ISSUER ?? "http://localhost:8000";
const SERVER = new URL(process.env.MCP_SERVER ?? "http://localhost:8005/mcp");
// The scope that every request needs, and those that tools need besides.
const READ = "notes.read";
const OF_TOOLS = { add_note: "notes.write" };

const oauthMetadata = await (await fetch(`${ISSUER}/.well-known/oauth-authorization-server`)).json();
const keys = createRemoteJWKSet(new URL(oauthMetadata.jwks_uri));
const notes = new Map();

/** Access tokens by their signature. RFC 9068 §4. */
const verifier = {
  async verifyAccessToken(token) {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: ISSUER,
        audience: SERVER.href,
        typ: "at+jwt",
        algorithms: ["RS256", "ES256", "EdDSA"],
        requiredClaims: ["sub", "exp", "client_id"],
      });
      return {
        token,
        clientId: payload.client_id,
        scopes: (payload.scope ?? "").split(" "),
        expiresAt: payload.exp,
        resource: SERVER,
        extra: { sub: payload.sub },
      };
    } catch {
      throw new InvalidTokenError("The access token is not valid here");
    }
  },
};

/** Require the scopes of a request: a client that lacks one gets 403 with all, and steps up. */
function authorized(request, response, next) {
  const tool = request.body?.method === "tools/call" ? request.body.params?.name : undefined;
  const requiredScopes = [READ, ...(OF_TOOLS[tool] ? [OF_TOOLS[tool]] : [])];
  const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(SERVER);
  const options = { verifier, requiredScopes, resourceMetadataUrl, expectedResource: SERVER };
  return requireBearerAuth(options)(request, response, next);
}

function notesServer() {
  const server = new McpServer({ name: "Notes", version: "1.0.0" });
  const mine = ({ authInfo }) => {
    const { sub } = authInfo.extra;
    if (!notes.has(sub)) notes.set(sub, []);
    return notes.get(sub);
  };
  const text = (value) => ({ content: [{ type: "text", text: String(value) }] });
  server.registerTool("list_notes", { description: "Return the user's notes." }, (extra) =>
    text(mine(extra).join("\n")),
  );
  server.registerTool(
    "add_note",
    { description: "Add a note, and return how many there are.", inputSchema: { text: z.string() } },
    ({ text: note }, extra) => text(mine(extra).push(note)),
  );
  return server;
}

const app = createMcpExpressApp();
app.use(
  mcpAuthMetadataRouter({
    oauthMetadata,
    resourceServerUrl: SERVER,
    scopesSupported: [READ],
    resourceName: "Notes",
  }),
);

const sessions = new Map();

app.all(SERVER.pathname, authorized, async (request, response) => {
  // A session belongs to whoever began it.
  const key = `${request.auth.extra.sub} ${request.headers["mcp-session-id"]}`;
  let transport = sessions.get(key);
  if (transport === undefined) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => sessions.set(`${request.auth.extra.sub} ${id}`, transport),
    });
    await notesServer().connect(transport);
  }
  await transport.handleRequest(request, response, request.body);
});

app.listen(Number(SERVER.port || 80), SERVER.hostname);
