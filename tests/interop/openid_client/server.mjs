// A small relying party on openid-client, answering in JSON so that a test can read it.
//
// GET /fragment?answer=… takes an answer that a page found in its address, POST /callback a form.
// GET /login?max_age=…&scope=… sends the browser to the provider, GET /callback takes it back; the
// tokens stay with the browser's cookie, for /refresh?resource=…, /introspect and /revoke?token=….
// The environment says who we are: PORT, OIDC_ISSUER, OIDC_CLIENT (registration metadata as JSON). A
// client without a client_id registers itself first, with OIDC_INITIAL_ACCESS_TOKEN if there is one;
// OIDC_DECRYPTION_KEY is what it reads encrypted answers with: { alg, enc, jwk }; OIDC_SIGNING_KEY, a
// JWK of P-256, is what it signs its requests with, and proves itself by where that is its method. With
// OIDC_JARM its answers have to be signed; OIDC_DPOP binds its tokens to a key.
// GET /registered shows what came of it.

import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import * as client from 'openid-client'

const { client_id, client_secret, token_endpoint_auth_method, ...metadata } = JSON.parse(process.env.OIDC_CLIENT)
const here = `http://127.0.0.1:${process.env.PORT}`
const signing = process.env.OIDC_SIGNING_KEY ? await signingKey(JSON.parse(process.env.OIDC_SIGNING_KEY)) : null
const authentication = {
  private_key_jwt: () => client.PrivateKeyJwt(signing),
  client_secret_jwt: () => client.ClientSecretJwt(client_secret),
  client_secret_basic: () => client.ClientSecretBasic(client_secret),
  client_secret_post: () => client.ClientSecretPost(client_secret),
  none: () => client.None(),
}[token_endpoint_auth_method]()

// Tokens bound to a key: the library repeats a request where a nonce is demanded.
const bound = () => ({ DPoP })

const issuer = new URL(process.env.OIDC_ISSUER)
// http is for this machine only. The signature of the ID token is checked although TLS would do.
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]
const config = client_id
  ? await client.discovery(issuer, client_id, metadata, authentication, { execute })
  : await client.dynamicClientRegistration(
      issuer,
      { redirect_uris: [`${here}/callback`], token_endpoint_auth_method, ...metadata },
      authentication,
      { initialAccessToken: process.env.OIDC_INITIAL_ACCESS_TOKEN, execute },
    )
// Tokens from the authorization endpoint, where the client is registered for them.
if (process.env.OIDC_RESPONSE_TYPE === 'code id_token') client.useCodeIdTokenResponseType(config)
if (process.env.OIDC_RESPONSE_TYPE === 'id_token') client.useIdTokenResponseType(config)
if (process.env.OIDC_JARM) client.useJwtResponseMode(config)
if (process.env.OIDC_DECRYPTION_KEY) {
  const { alg, enc, jwk } = JSON.parse(process.env.OIDC_DECRYPTION_KEY)
  const kind = { name: 'ECDH', namedCurve: jwk.crv }
  const key = await crypto.subtle.importKey('jwk', jwk, kind, false, ['deriveBits'])
  client.enableDecryptingResponses(config, [enc], { key, alg, kid: jwk.kid })
}

async function signingKey(jwk) {
  const kind = { name: 'ECDSA', namedCurve: jwk.crv }
  return { key: await crypto.subtle.importKey('jwk', jwk, kind, false, ['sign']), kid: jwk.kid }
}

const DPoP = process.env.OIDC_DPOP ? client.getDPoPHandle(config, await client.randomDPoPKeyPair()) : undefined

const pending = new Map() // what was sent, by the browser's cookie
const signedIn = new Map() // the tokens, likewise
const browserOf = request => /openid-client=([\w-]+)/.exec(request.headers.cookie)?.[1]

