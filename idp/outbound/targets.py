"""Which addresses may be fetched: web addresses of hosts on the public internet. RFC 6890 §2."""

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

from idp.outbound.errors import OutboundError

#: Characters that an address may have.
LONGEST_ADDRESS = 2048

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_UNICAST = IPv6Network("2000::/3")
#: Unicast networks that wrap another address (6to4, Teredo), or are for benchmarks or
#: documentation.
_SPECIAL: tuple[Network, ...] = (
    *map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")),
    *map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
)


@dataclass(frozen=True)
class Target:
    """A web address, taken apart."""

    secure: bool
    host: str
    port: int
    path: str
    #: The host and port as the address has them.
    authority: str


def problem_with(url: str) -> str | None:
    """Return why an address could never be fetched; None if it could be."""
    try:
        target_of(url)
    except OutboundError as problem:
        return str(problem)
    return None


def host_of(url: str) -> str:
    """Return the host of an address that could be fetched. Raises OutboundError."""
    return target_of(url).host


def target_of(url: str) -> Target:
    """Parse an address. RFC 3986 §3: ambiguous ones are refused."""
    if len(url) > LONGEST_ADDRESS or not all("!" <= character <= "~" for character in url):
        raise OutboundError("The address is too long, or not written in plain ASCII.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise OutboundError(f"{url} is not a web address.") from None
    if parts.scheme not in {"https", "http"} or not host or "\\" in url:
        raise OutboundError(f"{url} does not start with https://.")
    if "@" in parts.netloc:
        raise OutboundError(f"{url} carries a user's name.")
    secure = parts.scheme == "https"
    port = port or (443 if secure else 80)
    if not secure and not _plain_is_fine(host, port):
        raise OutboundError(f"{url} does not start with https://.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port, path, parts.netloc)


def _plain_is_fine(host: str, port: int) -> bool:
    """Whether http will do: on a developer's own machine, where it is allowed."""
    return settings.IDP_DEVELOPMENT and host in _THIS_MACHINE and _is_allowed(host, port)


def _is_allowed(host: str, port: int) -> bool:
    """Whether an operator named this host, so that it may be private."""
    shown = f"[{host}]" if ":" in host else host
    return not {host, shown, f"{shown}:{port}"}.isdisjoint(settings.IDP_OUTBOUND_ALLOW)


@cache
def _allowed_networks(named: tuple[str, ...]) -> tuple[Network, ...]:
    networks = []
    for entry in named:
        try:
            networks.append(ip_network(entry))
        except ValueError:
            continue  # a host
    return tuple(networks)


def permitted(text: str, target: Target) -> Address:
    """Return a permitted IP address. RFC 6890 §2: special-purpose ones are refused."""
    address = ip_address(text)
    networks = _allowed_networks(tuple(settings.IDP_OUTBOUND_ALLOW))
    allowed = _is_allowed(target.host, target.port) or any(address in net for net in networks)
    if not allowed and not is_public(address):
        raise OutboundError(f"The host {target.host} is not on the public internet.")
    return address


def is_public(address: Address) -> bool:
    """Whether an address is one host's on the public internet, and plainly so."""
    if any(address in network for network in _SPECIAL):
        return False
    unicast = address.version == 4 or address in _UNICAST
    return unicast and address.is_global and not (address.is_multicast or address.is_reserved)
