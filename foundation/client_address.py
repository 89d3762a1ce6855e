"""The IP address a request came from, believing only the reverse proxies that are trusted."""

import hashlib
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest

log = structlog.get_logger(__name__)
#: Unreadable entries that were logged, so that each process logs each proxy's habit once.
_logged: set[str] = set()
_MOST_LOGGED = 5


def client_address(request: HttpRequest) -> str | None:
    """Return the browser's IP address, or None where it is not known.

    With `IDP_TRUSTED_PROXY_COUNT` reverse proxies, it is that many from the end of
    X-Forwarded-For; entries before that can be written by anyone. An entry may carry a port, as
    some proxies send it: `203.0.113.7:51234`, `[2001:db8::1]:443`.
    """
    sent = _entry(request)
    address = _parsed(sent)
    if address is None and sent:
        _log_once(sent)
    return address


def rate_limit_key(request: HttpRequest) -> str:
    """Return the key of a request for rate limits by IP address: the address, or its IPv6 /64.

    If the address is unknown, the key is a hash of other data of the client, never one key for all.
    """
    address = client_address(request)
    if address is not None:
        return network_of(address)
    known = [_entry(request), request.headers.get("User-Agent", "")]
    return "unknown:" + hashlib.sha256("\n".join(known).encode()).hexdigest()


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, and the /64 network of an IPv6 address."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return address


def _entry(request: HttpRequest) -> str:
    """Return the trusted entry with the IP address of the client."""
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    count: int = settings.IDP_TRUSTED_PROXY_COUNT
    sent = hops[-count] if 0 < count <= len(hops) else request.META.get("REMOTE_ADDR", "")
    return str(sent)


def _parsed(text: str) -> str | None:
    """Return the address in an entry: quotes, brackets, a port and a zone are taken off."""
    text = text.strip().strip('"')
    host, bracket, _port = text.removeprefix("[").partition("]")
    if not bracket and text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _log_once(sent: str) -> None:
    shown = sent[:60]
    if shown not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add(shown)
        log.warning("client_address_unreadable", sent=shown)
