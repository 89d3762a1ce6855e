"""Single-page apps: pages and a library, at another port of our own site."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class SinglePageApp:
    """An app that runs."""

    url: str
    #: Its pages, by the beginning of their paths; the first that fits is served.
    pages: dict[str, str] = field(default_factory=dict)


@contextmanager
def single_page_app(library: Path) -> Iterator[SinglePageApp]:
    """Serve an app and, under the name of its file, the library that it uses."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = "text/javascript", library.read_bytes()
            if self.path != f"/{library.name}":
                kind = "text/html; charset=utf-8"
                pages = app.pages.items()
                body = next(page for path, page in pages if self.path.startswith(path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    app = SinglePageApp(f"http://localhost:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield app
    server.shutdown()
    server.server_close()
