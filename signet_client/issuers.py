"""The metadata of an issuer, which has to be its own. OIDC Discovery §4, RFC 8414 §3."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from signet_client import web
from signet_client.addresses import issuer_address, secure
from signet_client.problems import Problem, printable

_NOT_FOUND = 404


@dataclass(frozen=True)
class Issuer:
    """An issuer and its metadata."""

    identifier: str
    metadata: dict[str, Any]

    def endpoint(self, name: str) -> str:
        """Return the address of an endpoint by its name in the metadata. Raises Problem."""
        address = self.metadata.get(name)
        if address is None:
            raise Problem(f"{self.identifier} has no {name.replace('_', ' ')}.")
        return secure(address, name.replace("_", " ")).geturl()

    def offers(self, name: str) -> bool:
        """Whether the metadata has this member, and as true if it is a flag."""
        return bool(self.metadata.get(name))

    def supported(self, name: str, default: Collection[str] = ()) -> Collection[str]:
        """Return a list of the metadata: what is supported."""
        values = self.metadata.get(name, default)
        return [each for each in values if isinstance(each, str)]


def discover(address: str) -> Issuer:
    """Return the issuer at this address. Raises Problem and UnreachableError.

    The document has to name the issuer that it was asked for, or another server could lead our
    secrets elsewhere (OIDC Discovery §4.3, RFC 8414 §3.3). A slash at the end may differ, since
    both are found at one address.
    """
    address = issuer_address(address)
    metadata = _document(address)
    identifier = metadata.get("issuer")
    if not isinstance(identifier, str) or identifier.rstrip("/") != address.rstrip("/"):
        said = printable(identifier)
        raise Problem(f"{address} says that it is the issuer {said}. That is not the same.")
    return Issuer(identifier, metadata)


def _document(address: str) -> dict[str, Any]:
    """Return the document of OpenID Connect, or else that of OAuth. RFC 8414 §3.1, §5."""
    base = address.rstrip("/")
    found = web.get(f"{base}/.well-known/openid-configuration")
    if found.status == _NOT_FOUND:
        parts = secure(base, "issuer")
        root = f"{parts.scheme}://{parts.netloc}"
        found = web.get(f"{root}/.well-known/oauth-authorization-server{parts.path}")
    if not found.is_success:
        raise Problem(f"{address} is no issuer: it publishes no metadata ({found.status}).")
    return found.object()
