import { getToken } from "next-auth/jwt"
import { headers } from "next/headers"
import { redirect } from "next/navigation"

import { auth, signIn, signOut } from "@/auth"

const home = `${process.env.AUTH_URL}/`

async function begin() {
  "use server"
  await signIn("signet", { redirectTo: "/" })
}

// Sign the user out here, and at the provider.
async function end() {
  "use server"
  const token = await getToken({
    req: { headers: await headers() },
    secret: process.env.AUTH_SECRET,
    secureCookie: home.startsWith("https:"),
  })
  await signOut({ redirect: false })
  const query = new URLSearchParams({
    client_id: process.env.AUTH_CLIENT_ID ?? "",
    post_logout_redirect_uri: home,
    id_token_hint: String(token?.idToken ?? ""),
  })
  redirect(`https://id.example.com/end_session?${query}`)
}

export default async function Page() {
  const session = await auth()
  return session?.user ? (
    <form action={end}>
      <p>Signed in as {session.user.name}, {session.user.email}</p>
      <button>Sign out</button>
    </form>
  ) : (
    <form action={begin}>
      <button>Sign in</button>
    </form>
  )
}
