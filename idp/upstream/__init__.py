"""Sign-in at OpenID providers elsewhere: we are the relying party. OIDC Core §3.1.

The kinds are registered at the start (`kinds`). Their sign-ins begin in `openid.begin` and come
back to `idp.endpoints.upstream`, which lets `openid.identity` judge the answer and hands the result
to `accounts.upstream.sign_in`. `github` and `apple` have a `begin` and an `identity` of their own,
of the same parts. docs/adr/0047.
"""
