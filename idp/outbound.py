"""Guarded outgoing requests: every fetch of an address that a client gave us goes through here.

A client's address must not reach our own network (SSRF; OIDC Core §6.2, RFC 7591 §5): its host is
looked up once, all its IP addresses have to be public, and the connection goes to one of them.
"""

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from http.client import HTTPException, HTTPMessage, HTTPResponse
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, Queue
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings

from foundation import traces

#: Seconds that one fetch may take, from looking up its host to its last byte.
SECONDS = 5.0
#: Bytes that it may bring.
MOST = 64 * 1024
#: Maximum concurrent lookups of host names. A resolver can hang for longer than we wait for it, and
#: its thread with it.
LOOKUPS = threading.BoundedSemaphore(32)
#: Characters that an address may have.
LONGEST_ADDRESS = 2048

#: Returns the IP addresses of a host name; raises OSError if there are none.
Resolver = Callable[[str], Collection[str]]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: Status codes of a temporary failure (RFC 9110 §15.6, RFC 6585 §4).
_IN_TROUBLE = frozenset({429, *range(500, 600)})
#: Status codes of answers of a token endpoint that have a body to read (RFC 6749 §5).
_WITH_ERRORS = frozenset({200, 400, 401})
_FORM = "application/x-www-form-urlencoded"
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_UNICAST = IPv6Network("2000::/3")
#: Unicast networks that wrap another address (6to4, Teredo), or are for benchmarks or
#: documentation.
_SPECIAL: tuple[Network, ...] = (
    *map(IPv4Network, ("192.0.0.0/24", "192.88.99.0/24")),
    *map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")),
)


class OutboundError(Exception):
    """An address could not be fetched; the message is the reason in a sentence."""


class TooSlowError(OutboundError):
    """The address did not answer in time, or not whole."""


class TooManyLookupsError(OutboundError):
    """Too many host names are being looked up for another one; try again."""


class UnwantedAnswerError(OutboundError):
    """The address answered, and with something else than was asked for."""


@dataclass(frozen=True)
class Answer:
    """A response with its headers."""

    body: bytes
    headers: HTTPMessage
    status: int = 200


@dataclass(frozen=True)
class Bounds:
    """Limits of one fetch, and the networks it may connect to."""

    seconds: float = SECONDS
    #: Bytes of the answer's body.
    most: int = MOST
    lookups: threading.BoundedSemaphore = LOOKUPS
    #: Called with the IP addresses of the host before one is connected to; may raise.
    before_connecting: Callable[[Collection[Address]], None] = lambda _: None


USUAL = Bounds()


@dataclass(frozen=True)
class _Target:
    """A web address, taken apart."""

    secure: bool
    host: str
    port: int
    path: str
    #: The host and port as the address has them.
    authority: str


