"""The profile fapi2: what FAPI 2.0 demands of a client, checked in each of its requests (ADR 51).

Each demand is a function of the client, in DEMANDS; the linter explains those that are not met.
FAPI 2.0 Security Profile §5.3.2, §5.4.1.
"""

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from idp import policy
from idp.models import Client, ResourceServer
from idp.protocol.errors import InvalidTarget, UnauthorizedClient
from idp.protocol.redirect_uris import loopback_port
from idp.protocol.response_types import CODE
from idp.protocol.rules import upholds

#: Columns with an algorithm of a signature; those that may be empty follow the profile then.
SIGNATURES = (
    *("id_token_signed_response_alg", "userinfo_signed_response_alg"),
    *("authorization_signed_response_alg", "introspection_signed_response_alg"),
    *("token_endpoint_auth_signing_alg", "request_object_signing_alg"),
    "backchannel_authentication_request_signing_alg",
)


@upholds("FAPI 2.0 Security Profile §5.3.2.1")
def proves_itself_with_a_key(client: Client) -> bool:
    """FAPI 2.0 Security Profile §5.3.2.1: by private_key_jwt or a TLS certificate of its own."""
    methods = ("private_key_jwt", *policy.CERTIFICATE_METHODS)
    return client.token_endpoint_auth_method in methods and not client.workloads


@upholds("FAPI 2.0 Security Profile §5.3.2.1")
def has_its_tokens_bound(client: Client) -> bool:
    """FAPI 2.0 Security Profile §5.3.2.1: access tokens are of use to their client alone.

    The token endpoint holds every client to what it registered of these.
    """
    return client.dpop_bound_access_tokens or client.tls_client_certificate_bound_access_tokens


@upholds("FAPI 2.0 Security Profile §5.3.2.2")
def gets_codes_alone(client: Client) -> bool:
    """FAPI 2.0 Security Profile §5.3.2.2: nothing but a code comes through the browser."""
    legacy = policy.LEGACY_GRANT_TYPES.isdisjoint(client.grant_types)
    return legacy and set(client.response_types) <= {CODE}


@upholds("FAPI 2.0 Security Profile §5.3.2.2")
def has_protected_redirect_uris(client: Client) -> bool:
    """FAPI 2.0 Security Profile §5.3.2.2: no response goes over an unencrypted network."""
    return all(is_protected(client, uri) for uri in client.redirect_uris)


def is_protected(client: Client, uri: str) -> bool:
    """Whether a redirect URI is https, or leads a native app to its own device (RFC 8252 §7.3)."""
    is_native = client.application_type == Client.ApplicationType.NATIVE
    is_local = is_native and loopback_port(uri) is not None
    return urlsplit(uri).scheme == "https" or is_local


@upholds("FAPI 2.0 Security Profile §5.4.1")
def signs_with(column: str, client: Client) -> bool:
    """FAPI 2.0 Security Profile §5.4.1: three algorithms, for the signatures of both sides."""
    return getattr(client, column) in ("", *policy.FAPI2_ALGORITHMS)


#: The demands, by the column that is to be changed where one is not met.
DEMANDS: dict[str, Callable[[Client], bool]] = {
    "token_endpoint_auth_method": proves_itself_with_a_key,
    "tls_client_certificate_bound_access_tokens": has_its_tokens_bound,
    "grant_types": gets_codes_alone,
    "redirect_uris": has_protected_redirect_uris,
}


def unmet(client: Client) -> list[str]:
    """Return the columns of a client that keep it from meeting the profile."""
    weak = [column for column in SIGNATURES if not signs_with(column, client)]
    return [column for column, is_met in DEMANDS.items() if not is_met(client)] + weak


@upholds("FAPI 2.0 Security Profile §5.3.2.1")
def registration_is_sufficient(client: Client) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1: a client that falls short gets nothing at all."""
    if missing := unmet(client):
        raise UnauthorizedClient(
            "This client is registered with the profile fapi2, but does not meet it: see "
            f"{', '.join(missing)}."
        )


def is_weakly_signed(server: ResourceServer) -> bool:
    """Whether an API gets JWT access tokens with a signature that the profile does not allow."""
    is_jwt = server.access_token_format == "jwt"
    return is_jwt and server.access_token_signing_alg not in policy.FAPI2_ALGORITHMS


@upholds("FAPI 2.0 Security Profile §5.4.1")
def access_tokens_are_well_signed(client: Client, servers: Iterable[ResourceServer]) -> None:
    """FAPI 2.0 Security Profile §5.4.1: JWTs of the profile have one of three algorithms.

    An API verifies with the algorithm that is configured for it, so no other one is chosen here.
    Raises InvalidTarget.
    """
    weak = [server.identifier for server in servers if is_weakly_signed(server)]
    if weak and client.has_high_security:
        raise InvalidTarget(
            f"Access tokens for the resource {weak[0]} are signed in a way that this client's "
            f"profile fapi2 does not allow: the API's access_token_signing_alg has to be "
            f"{', '.join(policy.FAPI2_ALGORITHMS)}."
        )
