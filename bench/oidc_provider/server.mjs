// The peer: oidc-provider with a PostgreSQL store, as its documentation has one set up: clients, too,
// are in the store, as they are in a provider that runs, for those who manage or register them.
// Accounts are in its memory, users are signed in without a page: both cheaper than in real life.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';
import { connect, Store } from './store.mjs';

const { ISSUER, PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;

const accounts = new Map([['ana', {
  sub: 'ana', email: 'ana@example.com', email_verified: true, name: 'Ana Example',
  given_name: 'Ana', family_name: 'Example', locale: 'en', updated_at: 1700000000,
}]]);

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

await connect();
await new Store('Client').upsert(CLIENT_ID, {
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  scope: 'openid profile email offline_access read',
});
const provider = new Provider(ISSUER, {
  adapter: Store,
  scopes: ['openid', 'offline_access', 'read'],
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name', 'locale', 'updated_at'],
  },
  cookies: { keys: ['benchmark-cookie-key'] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  rotateRefreshToken: true,
  pkce: { required: () => true },
  findAccount: (_context, id) => ({ accountId: id, claims: () => accounts.get(id) }),
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 3600, Grant: 1209600,
    IdToken: 3600, Interaction: 3600, RefreshToken: 1209600, Session: 86400,
  },
});
provider.proxy = true;

// Every visitor is Ana, and she agrees to everything.
provider.use(async (context, next) => {
  if (!context.path.startsWith('/interaction/')) return next();
  const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
  let result = { login: { accountId: 'ana', remember: true } };
  if (prompt.name === 'consent') {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  return provider.interactionFinished(context.req, context.res, result);
});

provider.listen(Number(PORT), '127.0.0.1');
