// A program on openid-client that asks for authorization details: it pushes its request, prints
// where to send the user, reads where they came back to, and prints what it got. The environment
// says who it is: OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI, DETAILS.

import * as client from 'openid-client'
import { createInterface } from 'node:readline'

const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_REDIRECT_URI, DETAILS } = process.env
const insecure = { execute: [client.allowInsecureRequests] }
const config = await client.discovery(
  new URL(OIDC_ISSUER), OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, undefined, insecure
)
const pkceCodeVerifier = client.randomPKCECodeVerifier()
const address = await client.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: OIDC_REDIRECT_URI,
  scope: 'openid',
  code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: 'S256',
  authorization_details: DETAILS,
})
console.log(address.href)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const back = new URL((await lines.next()).value)
const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier })
const [first] = tokens.authorization_details
const narrowed = await client.refreshTokenGrant(config, tokens.refresh_token, {
  authorization_details: JSON.stringify([first]),
})
const seen = await client.tokenIntrospection(config, narrowed.access_token)
console.log(JSON.stringify({
  granted: tokens.authorization_details,
  narrowed: narrowed.authorization_details,
  introspected: seen.authorization_details,
}))
process.exit()
