// Exchange tokens with openid-client as its documentation has it: genericGrantRequest.
//
// Reads one JSON object, { issuer, client_id, client_secret, requests }, and answers each request,
// the parameters of an exchange, with a line: the response, or the error's code.

import { text } from 'node:stream/consumers'
import * as client from 'openid-client'

const { issuer, client_id, client_secret, requests } = JSON.parse(await text(process.stdin))
const config = await client.discovery(new URL(issuer), client_id, client_secret, undefined, {
  execute: [client.allowInsecureRequests],
})
const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
for (const parameters of requests) {
  try {
    console.log(JSON.stringify(await client.genericGrantRequest(config, grant, parameters)))
  } catch (error) {
    console.log(JSON.stringify({ error: error.error ?? String(error) }))
  }
}
