// A program without a browser on openid-client. It prints the codes that it is given, polls, and
// prints what it learnt. The environment says who it is: OIDC_ISSUER, OIDC_CLIENT_ID.

import * as client from 'openid-client'

const { OIDC_ISSUER, OIDC_CLIENT_ID } = process.env
const config = await client.discovery(new URL(OIDC_ISSUER), OIDC_CLIENT_ID, undefined, client.None())
const codes = await client.initiateDeviceAuthorization(config, { scope: 'openid email' })
console.log(JSON.stringify(codes))
try {
  // It may poll at once, here after the user has decided: the test need not wait for the interval.
  await new Promise(resolve => process.stdin.once('data', resolve))
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...codes, interval: 0.1 })
  const claims = tokens.claims()
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
  const userinfo = await client.fetchUserInfo(config, refreshed.access_token, claims.sub)
  console.log(JSON.stringify({ sub: claims.sub, email: userinfo.email }))
} catch (error) {
  console.log(JSON.stringify({ error: error.error ?? String(error) }))
}
process.exit()
