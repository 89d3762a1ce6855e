"""Redirect URIs: what may be registered, and the exact match. RFC 9700 §2.1, RFC 8252 §7.3."""

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_FORBIDDEN_SCHEMES = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss", "ftp", "mailto", "tel"}
)
_PRINTABLE = re.compile(r"[!-~]+")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_LOOPBACK_URI = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(?=[/?]|$)")


def is_registered(uri: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether `uri` is one of the registered ones, character by character.

    The one exception: a native client's loopback address may come with any port, since its
    listener gets a port from the operating system (RFC 8252 §7.3).
    """
    registered = tuple(registered)
    if uri in registered:
        return True
    if not native or _LOOPBACK_URI.match(uri) is None:
        return False
    return _without_port(uri) in {_without_port(r) for r in registered if _LOOPBACK_URI.match(r)}


def problem_with(uri: str, *, application_type: str) -> str | None:
    """Return why a redirect URI can't be registered, as a sentence, or None if it can.

    https always; http for loopback addresses and localhost; a private-use scheme with a dot in it
    for native clients (RFC 8252 §7.1). Never a fragment, never a scheme that runs script.
    """
    parts = _split(uri)
    if parts is None:
        return "It is not an absolute URI of printable ASCII characters."
    if "#" in uri:
        return "It has a fragment (what follows a #), which redirect URIs may not have."
    if parts.scheme in {"http", "https"}:
        return _problem_with_web_uri(parts)
    if parts.scheme in _FORBIDDEN_SCHEMES:
        return f"The scheme {parts.scheme}: is not allowed."
    if application_type != "native":
        return "A website's redirect URI starts with https://."
    if _PRIVATE_SCHEME.fullmatch(parts.scheme) is None:
        return "A custom scheme is a domain name of yours in reverse, such as com.example.app."
    return None


def origin_of(uri: str) -> str:
    """Return `scheme://host[:port]` of a web address, or `scheme:` of any other."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def _problem_with_web_uri(parts: SplitResult) -> str | None:
    if not parts.hostname:
        return "It has no host."
    if "@" in parts.netloc:
        return "It has a user name or password in it."
    if "*" in parts.netloc:
        return "Wildcards are not supported: register each address."
    local = parts.hostname in _THIS_MACHINE
    if parts.scheme == "http" and not local:
        return "It starts with http://, which is allowed for this machine only; use https://."
    return None


def _split(uri: str) -> SplitResult | None:
    if _PRINTABLE.fullmatch(uri) is None:
        return None
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises for a port that is no port
    except ValueError:
        return None
    return parts if parts.scheme else None


def _without_port(uri: str) -> str:
    return _LOOPBACK_URI.sub(r"http://\1", uri)
