// A bank's app on oauth4webapi, as FAPI 2.0 with message signing demands; it answers in JSON.
//
// GET /login pushes a signed request with a DPoP proof and sends the browser to the provider; GET
// /callback takes the signed answer, redeems the code, asks UserInfo and refreshes twice.
// The environment says who we are: PORT, OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_SIGNING_KEY (a JWK of P-256).

import { createServer } from 'node:http'
import * as oauth from 'oauth4webapi'

const here = `http://127.0.0.1:${process.env.PORT}`
const redirectUri = `${here}/callback`
const insecure = { [oauth.allowInsecureRequests]: true } // http is for this machine only
const issuer = new URL(process.env.OIDC_ISSUER)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
const client = {
  client_id: process.env.OIDC_CLIENT_ID,
  authorization_signed_response_alg: 'PS256',
  id_token_signed_response_alg: 'PS256',
}
const jwk = JSON.parse(process.env.OIDC_SIGNING_KEY)
const kind = { name: 'ECDSA', namedCurve: jwk.crv }
const signing = { key: await crypto.subtle.importKey('jwk', jwk, kind, false, ['sign']), kid: jwk.kid }
const proof = oauth.PrivateKeyJwt(signing)
const options = { ...insecure, DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')) }
const sent = {}

async function login(response) {
  Object.assign(sent, {
    verifier: oauth.generateRandomCodeVerifier(),
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
  })
  const request = await oauth.issueRequestObject(
    as,
    client,
    {
      redirect_uri: redirectUri,
      response_type: 'code',
      response_mode: 'jwt',
      scope: 'openid profile email offline_access',
      prompt: 'consent',
      state: sent.state,
      nonce: sent.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(sent.verifier),
      code_challenge_method: 'S256',
    },
    signing,
  )
  const pushed = await oauth.pushedAuthorizationRequest(as, client, proof, { request }, options)
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, pushed)
  const address = new URL(as.authorization_endpoint)
  address.searchParams.set('client_id', client.client_id)
  address.searchParams.set('request_uri', request_uri)
  response.writeHead(302, { Location: address.href })
  response.end()
}

async function callback(response, url) {
  const answered = await oauth.validateJwtAuthResponse(as, client, url, sent.state, insecure)
  const redeemed = await oauth.authorizationCodeGrantRequest(
    as, client, proof, answered, redirectUri, sent.verifier, options)
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, redeemed, {
    expectedNonce: sent.nonce,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(as, redeemed, insecure)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const asked = await oauth.userInfoRequest(as, client, tokens.access_token, options)
  const userinfo = await oauth.processUserInfoResponse(as, client, claims.sub, asked)
  const types = [tokens.token_type]
  for (let times = 0; times < 2; times++) {
    const again = await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, options)
    types.push((await oauth.processRefreshTokenResponse(as, client, again)).token_type)
  }
  answer(response, 200, { claims, userinfo, types })
}

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify(body))
}

createServer(async (request, response) => {
  const url = new URL(request.url, here)
  try {
    await (url.pathname === '/login' ? login(response) : callback(response, url))
  } catch (error) {
    answer(response, 400, { message: error.message, cause: JSON.stringify(error.cause ?? null) })
  }
}).listen(process.env.PORT, '127.0.0.1')
