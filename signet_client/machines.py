"""Access tokens for a machine itself: the client credentials grant. RFC 6749 §4.4.

The client proves itself with its secret, its private key, or a JWT that another issuer gave it.
"""

from collections.abc import Sequence

from signet_client.credentials import Credentials
from signet_client.issuers import Issuer
from signet_client.token_endpoint import request_tokens
from signet_client.tokens import AccessToken

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def machine_token(
    issuer: Issuer, client: Credentials, scope: str, resources: Sequence[str]
) -> AccessToken:
    """Return a new access token for the client itself. Raises Problem, UnreachableError."""
    form = [("grant_type", "client_credentials"), *([("scope", scope)] if scope else [])]
    form += [("resource", each) for each in resources]
    if client.kind == "client_secret_file":
        return _with_secret(issuer, client, form)
    if client.kind == "private_key_file":
        from signet_client.assertions import signed_assertion  # which takes a while to load

        assertion = signed_assertion(issuer, client.client_id, client.value)
    else:
        assertion = client.value
    form += [("client_id", client.client_id), ("client_assertion_type", _ASSERTION_TYPE)]
    return request_tokens(issuer, [*form, ("client_assertion", assertion)]).access_token


def _with_secret(issuer: Issuer, client: Credentials, form: list[tuple[str, str]]) -> AccessToken:
    """Send the secret in the header, or in the body if the issuer knows only that."""
    methods = issuer.supported("token_endpoint_auth_methods_supported", ("client_secret_basic",))
    if "client_secret_post" in methods and "client_secret_basic" not in methods:
        form = [*form, ("client_id", client.client_id), ("client_secret", client.value)]
        return request_tokens(issuer, form).access_token
    return request_tokens(issuer, form, (client.client_id, client.value)).access_token
