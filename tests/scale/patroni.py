"""Two PostgreSQL servers that Patroni manages by etcd, the second a synchronous standby, behind
HAProxy, which leads to the primary.

As docs/operators/high-availability.md has it, in small.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.outages import fill, listens, postgresql_program
from tests.ports import free_port
from tests.scale.load import DECLARED

#: Seconds after which a primary that is gone loses its lock: Patroni's least.
TTL = 20
_CONFIGURATION = """
scope: signet
name: {name}
restapi: {{listen: "127.0.0.1:{api}", connect_address: "127.0.0.1:{api}"}}
etcd3: {{host: "127.0.0.1:{etcd}"}}
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: 3
    retry_timeout: 5
    synchronous_mode: true
    postgresql: {{use_pg_rewind: true}}
  initdb: [encoding: UTF8, locale: C.UTF-8, auth: trust]
  pg_hba: [host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {folder}/{name}
  bin_dir: {programs}
  pgpass: {folder}/{name}.pgpass
  authentication:
    superuser: {{username: signet, password: signet}}
    replication: {{username: replicator, password: signet}}
  parameters: {{unix_socket_directories: "", fsync: "off", wal_log_hints: "on"}}
"""
_HAPROXY = """
global
  maxconn 500
defaults
  mode tcp
  timeout connect 3s
  timeout client 1h
  timeout server 1h
listen postgresql
  bind 127.0.0.1:{port}
  option httpchk OPTIONS /primary
  default-server inter 1s fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


class Node:
    """A PostgreSQL server and its Patroni."""

    def __init__(self, name: str, folder: Path, etcd: int) -> None:
        self.name, self.folder = name, folder
        self.port, self.api = free_port(), free_port()
        self.configuration = folder / f"{name}.yaml"
        self.configuration.write_text(
            _CONFIGURATION.format(
                name=name,
                folder=folder,
                etcd=etcd,
                port=self.port,
                api=self.api,
                ttl=TTL,
                programs=Path(postgresql_program("pg_controldata")).resolve().parent,
            )
        )
        self.start()

    def start(self) -> None:
        self.process = _run(self.folder, "patroni", str(self.configuration))

    def is_(self, role: str) -> bool:
        """Whether Patroni says so: `primary`, or `sync`, a synchronous standby."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.api}/{role}").status_code == 200
        return False

    def kill(self) -> None:
        """Let the machine go out: neither PostgreSQL nor Patroni says anything any more."""
        postmaster = int((self.folder / self.name / "postmaster.pid").read_text().split()[0])
        self.process.kill()
        os.kill(postmaster, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Stop both."""
        self.process.terminate()
        self.process.wait(30)


class Managed:
    """The two nodes, and the address that leads to the primary."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        etcd, peers = free_port(), free_port()
        own, peer = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peers}"
        clients = [f"--listen-client-urls={own}", f"--advertise-client-urls={own}"]
        members = [f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}"]
        listening = [f"--listen-peer-urls={peer}", f"--data-dir={folder}/etcd"]
        self._others = [_run(folder, "etcd", *clients, *members, *listening)]
        self.nodes: list[Node] = []
        try:
            _until(lambda: listens(etcd))
            self.nodes.append(Node("a", folder, etcd))
            _until(lambda: self.nodes[0].is_("primary"))
            self.nodes.append(Node("b", folder, etcd))
            self.port = self._proxy()
            self.url = f"postgres://signet@127.0.0.1:{self.port}/postgres"
            _until(lambda: self.nodes[1].is_("sync"))
            _until(lambda: listens(self.port))
        except BaseException:
            self.stop()
            raise

    @property
    def primary(self) -> Node:
        """The node that is the primary now, when there is one."""
        _until(lambda: any(node.is_("primary") for node in self.nodes))
        return next(node for node in self.nodes if node.is_("primary"))

    def switch_over(self) -> None:
        """Let the standby become the primary, as for maintenance; return when it is followed."""
        before = self.primary
        other = next(node for node in self.nodes if node is not before)
        command = ["patronictl", "-c", str(before.configuration), "switchover", "--force"]
        command += ["--master", before.name, "--candidate", other.name, "signet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        _until(lambda: other.is_("primary"))

    def wait_for_standby(self) -> None:
        """Wait until the other node is a synchronous standby (again)."""
        _until(lambda: any(node.is_("sync") for node in self.nodes))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        for process in self._others:
            process.terminate()
            process.wait(10)

    def _proxy(self) -> int:
        port = free_port()
        servers = "".join(
            f"  server {node.name} 127.0.0.1:{node.port} check port {node.api}\n"
            for node in self.nodes
        )
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(_HAPROXY.format(port=port, servers=servers))
        self._others.append(_run(self.folder, "haproxy", "-db", "-f", str(configuration)))
        return port


def _run(folder: Path, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
    """Run a program as the user that PostgreSQL demands."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    assert path, f"{program} is missing; scripts/test installs it"
    user = "postgres" if os.getuid() == 0 else None
    with (folder / f"{program}.log").open("ab") as log:
        return subprocess.Popen(
            [path, *arguments], stdout=log, stderr=log, cwd=folder, user=user, group=user
        )


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


@contextmanager
def managed() -> Iterator[Managed]:
    """Run the two nodes, with the tables and users of a load."""
    with TemporaryDirectory(prefix="signet-patroni-") as directory:
        if os.getuid() == 0:
            shutil.chown(directory, "postgres")
        running = Managed(Path(directory))
        try:
            fill(running.url, DECLARED)
            yield running
        finally:
            running.stop()
