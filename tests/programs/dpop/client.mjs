// A website without a browser on oauth4webapi, with bound tokens and nonces. It prints the address to
// send a user to, reads where they came back to, and prints what it learnt. The environment says who
// it is: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI.

import { createInterface } from 'node:readline/promises'
import * as oauth from 'oauth4webapi'

const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI } = process.env
const insecure = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(OIDC_ISSUER)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure))
const client = { client_id: OIDC_CLIENT_ID }
const authentication = oauth.ClientSecretBasic(OIDC_CLIENT_SECRET)
const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
const options = { DPoP, ...insecure }
let nonces = 0

// The library keeps the nonce of a response; the request is repeated here.
async function twice(request, process) {
  try {
    return await process(await request())
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error
    nonces += 1
    return await process(await request())
  }
}

const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const parameters = {
  redirect_uri: OIDC_REDIRECT_URI,
  response_type: 'code',
  scope: 'openid email',
  state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
}
const pushed = await twice(
  () => oauth.pushedAuthorizationRequest(as, client, authentication, parameters, options),
  response => oauth.processPushedAuthorizationResponse(as, client, response),
)
const to = new URL(as.authorization_endpoint)
to.search = new URLSearchParams({ client_id: OIDC_CLIENT_ID, request_uri: pushed.request_uri })
console.log(to.href)
const lines = createInterface({ input: process.stdin })
const [back] = await new Promise(resolve => lines.once('line', line => resolve([line])))
lines.close()
const answer = oauth.validateAuthResponse(as, client, new URL(back), state)
const tokens = await twice(
  () => oauth.authorizationCodeGrantRequest(as, client, authentication, answer, OIDC_REDIRECT_URI, verifier, options),
  response => oauth.processAuthorizationCodeResponse(as, client, response, { requireIdToken: true }),
)
const { sub } = oauth.getValidatedIdTokenClaims(tokens)
const userinfo = await twice(
  () => oauth.userInfoRequest(as, client, tokens.access_token, options),
  response => oauth.processUserInfoResponse(as, client, sub, response),
)
console.log(JSON.stringify({ token_type: tokens.token_type, email: userinfo.email, nonces }))
