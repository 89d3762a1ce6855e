"""Several processes of `serve` behind nginx, as deploy/nginx/signet.conf has it, and a worker."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT, Server
from tests.ports import free_port
from tests.reverse_proxy import Nginx, running_nginx

CONFIGURATION = (ROOT / "deploy/nginx/signet.conf").read_text()
#: The example's lines about TLS and plain HTTP: tests speak HTTP with nginx.
_TLS = re.compile(
    r"^server \{\n    listen 80;.*?^\}\n|^ +ssl_.*?\n|^ +listen \[.*?\n", re.MULTILINE | re.DOTALL
)


class Site:
    """The processes and their addresses."""

    def __init__(self, folder: Path, number: int, root: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.port = free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.ports = [free_port() for _ in range(number)]
        self._logs = 0
        self.nginx: Nginx
        self.servers = [self._server(port, root) for port in self.ports]
        self.worker = self._worker(root)
        for server in self.servers:
            server.wait()

    def configuration(self, *drained: int) -> str:
        """Return the example for these processes; to those drained go no new requests."""
        servers = "".join(
            f"server 127.0.0.1:{port} fail_timeout=2s{' down' if number in drained else ''};\n"
            for number, port in enumerate(self.ports)
        )
        replaced = _TLS.sub("", CONFIGURATION)
        for example, here in (
            ("server 127.0.0.1:8000 fail_timeout=2s;", servers),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port};"),
            ("server_name id.example.com;", "server_name localhost;"),
            ("Host $host;", "Host $host:$server_port;"),  # the port of this machine's
        ):
            assert example in replaced, example
            replaced = replaced.replace(example, here)
        return replaced

    def balance(self, drained: int | None = None) -> None:
        """Let nginx send no new requests to one, or to all; return when it does."""
        numbers = () if drained is None else (drained,)
        self.nginx.configure(self.configuration(*numbers))

    def start(self, number: int, root: Path = ROOT) -> None:
        """Start one again, as systemd does, and wait until it is ready."""
        self.servers[number] = self._server(self.ports[number], root)
        self.servers[number].wait()

    def start_worker(self, root: Path = ROOT) -> None:
        self.worker = self._worker(root)

    def stop(self) -> None:
        for process in (self.worker, *(server.process for server in self.servers)):
            process.terminate()
        for server in self.servers:
            server.stop()
        self.worker.wait(30)

    def _server(self, port: int, root: Path) -> Server:
        self._logs += 1
        server = Server(
            self.issuer,
            self.folder / f"log-{self._logs}",
            *("--bind", f"127.0.0.1:{port}", "--threads", "4"),
            root=root,
            **self.environment,
        )
        server.issuer = f"http://127.0.0.1:{port}"  # where it answers without nginx
        return server

    def _worker(self, root: Path) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "SIGNET_TEST_SERVER": "1",
            "IDP_ISSUER": self.issuer,
            **self.environment,
        }
        command = [sys.executable, "manage.py", "worker"]
        with (self.folder / "worker-log").open("ab") as log:
            return subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)


@contextmanager
def running_site(
    folder: Path, number: int = 2, root: Path = ROOT, **environment: str
) -> Iterator[Site]:
    """Run a site. Its load comes through another proxy, which names the users' addresses."""
    running = Site(folder, number, root, {"IDP_TRUSTED_PROXY_COUNT": "2", **environment})
    try:
        with running_nginx(folder, running.port, running.configuration()) as running.nginx:
            yield running
    finally:
        running.stop()
