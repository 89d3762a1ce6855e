// npm oidc-provider, at which users of ours have accounts: two clients of it are ours. Users sign in
// without a page, with the login_hint; an acr that was asked for is reached. Signing out asks.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { ISSUER, PORT, RELYING_PARTY, SECRET, SLUGS } = process.env;
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const [bySecret, byKey] = SLUGS.split(' ').map((slug) => ({
  client_id: slug,
  redirect_uris: [`${RELYING_PARTY}/account/upstream/${slug}/callback`],
  post_logout_redirect_uris: [`${RELYING_PARTY}/account/upstream/${slug}/signed-out`],
  backchannel_logout_uri: `${RELYING_PARTY}/account/upstream/${slug}/backchannel-logout`,
  backchannel_logout_session_required: true,
}));

const provider = new Provider(ISSUER, {
  clients: [
    { ...bySecret, client_secret: SECRET },
    {
      ...byKey,
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: `${RELYING_PARTY}/jwks`,
    },
  ],
  acrValues: ['gold'],
  claims: {
    openid: ['sub', 'sid', 'acr', 'amr'],
    acr: null,
    amr: null,
    auth_time: null,
    iss: null,
    sid: null,
    email: ['email', 'email_verified'],
    profile: ['name', 'groups'],
  },
  conformIdTokenClaims: false,
  cookies: { keys: ['cookie-key-of-a-test'] },
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' }] },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
  // By itself it asks nobody on this machine.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@there.example`,
      email_verified: true,
      name: 'Ana There',
      groups: ['bakers', 'strangers'],
    }),
  }),
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
});

provider.use(async (context, next) => {
  if (!context.path.startsWith('/interaction/')) return next();
  const { prompt, params, session } = await provider.interactionDetails(context.req, context.res);
  const acr = params.acr_values ? { acr: params.acr_values.split(' ')[0] } : {};
  let result = { login: { accountId: params.login_hint, amr: ['pwd'], ...acr } };
  if (prompt.name === 'consent') {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  return provider.interactionFinished(context.req, context.res, result);
});

provider.on('grant.error', (context, error) => console.error(error.error_detail ?? error));
provider.on('backchannel.error', (context, error) => console.error(error));
provider.listen(Number(PORT), '127.0.0.1');
