"""nginx in front of a server, as operators have it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Server
from tests.elsewhere import Authority
from tests.ports import free_port

_CONFIGURATION = """
daemon off;
worker_processes 1;
{user}
pid {folder}/pid;
error_log {folder}/errors;
events {{ }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  {servers}
}}
"""
#: Whose files are read and written: this user's.
_USER = "user root;" if os.getuid() == 0 else ""
_SERVER = """
  server {{
    listen 127.0.0.1:{port}{tls};
    {directives}
  }}
"""


@contextmanager
def nginx(folder: Path, port: int, server: str, certificate: Path | None = None) -> Iterator[None]:
    """Run nginx with these directives of its one server, with TLS if it has a certificate."""
    tls = "" if certificate is None else " ssl"
    if certificate is not None:
        server = f"ssl_certificate {certificate}; ssl_certificate_key {certificate}; {server}"
    with running_nginx(folder, port, _SERVER.format(port=port, tls=tls, directives=server)):
        yield


class Nginx:
    """A running nginx."""

    def __init__(self, folder: Path, servers: str) -> None:
        self._folder = folder
        self._write(servers)
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "nginx is missing; scripts/test installs it"
        command = [program, "-e", str(folder / "errors"), "-c", str(folder / "nginx.conf")]
        self._process = subprocess.Popen(command)

    def configure(self, servers: str) -> None:
        """Let it have these servers from now on, and finish what it does for the others."""
        self._write(servers)
        self._process.send_signal(signal.SIGHUP)
        time.sleep(1)

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(10)

    def _write(self, servers: str) -> None:
        configuration = _CONFIGURATION.format(folder=self._folder, servers=servers, user=_USER)
        (self._folder / "nginx.conf").write_text(configuration)


@contextmanager
def running_nginx(folder: Path, port: int, servers: str) -> Iterator[Nginx]:
    """Run nginx with these servers, one of which listens at this port."""
    nginx = Nginx(folder, servers)
    try:
        _wait(port, folder)
        yield nginx
    finally:
        nginx.stop()


#: What a proxy tells the provider of the request, as docs/operators/reverse-proxy.md has it.
_HEADERS = """
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
"""


@dataclass
class Provider:
    """A provider at https://localhost:…, and who certifies it."""

    issuer: str
    authority: Path


@contextmanager
def provider_behind_nginx(folder: Path, locations: str, path: str = "") -> Iterator[Provider]:
    """Run a provider whose issuer has this path, and nginx with TLS in front of it.

    `locations` are nginx's, with `%(port)s` for the provider's port.
    """
    port, behind = free_port(), free_port()
    authority = Authority(folder)
    issuer = f"https://localhost:{port}{path}"
    server = Server(issuer, folder / "log", "--bind", f"127.0.0.1:{behind}")
    server.issuer = f"http://127.0.0.1:{behind}"  # where it answers without nginx
    server.wait()
    directives = _HEADERS + locations % {"port": behind}
    with nginx(folder, port, directives, authority.certify("localhost")):
        yield Provider(issuer, authority.file)
    server.stop()


def _wait(port: int, folder: Path) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nginx did not start:\n{(folder / 'errors').read_text()}")