def addresses_of(host: str) -> Collection[str]:
    """Return the addresses that the system's resolver knows for a host name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def ask(
    url: str,
    content_types: Collection[str],
    bounds: Bounds = USUAL,
    *,
    bearer: str = "",
    resolve: Resolver = addresses_of,
) -> Answer:
    """Fetch a client's address, as one of these content types (`application/*+json`).

    Sends no cookie and no credentials but `bearer`, a token that the receiver gave us; follows no
    redirect and uses no proxy of the environment.
    Ends after `bounds.seconds`, from the lookup of the host to the last byte. Raises OutboundError;
    UnwantedAnswerError, a subclass, is the server's own answer.
    """
    ends_at = time.monotonic() + bounds.seconds
    with _talking_to("GET", url, bounds, resolve, ends_at) as (connection, target, found):
        message = _get(target, content_types, _bearer(bearer))
        response = _answer(connection, message, ends_at, found)
        return Answer(_body(response, target, content_types, bounds.most), response.headers)


def ask_by_form(
    url: str,
    form: str,
    content_types: Collection[str],
    bounds: Bounds = USUAL,
    *,
    authorization: str = "",
    resolve: Resolver = addresses_of,
) -> Answer:
    """Post an encoded form and return the answer: success, or an error of 400 or 401 with a body.

    `authorization` is the header of this name. Otherwise as `ask`. RFC 6749 §5.2.
    """
    ends_at = time.monotonic() + bounds.seconds
    with _talking_to("POST", url, bounds, resolve, ends_at) as (connection, target, found):
        headers = (f"Authorization: {authorization}",) if authorization else ()
        accepts = f"Accept: {', '.join(content_types)}"
        message = _post(target, form, _FORM, accepts, *headers)
        response = _answer(connection, message, ends_at, found)
        body = _body(response, target, content_types, bounds.most, _WITH_ERRORS)
        return Answer(body, response.headers, response.status)


def post(
    url: str,
    body: str,
    *,
    content_type: str = _FORM,
    bearer: str = "",
    resolve: Resolver = addresses_of,
) -> int:
    """Post a text of ASCII, by default a form, and return the status of the response.

    The response is not read. As with `ask`, no redirect is followed, and no credentials are sent
    but `bearer`, a token that the receiver gave us. Raises OutboundError.
    """
    ends_at = time.monotonic() + SECONDS
    with _talking_to("POST", url, USUAL, resolve, ends_at) as (connection, target, found):
        message = _post(target, body, content_type, *_bearer(bearer))
        return int(_answer(connection, message, ends_at, found).status)


@contextmanager
def _talking_to(
    method: str, url: str, bounds: Bounds, resolve: Resolver, ends_at: float
) -> Iterator[tuple[socket.socket, _Target, traces.Attributes]]:
    """Connect to a client's address; every failure is raised as an OutboundError.

    It is traced, without the address's path and query, which may contain secrets.
    """
    with traces.span(method, "CLIENT") as found, _told_apart(url, bounds):
        target = _target(url)
        found["http.request.method"] = method
        found["server.address"], found["server.port"] = target.host, target.port
        looked_up = _looked_up(target.host, resolve, bounds.lookups, ends_at)
        addresses = [_checked(text, target) for text in looked_up]
        bounds.before_connecting(addresses)
        with _connected(target, addresses, ends_at) as connection:
            yield connection, target, found


@contextmanager
def _told_apart(url: str, bounds: Bounds) -> Iterator[None]:
    """Raise every failure as an OutboundError, with its reason."""
    try:
        yield
    except TimeoutError:
        raise TooSlowError(f"{url} did not answer within {bounds.seconds:.0f} seconds.") from None
    except ssl.SSLCertVerificationError as problem:
        words = problem.verify_message or "it is not for this host"
        raise OutboundError(f"The certificate of {url} is not trusted: {words}.") from None
    except (OSError, HTTPException, ValueError) as problem:
        raise OutboundError(f"{url} could not be fetched: {type(problem).__name__}.") from None


def problem_with(url: str) -> str | None:
    """Return why an address could never be fetched; None if it could be."""
    try:
        _target(url)
    except OutboundError as problem:
        return str(problem)
    return None


def _target(url: str) -> _Target:
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
    return _Target(secure, host, port, path, parts.netloc)


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


def host_of(url: str) -> str:
    """Return the host of an address that could be fetched. Raises OutboundError."""
    return _target(url).host


def _looked_up(
    host: str, resolve: Resolver, lookups: threading.BoundedSemaphore, ends_at: float
) -> list[str]:
    """Look the host up in a thread of its own, since the resolver may take longer than we wait."""
    if not lookups.acquire(blocking=False):
        raise TooManyLookupsError("Too many host names are being looked up just now.")
    found: Queue[list[str] | Exception] = Queue()

    def ask() -> None:
        try:
            found.put(list(resolve(host)))
        except (OSError, ValueError) as problem:  # a label that is too long is a ValueError
            found.put(problem)
        finally:
            lookups.release()

    threading.Thread(target=ask, daemon=True).start()
    try:
        addresses = found.get(timeout=_left(ends_at))
    except Empty:
        raise TimeoutError from None
    if isinstance(addresses, Exception) or not addresses:
        raise OutboundError(f"The host {host} is not known.")
    return addresses


def _checked(text: str, target: _Target) -> Address:
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


def _connected(target: _Target, addresses: list[Address], ends_at: float) -> socket.socket:
    """Connect to the first address that answers; the certificate has to be the host's."""
    problem: OSError = ConnectionError()
    for address in addresses:
        try:
            plain = socket.create_connection((str(address), target.port), timeout=_left(ends_at))
        except TimeoutError:
            raise
        except OSError as failed:
            problem = failed
            continue
        if not target.secure:
            return plain
        try:
            plain.settimeout(_left(ends_at))
            bundle = settings.IDP_OUTBOUND_CA_BUNDLE
            return _tls(bundle).wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
    raise problem


