// Sign users in with Next.js and Auth.js.
//
// $ npx create-next-app@latest website --yes && cd website && npm install next-auth@beta
// $ npm run dev -- --port 5009

import NextAuth from "next-auth"

export const { handlers, auth, signIn, signOut } = NextAuth({
  providers: [
    {
      id: "signet",
      name: "Single sign-on",
      type: "oidc",
      issuer: "https://id.example.com",
      clientId: process.env.AUTH_CLIENT_ID,
      clientSecret: process.env.AUTH_CLIENT_SECRET,
    },
  ],
  callbacks: {
    // The sign-out needs the ID token. The cookie that keeps it is encrypted.
    jwt({ token, account }) {
      return account?.id_token ? { ...token, idToken: account.id_token } : token
    },
  },
})
