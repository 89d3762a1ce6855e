// Verify JWTs with jose as an API or a relying party does: nothing but our published keys.
//
// Reads one JSON object a line, { token, typ, audience }, and answers each with a line: the header
// and claims, or the error's code. The keys stay remembered from one to the next.

import { createInterface } from 'node:readline'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const issuer = process.argv[2]
const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), { cooldownDuration: 0 })

for await (const line of createInterface({ input: process.stdin })) {
  const { token, typ, audience } = JSON.parse(line)
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience, typ })
    console.log(JSON.stringify({ claims: payload, header: protectedHeader }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.code ?? String(error) }))
  }
}
