"""Guarded outgoing requests: every fetch of an address that a client gave us goes through here.

A client's address must not reach our own network (SSRF; OIDC Core §6.2, RFC 7591 §5): its host is
looked up once, all its IP addresses have to be public (`targets`), and the connection goes to one
of them. `exchange` speaks HTTP there.
"""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPMessage
from queue import Empty, Queue

from django.conf import settings

from foundation import traces
from idp.outbound.errors import (
    OutboundError,
    TooManyLookupsError,
    TooSlowError,
    UnwantedAnswerError,
)
from idp.outbound.exchange import (
    answer_to,
    bearer_of,
    body_of,
    get_request,
    post_request,
    seconds_left,
)
from idp.outbound.targets import (
    LONGEST_ADDRESS,
    Address,
    Target,
    host_of,
    is_public,
    permitted,
    problem_with,
    target_of,
)

__all__ = [
    "LONGEST_ADDRESS",
    "Address",
    "Answer",
    "Bounds",
    "OutboundError",
    "Resolver",
    "TooManyLookupsError",
    "TooSlowError",
    "UnwantedAnswerError",
    "addresses_of",
    "ask",
    "ask_by_form",
    "host_of",
    "is_public",
    "post",
    "problem_with",
]

#: Seconds that one fetch may take, from looking up its host to its last byte.
SECONDS = 5.0
#: Bytes that it may bring.
MOST = 64 * 1024
#: Maximum concurrent lookups of host names. A resolver can hang for longer than we wait for it, and
#: its thread with it.
LOOKUPS = threading.BoundedSemaphore(32)

#: Returns the IP addresses of a host name; raises OSError if there are none.
Resolver = Callable[[str], Collection[str]]

#: Status codes of answers of a token endpoint that have a body to read (RFC 6749 §5).
_WITH_ERRORS = frozenset({200, 400, 401})
_FORM = "application/x-www-form-urlencoded"


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
        message = get_request(target, content_types, bearer_of(bearer))
        response = answer_to(connection, message, ends_at, found)
        return Answer(body_of(response, target, content_types, bounds.most), response.headers)


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
        message = post_request(target, form, _FORM, accepts, *headers)
        response = answer_to(connection, message, ends_at, found)
        body = body_of(response, target, content_types, bounds.most, _WITH_ERRORS)
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
        message = post_request(target, body, content_type, *bearer_of(bearer))
        return int(answer_to(connection, message, ends_at, found).status)


@contextmanager
def _talking_to(
    method: str, url: str, bounds: Bounds, resolve: Resolver, ends_at: float
) -> Iterator[tuple[socket.socket, Target, traces.Attributes]]:
    """Connect to a client's address; every failure is raised as an OutboundError.

    It is traced, without the address's path and query, which may contain secrets.
    """
    with traces.span(method, "CLIENT") as found, _told_apart(url, bounds):
        target = target_of(url)
        found["http.request.method"] = method
        found["server.address"], found["server.port"] = target.host, target.port
        looked_up = _looked_up(target.host, resolve, bounds.lookups, ends_at)
        addresses = [permitted(text, target) for text in looked_up]
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
        addresses = found.get(timeout=seconds_left(ends_at))
    except Empty:
        raise TimeoutError from None
    if isinstance(addresses, Exception) or not addresses:
        raise OutboundError(f"The host {host} is not known.")
    return addresses


def _connected(target: Target, addresses: list[Address], ends_at: float) -> socket.socket:
    """Connect to the first address that answers; the certificate has to be the host's."""
    problem: OSError = ConnectionError()
    for address in addresses:
        try:
            plain = socket.create_connection(
                (str(address), target.port), timeout=seconds_left(ends_at)
            )
        except TimeoutError:
            raise
        except OSError as failed:
            problem = failed
            continue
        if not target.secure:
            return plain
        try:
            plain.settimeout(seconds_left(ends_at))
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
