"""Addresses that clients register, read strictly. RFC 3986 §3.

`urlsplit` accepts text around an IPv6 literal, and browsers read a backslash as a slash: an address
that two programs read differently is none.
"""

import re
from collections.abc import Collection
from ipaddress import IPv6Address
from urllib.parse import SplitResult, parse_qsl, urlsplit

_PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without space and backslash
_AUTHORITY = re.compile(r"(?:[^@]*@)?(?:\[([0-9A-Fa-f:.]+)\]|[^\[\]:@]*)(?::([0-9]*))?")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HIGHEST_PORT = 65535


def parse(uri: str) -> SplitResult | None:
    """Return the parts of an absolute URI; None for anything else.

    That is one without a scheme, with characters other than printable ASCII, with a port that is no
    number from 1 to 65535, or with brackets around anything but an IPv6 address.
    """
    if _PRINTABLE.fullmatch(uri) is None:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    return parts if parts.scheme and _is_authority(parts.netloc) else None


def is_on_the_web(uri: str, schemes: Collection[str] = ("https", "http")) -> bool:
    """Whether this is an address of a web server: a host name or IP address, and no user name."""
    parts = parse(uri)
    return parts is not None and parts.scheme in schemes and has_host(parts) and not has_user(parts)


def has_user(parts: SplitResult) -> bool:
    """Whether there is a user name or password before the host. RFC 3986 §3.2.1."""
    return "@" in parts.netloc


def has_host(parts: SplitResult) -> bool:
    """Whether the host is a host name or an IP address: nothing encoded. RFC 3986 §3.2.2."""
    host = parts.hostname or ""
    return ":" in host or _HOST_NAME.fullmatch(host) is not None


def taken_parameter(uri: str, names: Collection[str]) -> str | None:
    """Return which of these parameters an address has in its own query, or None."""
    own = {name for name, _ in parse_qsl(urlsplit(uri).query, keep_blank_values=True)}
    return min(own & set(names), default=None)


def _is_authority(netloc: str) -> bool:
    match = _AUTHORITY.fullmatch(netloc)
    if match is None:
        return False
    literal, port = match.groups()
    return (literal is None or _is_ipv6(literal)) and (
        not port or 0 < _number(port) <= _HIGHEST_PORT
    )


def _is_ipv6(literal: str) -> bool:
    try:
        IPv6Address(literal)
    except ValueError:
        return False
    return True


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= len(str(_HIGHEST_PORT)) else _HIGHEST_PORT + 1
