"""Our addresses as a service provider, one of each for each upstream, and names of SAML 2.0."""

from importlib.util import find_spec

from django.conf import settings
from django.urls import reverse

from accounts.upstream.model import Upstream

NAME = "saml"
#: What the extra installs.
_PACKAGES = ("onelogin", "xmlsec", "lxml")

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
ENTITY = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
#: The formats of a NameID that may identify a user, by their short names. SAML Core §8.3.
NAME_IDS = {
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "emailAddress": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "unspecified": UNSPECIFIED,
}


def are_packages_installed() -> bool:
    """Whether the extra is installed."""
    return all(find_spec(name) is not None for name in _PACKAGES)


def entity_id(upstream: Upstream) -> str:
    """Return our entity ID for an upstream: the address of our metadata. SAML Core §8.3.6."""
    return _address("account_saml_metadata", upstream)


def consumer(upstream: Upstream) -> str:
    """Return where its responses go: the assertion consumer service. SAML Profiles §4.1."""
    return _address("account_saml_consumer", upstream)


def logout(upstream: Upstream) -> str:
    """Return where its requests to sign out go, and its answers to ours. SAML Profiles §4.4."""
    return _address("account_saml_logout", upstream)


def _address(name: str, upstream: Upstream) -> str:
    return str(settings.IDP_ORIGIN + reverse(name, args=[upstream.slug]))
