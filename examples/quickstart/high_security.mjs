// Sign users in with Express and openid-client, with high security: the browser carries
// no request that could be read or changed (PAR), and tokens are of no use without this
// program's key (DPoP). With private_key_jwt, OIDC_CLIENT_KEY has the app's own key, a
// private JWK of P-256, instead of a secret.
//
// $ npm install express express-session openid-client
// $ OIDC_CLIENT_SECRET=… node high_security.mjs

import { randomBytes } from 'node:crypto'
import express from 'express'
import session from 'express-session'
import * as client from 'openid-client'

const port = process.env.PORT ?? 5010
const home = `${process.env.APP_ADDRESS ?? `http://localhost:${port}`}/`
const redirectUri = `${home}callback`
const issuer = new URL('https://id.example.com')
const jwk = process.env.OIDC_CLIENT_KEY && JSON.parse(process.env.OIDC_CLIENT_KEY)
const p256 = { name: 'ECDSA', namedCurve: 'P-256' }
const authentication = jwk
  ? client.PrivateKeyJwt({ key: await crypto.subtle.importKey('jwk', jwk, p256, false, ['sign']), kid: jwk.kid })
  : client.ClientSecretBasic(process.env.OIDC_CLIENT_SECRET)
const config = await client.discovery(
  issuer,
  'your-client-id',
  undefined,
  authentication,
  // http is for a provider on your own machine only.
  issuer.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : {},
)

// Proves with each request that it has the key which tokens are bound to. It lasts as long
// as this process, and so do the tokens: keep it with them if you store them.
const proof = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) }

const app = express()
// Without a secret of your own, a restart signs all users out. On a server: a store, and secure cookies.
const secret = process.env.SECRET_KEY ?? randomBytes(32).toString('hex')
app.use(session({ secret, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } }))

app.get('/', (request, response) => {
  response.json({ signed_in: request.session.user ?? null })
})

// Push the request, and send the user to the provider with its name alone. What the answer
// is compared with stays in the session.
app.get('/login', async (request, response) => {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expected = { pkceCodeVerifier, expectedState: client.randomState(), expectedNonce: client.randomNonce() }
  request.session.expected = expected
  const parameters = {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    state: expected.expectedState,
    nonce: expected.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  }
  const address = await client.buildAuthorizationUrlWithPAR(config, parameters, proof)
  response.redirect(address.href)
})

// Take them back: openid-client compares state, iss and nonce.
app.get('/callback', async (request, response) => {
  const here = new URL(redirectUri)
  here.search = new URL(request.url, redirectUri).search
  const tokens = await client.authorizationCodeGrant(config, here, request.session.expected ?? {}, undefined, proof)
  const { sub } = tokens.claims()
  const { email } = await client.fetchUserInfo(config, tokens.access_token, sub, proof)
  await new Promise((done, failed) => request.session.regenerate(error => (error ? failed(error) : done())))
  request.session.user = { sub, email }
  request.session.idToken = tokens.id_token
  response.redirect('/')
})

// Sign the user out here, and at the provider.
app.get('/logout', (request, response) => {
  const hint = request.session.idToken ? { id_token_hint: request.session.idToken } : {}
  const address = client.buildEndSessionUrl(config, { post_logout_redirect_uri: home, ...hint })
  request.session.destroy(() => response.redirect(address.href))
})

// Say what went wrong: also that the user said no.
app.use((error, request, response, next) => {
  response.status(400).json({ error: error.error ?? error.code, description: error.error_description ?? error.message })
})

app.listen(port)