@cache
def _tls(bundle: str) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's authorities and the operator's."""
    context = ssl.create_default_context()
    if bundle:
        context.load_verify_locations(cafile=bundle)
    return context


class _Timed(io.RawIOBase):
    """A reader of a connection with a deadline, against slow drips."""

    def __init__(self, connection: socket.socket, ends_at: float) -> None:
        self._connection = connection
        self._ends_at = ends_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._ends_at))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return it as `HTTPResponse` wants to read it."""
        return io.BufferedReader(self)


def _get(target: _Target, content_types: Collection[str], headers: tuple[str, ...]) -> str:
    return _message("GET", target, f"Accept: {', '.join(content_types)}", *headers)


def _post(target: _Target, body: str, content_type: str, *headers: str) -> str:
    of_body = (f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
    return _message("POST", target, *of_body, *headers) + body


def _bearer(token: str) -> tuple[str, ...]:
    return (f"Authorization: Bearer {token}",) if token else ()


def _message(method: str, target: _Target, *headers: str) -> str:
    lines = (
        f"{method} {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        *headers,
        "Accept-Encoding: identity",
        "User-Agent: Signet",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", ""))


def _answer(
    connection: socket.socket, message: str, ends_at: float, found: traces.Attributes
) -> HTTPResponse:
    """Send a request, and return the response with its headers read."""
    connection.settimeout(_left(ends_at))
    connection.sendall(message.encode("ascii"))
    response = HTTPResponse(cast("socket.socket", _Timed(connection, ends_at)))
    response.begin()
    found["http.response.status_code"] = response.status
    return response


def _body(
    response: HTTPResponse,
    target: _Target,
    content_types: Collection[str],
    most: int,
    statuses: Collection[int] = (200,),
) -> bytes:
    _is_what_was_asked_for(response, target, content_types, statuses)
    body = response.read(most + 1)
    if len(body) > most:
        raise UnwantedAnswerError(f"What {target.authority} sent is larger than {most} bytes.")
    if response.length:
        raise OutboundError(f"What {target.authority} sent broke off.")
    return body


def _is_what_was_asked_for(
    response: HTTPResponse,
    target: _Target,
    content_types: Collection[str],
    statuses: Collection[int],
) -> None:
    host, status = target.authority, response.status
    if 300 <= status < 400:
        raise UnwantedAnswerError(f"{host} answered with a redirect, which is not followed.")
    if status not in statuses:
        kind_of_error = OutboundError if status in _IN_TROUBLE else UnwantedAnswerError
        raise kind_of_error(f"{host} answered with the status {status}.")
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise UnwantedAnswerError(f"What {host} sent is compressed.")
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not any(fnmatchcase(kind, wanted) for wanted in content_types):
        raise UnwantedAnswerError(f"What {host} sent has the content type {kind or 'of nothing'}.")


def _left(ends_at: float) -> float:
    """Return the seconds that are left. Raises TimeoutError where none are."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