async function login(request, response, url) {
  const sent = {
    pkceCodeVerifier: client.randomPKCECodeVerifier(),
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  }
  const parameters = {
    redirect_uri: `${here}/callback`,
    scope: url.searchParams.get('scope') ?? 'openid profile email',
    state: sent.expectedState,
    nonce: sent.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(sent.pkceCodeVerifier),
    code_challenge_method: 'S256',
  }
  if (url.searchParams.has('max_age')) {
    parameters.max_age = url.searchParams.get('max_age')
    sent.maxAge = Number(parameters.max_age)
  }
  if (url.searchParams.has('response_mode')) parameters.response_mode = url.searchParams.get('response_mode')
  if (url.searchParams.has('resource')) parameters.resource = url.searchParams.get('resource')
  const browser = randomUUID()
  pending.set(browser, sent)
  const signed = signing && (await client.buildAuthorizationUrlWithJAR(config, parameters, signing))
  const address = process.env.OIDC_PUSHES
    ? await client.buildAuthorizationUrlWithPAR(config, signed ? signed.searchParams : parameters, bound())
    : signed || client.buildAuthorizationUrl(config, parameters)
  response.writeHead(302, {
    Location: address.href,
    'Set-Cookie': `openid-client=${browser}; HttpOnly; SameSite=Lax`,
  })
  response.end()
}

async function callback(request, response, url) {
  const browser = browserOf(request)
  const answered = await answerOf(request, url)
  if (process.env.OIDC_RESPONSE_TYPE === 'id_token') {
    const { expectedNonce, expectedState } = pending.get(browser)
    const claims = await client.implicitAuthentication(config, answered, expectedNonce, { expectedState })
    return answer(response, 200, { claims })
  }
  const tokens = await client.authorizationCodeGrant(config, answered, pending.get(browser), undefined, bound())
  const claims = tokens.claims()
  signedIn.set(browser, tokens)
  if (tokens.refresh_token) return answer(response, 200, { claims, ...tokens })
  answer(response, 200, {
    algorithm: JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url')).alg,
    claims,
    scope: tokens.scope,
    expires_in: tokens.expiresIn(),
    token_type: tokens.token_type,
    userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub, bound()),
  })
}

async function answerOf(request, url) {
  if (url.searchParams.has('answer')) return new URL(`${here}/callback#${url.searchParams.get('answer')}`)
  if (request.method !== 'POST') return url
  const body = (await request.toArray()).join('')
  return new Request(url, { method: 'POST', headers: { 'Content-Type': request.headers['content-type'] }, body })
}

async function refresh(request, response, url) {
  const browser = browserOf(request)
  const before = signedIn.get(browser)
  const tokens = await client.refreshTokenGrant(
    config,
    before.refresh_token,
    Object.fromEntries(url.searchParams),
    bound(),
  )
  signedIn.set(browser, { ...before, ...tokens })
  answer(response, 200, { claims: tokens.claims(), ...tokens })
}

async function introspect(request, response, url) {
  const token = signedIn.get(browserOf(request))[url.searchParams.get('token')]
  answer(response, 200, await client.tokenIntrospection(config, token))
}

async function revoke(request, response, url) {
  await client.tokenRevocation(config, signedIn.get(browserOf(request))[url.searchParams.get('token')])
  answer(response, 200, {})
}

async function machine(request, response, url) {
  answer(response, 200, await client.clientCredentialsGrant(config, Object.fromEntries(url.searchParams)))
}

async function registered(request, response) {
  answer(response, 200, config.clientMetadata())
}

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(body))
}

const routes = {
  '/login': login,
  '/callback': callback,
  '/fragment': callback,
  '/refresh': refresh,
  '/introspect': introspect,
  '/revoke': revoke,
  '/machine': machine,
  '/registered': registered,
}

createServer(async (request, response) => {
  const url = new URL(request.url, here)
  try {
    await routes[url.pathname](request, response, url)
  } catch (error) {
    const { code, message, status } = error
    answer(response, 400, { error: error.error ?? code, message, status, cause: String(error.cause?.message ?? '') })
  }
}).listen(process.env.PORT, '127.0.0.1')
