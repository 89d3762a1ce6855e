"""HTTP as the benchmark speaks it: prepared bytes out, whole answers in, little work of its own."""

import html
import re
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

#: The name that every provider is asked by, as a reverse proxy would.
HOST = "id.bench.example"
ORIGIN = f"https://{HOST}"
_PROXIED = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEADER = re.compile(r"\r\n([^:\r\n]+): *([^\r\n]*)")


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds."""

    status: int
    head: str
    body: bytes
    seconds: float

    def headers(self, name: str) -> list[str]:
        """Return the values of a header."""
        return [value for key, value in _HEADER.findall(self.head) if key.lower() == name]

    @property
    def location(self) -> str:
        """Where the answer redirects to."""
        return self.headers("location")[0]


def request(
    path: str,
    form: Mapping[str, str] | None = None,
    *,
    basic: tuple[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return a GET, or the POST of a form, as it goes over the wire."""
    body = "" if form is None else urlencode(form)
    fields = {**_PROXIED, **(headers or {})}
    if basic is not None:
        fields["Authorization"] = "Basic " + b64encode(":".join(basic).encode()).decode()
    if form is not None:
        fields |= {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
        }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{'GET' if form is None else 'POST'} {path} HTTP/1.1\r\n{lines}\r\n{body}".encode()


class Connection:
    """A connection that stays open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: bytes) -> Answer:
        """Send a request and wait for its answer, which has to say how long it is."""
        began = time.perf_counter()
        self._socket.sendall(message)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        length = _LENGTH.search(received, 0, end)
        if length is None:
            raise ValueError(f"an answer without Content-Length: {received[:300]!r}")
        body = received[end + 4 :]
        while len(body) < int(length[1]):
            body += self._more()
        seconds = time.perf_counter() - began
        return Answer(int(received[9:12]), received[:end].decode("latin-1"), body, seconds)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _more(self) -> bytes:
        received = self._socket.recv(65536)
        if not received:
            raise ConnectionError("the server closed the connection")
        return received


#: A request as bytes, or whatever takes several.
Task = bytes | Callable[[], Answer]


def send_all(port: int, tasks: Sequence[Task], connections: int = 4) -> list[Answer]:
    """Send the requests over some connections at once; the answers come in the same order."""
    answers: dict[int, Answer] = {}
    failures: list[BaseException] = []
    turn = count()

    def work() -> None:
        connection = Connection(port)
        try:
            while not failures and (index := next(turn)) < len(tasks):
                task = tasks[index]
                answers[index] = connection.send(task) if isinstance(task, bytes) else _timed(task)
        except BaseException as error:  # noqa: BLE001  a thread's failure is the run's
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return [answers[index] for index in range(len(tasks))]


def _timed(task: Callable[[], Answer]) -> Answer:
    """Return the last answer, with the seconds that everything before it took, too."""
    began = time.perf_counter()
    answer = task()
    return replace(answer, seconds=time.perf_counter() - began)


#: How a page of Signet goes on to the app by itself.
_REFRESH = re.compile(rb'<meta http-equiv="refresh" content="0;url=([^"]*)">')


def next_of(answer: Answer) -> str | None:
    """Return where a redirect or such a page leads, or None for any other answer."""
    if answer.status in {302, 303}:
        return answer.location
    found = _REFRESH.search(answer.body)
    return html.unescape(found[1].decode()) if found else None


class Browser:
    """Follows redirects within the provider and keeps its cookies."""

    def __init__(
        self, port: int, email: str = "ana@example.com", ip_address: str = "203.0.113.7"
    ) -> None:
        self.port = port
        #: Who signs in at it, and what the proxy says of where it is.
        self.email = email
        self.ip_address = ip_address
        self.cookies: dict[str, str] = {}

    def open(self, path: str, form: Mapping[str, str] | None = None) -> tuple[str, Answer]:
        """Go somewhere; return where that ended: a page, or an address outside of the provider."""
        while True:
            connection = Connection(self.port)
            answer = connection.send(self.request(path, form))
            connection.close()
            for cookie in answer.headers("set-cookie"):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.cookies[name] = value
            address = next_of(answer)
            if address is None:
                return path, answer
            target = urlsplit(address)
            if target.netloc not in {"", HOST}:
                return address, answer
            path, form = target._replace(scheme="", netloc="").geturl(), None

    def request(self, path: str, form: Mapping[str, str] | None = None) -> bytes:
        """Return the request that this browser would send."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        extra: dict[str, Any] = {"X-Forwarded-For": self.ip_address}
        if cookies:
            extra["Cookie"] = cookies
        if form is not None:
            extra["Origin"] = ORIGIN
        return request(path, form, headers=extra)
