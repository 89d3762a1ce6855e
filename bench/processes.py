"""Processes: pinned to a core, watched for the processor time of all their children."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
#: Servers and their database share one core; what loads them has the others.
SERVER_CORE, LOAD_CORES = CORES[0], CORES[1:] or CORES


class Process:
    """A server, with whatever it starts."""

    def __init__(
        self, command: list[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *command],
                env={**os.environ, **environment},
                stdout=output,
                stderr=output,
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.environment = environment
        self._log = log

    def wait_for_port(self, port: int) -> None:
        """Return once it listens; raise RuntimeError if it ends before, or takes too long."""
        for _ in range(300):
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"it did not start:\n{self._log.read_text()[-3000:]}")

    def stop(self) -> None:
        """End it and wait."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process and all its children have had so far.

    The scheduler counts it to the nanosecond, but for threads that live; a process's own count, in
    ticks, has those that ended as well.
    """
    total = 0.0
    for member in _tree(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            threads = list(Path(f"/proc/{member}/task").glob("*/schedstat"))
            exact = sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
        except FileNotFoundError:
            continue
        user, system, *of_children = map(int, fields[11:15])
        total += max(exact, (user + system) / _TICKS) + sum(of_children) / _TICKS
    return total


def memory_mib(pid: int) -> float:
    """Return the memory of a process's largest child alone, in MiB: its proportional share."""
    sizes = [0]
    for member in _tree(pid):
        try:
            text = Path(f"/proc/{member}/smaps_rollup").read_text()
        except (FileNotFoundError, PermissionError):
            continue
        sizes.append(int(next(line for line in text.splitlines() if "Pss:" in line).split()[1]))
    return max(sizes) / 1024


def _tree(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = [
            child
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return
    for child in children:
        yield from _tree(int(child))


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A PostgreSQL of our own, with its defaults."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._data = directory / "postgres"
        self._data.mkdir()
        directory.chmod(0o755)
        self._as_owner = []
        if os.getuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(self._data, "postgres")
            self._as_owner = ["runuser", "-u", "postgres", "--"]
        self._run("initdb", "-D", self._data, "-U", "bench", "--auth", "trust", "--encoding=UTF8")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        log = self._data / "log"
        pinned = ["taskset", "-c", str(SERVER_CORE)]
        self._run(*pinned, "pg_ctl", "-D", self._data, "-l", log, "-w", "-o", options, "start")
        self.pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def create(self, name: str, template: str = "template1") -> str:
        """Make a database and return its address."""
        arguments = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-T", template, name]
        subprocess.run(["createdb", *arguments], check=True)
        return f"postgres://bench@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """End it."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def _run(self, *command: object) -> None:
        subprocess.run(
            [*self._as_owner, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd="/"
        )


@contextmanager
def postgres(directory: Path) -> Iterator[Postgres]:
    """Run a PostgreSQL for a while."""
    server = Postgres(directory)
    try:
        yield server
    finally:
        server.stop()
