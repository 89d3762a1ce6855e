// Ask a user to sign in on their own device (CIBA), from a program that knows their email address.
//
// $ npm install openid-client
// $ OIDC_CLIENT_SECRET=… node ask_user.mjs ana@example.com

import { randomInt } from 'node:crypto'
import * as client from 'openid-client'

const issuer = new URL('https://id.example.com')
const config = await client.discovery(
  issuer,
  'your-client-id',
  undefined,
  client.ClientSecretBasic(process.env.OIDC_CLIENT_SECRET),
  // http is for a provider on your own machine only.
  issuer.protocol === 'http:' ? { execute: [client.allowInsecureRequests] } : {},
)

// The user compares this message with the one on the page that they are led to by mail.
const message = `Desk ${randomInt(1000, 10000)}`
const asked = await client.initiateBackchannelAuthentication(config, {
  scope: 'openid profile email',
  login_hint: process.argv[2],
  binding_message: message,
})
console.error(`Tell the user: ${message}. They have ${asked.expires_in} seconds.`)

// It polls until the user has answered, and fails if they say no or nothing.
const tokens = await client.pollBackchannelAuthenticationGrant(config, asked)
const { sub, acr } = tokens.claims()
const { email } = await client.fetchUserInfo(config, tokens.access_token, sub)
console.log(JSON.stringify({ sub, email, acr }))
