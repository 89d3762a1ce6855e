"""Request bodies, read before a request is answered. RFC 9110 §15.5.14, RFC 9112 §9.6.

A server that answers and closes while a body is still arriving resets the connection, and a
reverse proxy then reports 502 instead of passing the answer on.
"""

import io
import time
from typing import Any, Final

#: The key of the WSGI environment for the problem of a body: too large, or interrupted.
BODY_PROBLEM: Final = "signet.body_problem"
TOO_LARGE: Final = "too large"
BROKEN_OFF: Final = "broken off"

_CHUNK = 64 * 1024
#: How much of a too large body is read and discarded, in bytes, and for how long, in seconds. After
#: that the connection is closed.
_DISCARDED = 16 * 1024 * 1024
_DISCARDING_SECONDS = 5.0


def read_body(environ: dict[str, Any], limit: int) -> None:
    """Read a body of at most `limit` bytes into memory; for any other, set BODY_PROBLEM.

    A body without Content-Length (chunked, HTTP/2) has one afterwards: Django reads no other.
    """
    length, stream = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
    announced = int(length) if length.isascii() and length.isdigit() else None
    body, problem = b"", TOO_LARGE
    if length and announced is None:
        problem = BROKEN_OFF
    elif announced is None or announced <= limit:
        body, problem = _read(stream, limit, announced)
    elif environ.get("HTTP_EXPECT", "").lower() != "100-continue":
        _discard(
            stream
        )  # a client that waits for 100 Continue has sent nothing yet (RFC 9110 §10.1.1)
    if problem:
        environ[BODY_PROBLEM] = problem
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _read(stream: Any, limit: int, announced: int | None) -> tuple[bytes, str]:
    """Return the body and its problem, if any."""
    chunks, length = [], 0
    while chunk := stream.read(_CHUNK):
        chunks.append(chunk)
        length += len(chunk)
        if length > limit:
            _discard(stream)
            return b"", TOO_LARGE
    if announced is not None and length != announced:
        return b"", BROKEN_OFF
    return b"".join(chunks), ""


def _discard(stream: Any) -> None:
    """Read on for a while, so that the sender can finish and read the answer."""
    until = time.monotonic() + _DISCARDING_SECONDS
    left = _DISCARDED
    while left > 0 and time.monotonic() < until and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
