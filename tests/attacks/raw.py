"""Requests byte by byte, as no sound client would send them."""

import socket
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlsplit

from tests.relying_party import ISSUER

FORM = "application/x-www-form-urlencoded"
#: No input may keep us longer, in seconds.
PATIENCE = 5.0


@dataclass
class Reply:
    """An answer and the seconds it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


def send(
    method: str,
    target: bytes | str,
    body: bytes = b"",
    headers: dict[str, bytes | str] | None = None,
) -> Reply:
    """Send exactly these bytes and return what comes back."""
    address = urlsplit(ISSUER)
    given = {"Host": address.netloc, "Connection": "close", **(headers or {})}
    if body or method == "POST":
        given.setdefault("Content-Length", str(len(body)))
    lines = [b" ".join([method.encode(), _bytes(target), b"HTTP/1.1"])]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in given.items()]
    started = time.monotonic()
    with socket.create_connection((address.hostname or "", address.port or 80), 30) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", b""]) + body)
        response = HTTPResponse(connection, method=method)
        response.begin()
        content = response.read()
    return Reply(response.status, dict(response.getheaders()), content, time.monotonic() - started)


def post(target: bytes | str, body: bytes | str, **headers: bytes | str) -> Reply:
    """Send a form."""
    return send("POST", target, _bytes(body), {"Content-Type": FORM, **headers})


def problem_with(reply: Reply) -> str | None:
    """Return what is wrong with an answer, or None for one that was meant and came in time."""
    if reply.status >= 500:
        return f"status {reply.status}"
    if b"Traceback" in reply.body:
        return "traces of code"
    return f"after {reply.seconds:.1f} s" if reply.seconds > PATIENCE else None


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
