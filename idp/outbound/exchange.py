"""One HTTP request and its response, on a connection with a deadline. RFC 9112."""

import io
import socket
import time
from collections.abc import Collection
from fnmatch import fnmatchcase
from http.client import HTTPResponse
from typing import Any, cast

from foundation import traces
from idp.outbound.errors import OutboundError, UnwantedAnswerError
from idp.outbound.targets import Target

#: Status codes of a temporary failure (RFC 9110 §15.6, RFC 6585 §4).
_IN_TROUBLE = frozenset({429, *range(500, 600)})


def get_request(target: Target, content_types: Collection[str], headers: tuple[str, ...]) -> str:
    """Return a GET request for one of these content types."""
    return _message("GET", target, f"Accept: {', '.join(content_types)}", *headers)


def post_request(target: Target, body: str, content_type: str, *headers: str) -> str:
    """Return a POST request of a text of ASCII."""
    of_body = (f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
    return _message("POST", target, *of_body, *headers) + body


def bearer_of(token: str) -> tuple[str, ...]:
    """Return the headers with a bearer token; none for an empty one."""
    return (f"Authorization: Bearer {token}",) if token else ()


def _message(method: str, target: Target, *headers: str) -> str:
    lines = (
        f"{method} {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        *headers,
        "Accept-Encoding: identity",
        "User-Agent: Signet",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", ""))


def answer_to(
    connection: socket.socket, message: str, ends_at: float, found: traces.Attributes
) -> HTTPResponse:
    """Send a request, and return the response with its headers read."""
    connection.settimeout(seconds_left(ends_at))
    connection.sendall(message.encode("ascii"))
    response = HTTPResponse(cast("socket.socket", _Timed(connection, ends_at)))
    response.begin()
    found["http.response.status_code"] = response.status
    return response


def body_of(
    response: HTTPResponse,
    target: Target,
    content_types: Collection[str],
    most: int,
    statuses: Collection[int] = (200,),
) -> bytes:
    """Return the body of a response. Raises OutboundError for what was not asked for."""
    _is_what_was_asked_for(response, target, content_types, statuses)
    body = response.read(most + 1)
    if len(body) > most:
        raise UnwantedAnswerError(f"What {target.authority} sent is larger than {most} bytes.")
    if response.length:
        raise OutboundError(f"What {target.authority} sent broke off.")
    return body


def _is_what_was_asked_for(
    response: HTTPResponse,
    target: Target,
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


class _Timed(io.RawIOBase):
    """A reader of a connection with a deadline, against slow drips."""

    def __init__(self, connection: socket.socket, ends_at: float) -> None:
        self._connection = connection
        self._ends_at = ends_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(seconds_left(self._ends_at))
        return self._connection.recv_into(buffer)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return it as `HTTPResponse` wants to read it."""
        return io.BufferedReader(self)


def seconds_left(ends_at: float) -> float:
    """Return the seconds that are left. Raises TimeoutError where none are."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
