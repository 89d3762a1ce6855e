"""Redirect URIs: registrable ones, the exact match, and near misses.

RFC 9700 §2.1, RFC 8252 §7.3.
"""

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from heapq import nlargest
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from idp.protocol import addresses

#: Marks texts for operators in their own language; the models translate it.
_ = str
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_FORBIDDEN_SCHEMES = frozenset(
    {"javascript", "data", "vbscript", "file", "blob", "about", "ws", "wss", "ftp", "mailto", "tel"}
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):?(.*)")
_LOOPBACK_URI = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(?=[/?]|$)")
#: Parameters of our responses, which a redirect URI's own query must not have. RFC 6749 §4.1.2, RFC
#: 9207 §2, OIDC Core §3.2.2.5, OIDC Session Management §2.
RESPONSE_PARAMETERS = frozenset(
    {
        *("code", "state", "iss", "error", "error_description", "error_uri", "session_state"),
        *("access_token", "id_token"),
    }
)


def problem_with_scheme(scheme: str) -> str | None:
    """Return why an operator can't list this as a private-use scheme, as a sentence, or None."""
    if _SCHEME.fullmatch(scheme) is None:
        return "It is no URI scheme: letters, digits, + and -, without a colon."
    if scheme in {"http", "https"} | _FORBIDDEN_SCHEMES:
        return "It is not a scheme of an app’s own."
    return None


def is_registered(uri: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether `uri` is one of the registered ones, character by character.

    The one exception: a native client's loopback address may come with any port, since its
    listener gets a port from the operating system (RFC 8252 §7.3).
    """
    registered = tuple(registered)
    if addresses.parse(uri) is None:  # registered before this was a rule
        return False
    if uri in registered:
        return True
    if not native or _LOOPBACK_URI.match(uri) is None:
        return False
    return _without_port(uri) in {_without_port(r) for r in registered if _LOOPBACK_URI.match(r)}


def problem_with(
    uri: str, *, application_type: str, private_schemes: Collection[str] = ()
) -> str | None:
    """Return why a redirect URI can't be registered, as a sentence, or None if it can.

    https always; http for loopback addresses and localhost; a private-use scheme with a dot in it
    for native clients (RFC 8252 §7.1), or one of `private_schemes`. Never a fragment, never a
    scheme that runs script.
    """
    parts = addresses.parse(uri)
    if parts is None:
        return _("It is not an absolute URI of printable ASCII characters.")
    if "#" in uri:
        return _("It has a fragment (what follows a #), which redirect URIs may not have.")
    if parts.scheme in {"http", "https"}:
        return _problem_with_web_uri(parts)
    if parts.scheme in _FORBIDDEN_SCHEMES:
        return _("Addresses of this scheme are not allowed.")
    if application_type != "native":
        return _("A website's redirect URI starts with https://.")
    if _PRIVATE_SCHEME.fullmatch(parts.scheme) is None and parts.scheme not in private_schemes:
        return _("A custom scheme is a domain name of yours in reverse, such as com.example.app.")
    return None


#: Comparing takes time that grows with the square of this, for so many candidates.
_COMPARED = 300
_CANDIDATES = 5


def nearest(uri: str, registered: Iterable[str]) -> str | None:
    """Return the registered address that is most like `uri`; None where none is registered."""
    matcher = SequenceMatcher(b=uri[:_COMPARED], autojunk=False)

    def quickly(candidate: str) -> float:
        matcher.set_seq1(candidate[:_COMPARED])
        return matcher.quick_ratio()

    def exactly(candidate: str) -> float:
        matcher.set_seq1(candidate[:_COMPARED])
        return matcher.ratio()

    return max(nlargest(_CANDIDATES, registered, key=quickly), key=exactly, default=None)


def same_place(uri: str, other: str) -> bool:
    """Whether both lead to one host, with or without www., or to one app's own scheme.

    This machine is one host by all of its names.
    """
    places = _place(uri), _place(other)
    return places[0] is not None and places[0] == places[1]


def _place(uri: str) -> str | None:
    parts = addresses.parse(uri.strip())
    if parts is None:
        return None
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:"
    host = parts.hostname or ""
    return "localhost" if host in _THIS_MACHINE else host.removeprefix("www.") or None


def differences(sent: str, registered: str, *, native: bool = False) -> list[str]:
    """Return in which parts an address differs from a registered one, a sentence each.

    The port of a native client's loopback address is none of them.
    """
    if native and _LOOPBACK_URI.match(sent) and _LOOPBACK_URI.match(registered):
        sent, registered = _without_port(sent), _without_port(registered)
    if sent == registered:
        return []
    if sent != sent.strip():
        rest = differences(sent.strip(), registered, native=native)
        return ["It begins or ends with a space.", *rest]
    if addresses.parse(sent) is None:
        return ["It is not an absolute URI of printable ASCII characters."]
    ours, theirs = _Parts.of(sent), _Parts.of(registered)
    parts = zip(ours._fields, ours, theirs, strict=True)
    found = [_difference(name.replace("_", " "), *values) for name, *values in parts]
    return [sentence for sentence in found if sentence]


class _Parts(NamedTuple):
    """The parts of an address, every character of it in one of them."""

    scheme: str
    user_name: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    @classmethod
    def of(cls, uri: str) -> "_Parts":
        before, hash_sign, fragment = uri.partition("#")
        before, question_mark, query = before.partition("?")
        scheme, _, rest = before.partition(":")
        netloc = urlsplit(before).netloc
        user, at, host_and_port = netloc.rpartition("@")
        host, port = _HOST_AND_PORT.fullmatch(host_and_port).groups()  # type: ignore[union-attr]
        return cls(
            scheme,
            user + at,
            host,
            port,
            rest.removeprefix(f"//{netloc}"),
            question_mark + query,
            hash_sign + fragment,
        )


def _difference(name: str, sent: str, registered: str) -> str | None:
    """Return the sentence about one part, or None where it is the same in both."""
    if sent == registered:
        return None
    if name == "path" and sent.rstrip("/") == registered.rstrip("/"):
        return "The path ends with / in one and not in the other."
    if not registered:
        return f"It has a {name} ({sent}), the registered address has none."
    if not sent:
        return f"It has no {name}, the registered address has one ({registered})."
    how = ""
    if sent.lower() == registered.lower():
        how = " in upper and lower case only"
    elif unquote(sent) == unquote(registered):
        how = " in percent-encoding only"
    return f"The {name} differs{how}: {sent} came, {registered} is registered."


def origin_of(uri: str) -> str:
    """Return `scheme://host[:port]` of a web address, or `scheme:` of any other."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"}:
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"


def _problem_with_web_uri(parts: SplitResult) -> str | None:
    if not parts.hostname:
        return _("It has no host.")
    if addresses.has_user(parts):
        return _("It has a user name or password in it.")
    if "*" in parts.netloc:
        return _("Wildcards are not supported: register each address.")
    if not addresses.has_host(parts):
        return _("Its host is neither a host name nor an IP address.")
    local = parts.hostname in _THIS_MACHINE
    if parts.scheme == "http" and not local:
        return _("It starts with http://, which is allowed for this machine only; use https://.")
    return None


def loopback_port(uri: str) -> int | None:
    """Return the port of a loopback address of a native client, or None for any other address."""
    return urlsplit(uri).port or 80 if _LOOPBACK_URI.match(uri) else None


def _without_port(uri: str) -> str:
    return _LOOPBACK_URI.sub(r"http://\1", uri)
