"""SAML 2.0 identity providers as upstreams (the extra `saml`): a service provider of our own.

1. `authn_request` sends the browser to the provider's page by the HTTP-Redirect binding.
2. `response` judges what comes back by the HTTP-POST binding: `documents` its shape, python3-saml
   its schema, its signature and its conditions, and `assertion` once more, and exactly, whom it is
   for. It has no cookie of ours, so it is kept (`accounts.upstream.answers`) and taken up by a GET.
3. From there it is as with all kinds: `accounts.upstream.sign_in`.

`declared` reads what an operator has set, `metadata` what the provider says of itself,
`own_metadata` says what we are, `logout` ends sessions that the provider names, and `kind` puts it
all into the registry if the packages are installed.

Only `declared`, `addresses` and `kind` can be imported without them. SAML 2.0 by section:
`SAML Core` (saml-core-2.0-os), `SAML Bindings`, `SAML Profiles`, `SAML Metadata`.
"""
