"""Normalise the issuer identifier: scheme, host and path in one spelling. OIDC Core §2.

Browsers send the host in lower case, as punycode and without the scheme's default port, whatever
the operator wrote. No Django here: settings read this.
"""

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

import idna

_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORTS = range(1, 65536)
#: Allowed characters of a host name in punycode; Django serves no other.
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")
_IPV6 = re.compile(r"\[([0-9A-Fa-f:.]+)\](:\d*)?")
#: What a path is made of: characters that no program has to encode (RFC 3986 §2.3).
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
#: The first segments of Signet's own paths. An issuer's path begins with none of them, so that a
#: path with the issuer's in front and one without it are distinguished (idp.mounting).
OWN_SEGMENTS = frozenset(
    {
        *(".well-known", "jwks", "authorize", "token", "userinfo", "revoke", "introspect"),
        *("device", "device_authorization", "bc-authorize", "par"),
        *("register", "end_session", "check_session", "consent", "access_denied", "account"),
        *(
            "logo",
            "accent.css",
            "language",
            "developers",
            "admin",
            "picture",
            "healthz",
            "readyz",
            "static",
        ),
    }
)
#: Replaces an invalid issuer, so that a check can report it.
UNUSABLE = "https://issuer.invalid"


class UnusableIssuerError(ValueError):
    """An issuer identifier is invalid; the message is a sentence."""


def normalized(text: str) -> str:
    """Return an issuer in the spelling that browsers use (RFC 3986 §6.2, RFC 5891).

    Raises UnusableIssuerError.
    """
    parts = _parts(text)
    if parts.scheme not in _DEFAULT_PORTS or not parts.netloc:
        raise UnusableIssuerError("It has to begin with https:// and a host.")
    if "@" in parts.netloc:
        raise UnusableIssuerError("It has a user name in it.")
    if "?" in text or "#" in text:
        raise UnusableIssuerError("It has a query or a fragment.")
    port = _port(parts)
    return f"{parts.scheme}://{_host(parts)}{f':{port}' if port else ''}{_path(parts)}"


def origin_of(issuer: str) -> str:
    """Return the web origin of a normalized issuer: scheme, host and port (RFC 6454 §4)."""
    return urlsplit(issuer)._replace(path="").geturl()


def path_of(issuer: str) -> str:
    """Return the path of a normalized issuer: empty, or such as `/auth`."""
    return urlsplit(issuer).path


def host_of(issuer: str) -> str:
    """Return the host of a normalized issuer as a Host header has it: IPv6 in brackets."""
    host = urlsplit(issuer).hostname or ""
    return f"[{host}]" if ":" in host else host


def _parts(text: str) -> SplitResult:
    if any(character.isspace() or not character.isprintable() for character in text):
        raise UnusableIssuerError("It has spaces or control characters in it.")
    try:
        return urlsplit(text)
    except ValueError:
        raise UnusableIssuerError("It is not an address.") from None


def _host(parts: SplitResult) -> str:
    written = parts.hostname or ""
    if "[" in parts.netloc:
        return _literal(parts.netloc)
    try:
        host = written if written.isascii() else idna.encode(written, uts46=True).decode()
    except idna.IDNAError:
        raise UnusableIssuerError(f"{written} is no host name.") from None
    if not _HOST.fullmatch(host):
        raise UnusableIssuerError(f"{written} is no host name.")
    return host


def _literal(netloc: str) -> str:
    literal = _IPV6.fullmatch(netloc)
    try:
        return f"[{IPv6Address(literal[1] if literal else '')}]"
    except ValueError:
        raise UnusableIssuerError("It has no IPv6 address between its brackets.") from None


def _path(parts: SplitResult) -> str:
    """Return the path without a slash at its end. It may not begin like one of Signet's own."""
    path = parts.path.rstrip("/")
    segments = path.split("/")[1:]
    if not all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments):
        raise UnusableIssuerError(
            f"Its path {path} has other characters than letters, digits and -._~, or an empty part."
        )
    if segments and segments[0] in OWN_SEGMENTS:
        raise UnusableIssuerError(f"Its path begins with /{segments[0]}, as pages of Signet do.")
    return path


def _port(parts: SplitResult) -> int | None:
    """Return the port, or None where it is the scheme's own."""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port is None or port == _DEFAULT_PORTS[parts.scheme]:
        return None
    if port not in _PORTS:
        raise UnusableIssuerError("Its port is not one of 1 to 65535.")
    return port
