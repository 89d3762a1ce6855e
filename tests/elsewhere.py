"""Web servers that are not ours, with certificates of a test authority: what we fetch from."""

import datetime
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = serialization.Encoding.PEM
_CLEAR = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Authority:
    """A certificate authority of its own, whose certificate is in a file."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name("Test authority")
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = (
            _builder(self.name, self.name, self.key.public_key())
            .add_extension(constraints, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(self.certificate.public_bytes(_PEM))

    def certify(self, *names: str) -> Path:
        """Return a file with a key and a certificate for these hosts."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(names[0]), self.name, key.public_key())
            .add_extension(x509.SubjectAlternativeName(list(map(_host, names))), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.directory / f"{names[0]}.pem"
        path.write_bytes(key.private_bytes(_PEM, *_CLEAR) + certificate.public_bytes(_PEM))
        return path


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


class Elsewhere:
    """A server on this machine that says what it is told to, and remembers what was asked."""

    def __init__(
        self, certificate: Path | None, host: str = "localhost", bind: str = "127.0.0.1"
    ) -> None:
        self.pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        #: What is said where there is no page.
        self.otherwise = answering(b"", status=404)
        #: The paths asked for, with the headers that came.
        self.asked: list[tuple[str, dict[str, str]]] = []
        #: The paths that forms were sent to, each with what was in it.
        self.posted: list[tuple[str, dict[str, str]]] = []
        elsewhere = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                elsewhere.asked.append((self.path, dict(self.headers)))
                self.close_connection = True
                with suppress(OSError):  # who asked has gone
                    elsewhere.pages.get(self.path, elsewhere.otherwise)(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                is_json = self.headers["Content-Type"] == "application/json"
                sent = json.loads(body) if is_json else dict(parse_qsl(body, strict_parsing=True))
                elsewhere.posted.append((self.path, sent))
                self.do_GET()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer((bind, 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        scheme = "http"
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        self.port = self.server.server_address[1]
        self.address = f"{scheme}://{host}:{self.port}"

    def says(
        self, path: str, body: bytes, content_type: str = "application/json", **headers: str
    ) -> str:
        """Say this at a path, and return its address."""
        self.pages[path] = answering(body, content_type, **headers)
        return self.address + path

    def forms(self, path: str) -> list[dict[str, str]]:
        """Return what was sent to a path."""
        return [form for posted, form in self.posted if posted == path]

    def times(self, path: str) -> int:
        """Return how often a path was asked for."""
        return sum(asked == path for asked, _headers in self.asked)


def answering(
    body: bytes, content_type: str = "application/json", status: int = 200, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what answers with this."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        sent = {"Content_Type": content_type, "Content_Length": str(len(body)), **headers}
        for name, value in sent.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer what was asked for without end, a byte at a time, so that no read is ever in vain."""
    handler.send_response(200)
    handler.send_header("Content-Type", handler.headers["Accept"].partition(",")[0])
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.1)


@contextmanager
def running(
    certificate: Path | None, host: str = "localhost", bind: str = "127.0.0.1"
) -> Iterator[Elsewhere]:
    """Run a server while the block lasts."""
    elsewhere = Elsewhere(certificate, host, bind)
    threading.Thread(target=elsewhere.server.serve_forever, daemon=True).start()
    try:
        yield elsewhere
    finally:
        elsewhere.server.shutdown()
        elsewhere.server.server_close()
