"""nginx in front of a server, as operators have it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONFIGURATION = """
daemon off;
master_process off;
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
  server {{
    listen 127.0.0.1:{port}{tls};
    {server}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, port: int, server: str, certificate: Path | None = None) -> Iterator[None]:
    """Run nginx with these directives of its one server, with TLS if it has a certificate."""
    tls = "" if certificate is None else " ssl"
    if certificate is not None:
        server = f"ssl_certificate {certificate}; ssl_certificate_key {certificate}; {server}"
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, port=port, tls=tls, server=server)
    )
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "nginx is missing; scripts/test installs it"
    process = subprocess.Popen([program, "-e", str(folder / "errors"), "-c", str(configuration)])
    try:
        _wait(port, folder)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _wait(port: int, folder: Path) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nginx did not start:\n{(folder / 'errors').read_text()}")
