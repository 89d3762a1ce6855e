"""Keys, signatures and encryption that a client registers. OIDC Core §10, RFC 7591 §2."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from idp import policy
from idp.clients.validation.problem import Problem
from idp.jose import public_keys
from idp.jose.encrypt import public_key_for
from idp.models import Client
from idp.models.catalog import Catalog
from idp.models.client_derived import secret_octets
from idp.protocol import addresses

_LONGEST_REQUEST_URI = 512
_MOST_REQUEST_URIS = 50
#: Responses that can be encrypted, by the beginning of their columns' names.
_RESPONSES = (
    *("id_token_encrypted_response", "userinfo_encrypted_response"),
    "authorization_encrypted_response",
)


def keys_are_usable(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 7591 §2: public keys, by value or by address, for all that the client signs."""
    method, algorithm = client.token_endpoint_auth_method, client.token_endpoint_auth_signing_alg
    if client.jwks is not None and client.jwks_uri:
        yield Problem("jwks", _("Keys come by value (jwks) or by address (jwks_uri), not both."))
    elif client.jwks is not None and (text := public_keys.problem_with_set(client.jwks)):
        yield Problem("jwks", text)
    has_keys = client.jwks is not None or client.jwks_uri or client.workloads
    if method == "private_key_jwt" and not has_keys:
        yield Problem("jwks", _("The method private_key_jwt needs jwks or jwks_uri."))
    usable = {
        "private_key_jwt": policy.SIGNING_ALGORITHMS,
        "client_secret_jwt": policy.MAC_ALGORITHMS,
    }.get(method, policy.CLIENT_ALGORITHMS)
    if algorithm and algorithm not in usable:
        text = _("It does not go with %(method)s.") % {"method": method}
        yield Problem("token_endpoint_auth_signing_alg", text)


def request_uris_can_be_fetched(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Core §6.2: https addresses, not too many of them."""
    odd = next((uri for uri in client.request_uris if not _is_request_uri(uri)), None)
    if len(client.request_uris) > _MOST_REQUEST_URIS:
        text = _("There may be %(most)d of them.") % {"most": _MOST_REQUEST_URIS}
        yield Problem("request_uris", text)
    elif odd is not None:
        yield Problem("request_uris", f"{odd}: {_('It has to be an https address.')}")


def signed_requests_can_be_verified(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Core §6.1: there is a key to verify request objects with."""
    algorithm = client.request_object_signing_alg
    if algorithm in policy.SIGNING_ALGORITHMS and client.jwks is None and not client.jwks_uri:
        yield Problem("request_object_signing_alg", _("It needs public keys: jwks or jwks_uri."))
    has_key = algorithm in policy.MAC_ALGORITHMS or client.jwks or client.jwks_uri
    if client.require_signed_request_object and not has_key:
        yield Problem(
            "require_signed_request_object",
            _("It needs jwks, jwks_uri, or a request_object_signing_alg with the secret."),
        )


def public_clients_use_no_secret(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Core §10.1: a client without a secret shares no key with us."""
    for column in secret_octets(client) if client.is_public else ():
        yield Problem(
            column,
            _("A client without a secret cannot use it as a key; choose another algorithm."),
        )


def responses_can_be_encrypted(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Dynamic Client Registration §2: an `alg` needs a public key that goes with it."""
    for response in _RESPONSES:
        alg = getattr(client, f"{response}_alg")
        if alg in policy.PUBLIC_KEY_ENCRYPTION and not _may_have_key_for(client, alg):
            text = _("The public keys (jwks) have none that goes with this.")
            yield Problem(f"{response}_alg", text)


def content_encryption_has_key_encryption(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Dynamic Client Registration §2: an `enc` needs an `alg`."""
    for prefix in (*_RESPONSES, "request_object_encryption"):
        if getattr(client, f"{prefix}_enc") and not getattr(client, f"{prefix}_alg"):
            text = _("It needs %(other)s beside it.") % {"other": f"{prefix}_alg"}
            yield Problem(f"{prefix}_enc", text)


def _may_have_key_for(client: Client, alg: str) -> bool:
    """Whether there is a key to encrypt to; keys at jwks_uri are fetched when they are needed."""
    if client.jwks_uri:
        return True
    keys = client.jwks.get("keys") if isinstance(client.jwks, dict) else None
    return isinstance(keys, list) and public_key_for(keys, alg) is not None


def _is_request_uri(uri: str) -> bool:
    """Whether a request_uri can be fetched: https, printable ASCII. OIDC Core §6.2.

    Its fragment should be the hash of the content, as a key for caches, and may be anything.
    """
    schemes = ("https", "http") if settings.IDP_DEVELOPMENT else ("https",)
    is_short = len(uri) <= _LONGEST_REQUEST_URI
    return is_short and addresses.is_on_the_web(uri, schemes) and uri.count("#") <= 1
