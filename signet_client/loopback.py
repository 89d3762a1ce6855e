"""Takes the browser back from the issuer, at a port of this machine. RFC 8252 §7.3, §8.3."""

import queue
import time
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from signet_client.problems import Problem, printable

PATH = "/callback"
#: The redirect URI as it is registered: any port may come. RFC 8252 §7.3.
REGISTERED = f"http://127.0.0.1{PATH}"
#: Seconds in which a user has to sign in.
PATIENCE = 600

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


def _page(title: str, text: str) -> str:
    """Return a page that says something, which may be the issuer's words."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1><p>{escape(text)}</p></main></body></html>"
    )


class Loopback:
    """Listens at a port of this machine for the answer to one authorization request."""

    def __init__(self, state: str) -> None:
        self._server = _Server(state)

    @property
    def redirect_uri(self) -> str:
        """Return the address at which it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{PATH}"

    def __enter__(self) -> "Loopback":
        Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self) -> dict[str, str]:
        """Return the parameters of the answer, once it comes. Raises Problem after PATIENCE."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                return self._server.answers.get(timeout=1)  # a short wait ends at Ctrl-C everywhere
            except queue.Empty:
                continue
        raise Problem(f"Nobody signed in within {PATIENCE // 60} minutes.")


class _Server(ThreadingHTTPServer):
    """A server of this machine alone. Threads: browsers connect ahead, and then send nothing."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, state: str) -> None:
        self.state = state
        self.answers: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without a look at DNS for a name of this machine, which can take seconds."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """Pass over browsers that go away in the middle."""


class _Handler(BaseHTTPRequestHandler):
    """Takes the answer that has our state; whatever else is sent here, it changes nothing."""

    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        """Keep the answer, and tell the user to go on in the terminal."""
        parts = urlsplit(self.path)
        sent = parse_qsl(parts.query, keep_blank_values=True)
        repeated = [name for name, times in Counter(name for name, _ in sent).items() if times > 1]
        came = dict(sent)
        if parts.path != PATH or repeated or came.get("state") != self.server.state:
            self._say(404, "Nothing to see here", "This is not the sign-in that was begun.")
            return
        try:
            if "error" in came:
                why = printable(came.get("error_description") or came["error"])
                self._say(200, "You are not signed in", f"{why} Go back to the terminal.")
            else:
                self._say(200, "Go back to the terminal", "You can close this page.")
        finally:  # last, since the program may end then
            self.server.answers.put(came)

    def _say(self, status: int, title: str, text: str) -> None:
        body = _page(title, text).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing: addresses have codes in them."""
