"""Sign-in with accounts that live elsewhere, at an identity provider: an *upstream*.

Every such sign-in goes one way, whatever the kind of the upstream:

1. `kinds` has the registry. A kind (`oidc`, `github`, …; registered from an app's `ready`) has
   `begin`, which sends the browser to the upstream or shows a form of its own. What the sign-in was
   asked with (`journeys.Asked`) is kept in this browser's session (`journeys.begin`), by a `state`
   that works once (`journeys.take`).
2. The kind judges what the upstream answers, wholly, and makes an `identity.Identity` of it. It
   raises `refusals.UpstreamRefusedError` for an answer that it does not believe.
3. `sign_in.go_on(request, identity, asked)` finds, links or makes the account and signs in through
   the same steps as all sign-ins (`accounts.stages`). It raises `UpstreamRefusedError` where it
   can't. Who calls it shows the error page (`idp.endpoints.upstream`).

Links are allauth's `SocialAccount` rows, found by (slug, subject) alone (`links`). The identity
of a link that needs a proof is in the browser's session (`kept_identity`); `stage.LinkStage` links
it.

The level of a sign-in is what `Upstream.levels` declares for the upstream's `acr` and `amr`
(`levels`). A sign-out there ends the sessions that began there (`model.UpstreamSession`,
`idp.upstream.logout_token`). `attributes.take_over` takes over what the claims say about the user.
"""
