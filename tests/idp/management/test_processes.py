"""The processes of `manage.py serve`: what becomes of them when one of them is killed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from accounts.models import User
from tests.conftest import ROOT, Server
from tests.idp.management.test_worker import children_of, soon, workers_of
from tests.ports import free_port
from tests.relying_party import Browser, forms_of, make_user

pytestmark = pytest.mark.once
Serve = Callable[..., Server]


@pytest.fixture
def serve(database: None, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers at one address."""
    issuer = f"http://localhost:{free_port()}"
    servers: list[Server] = []

    def start(*arguments: str) -> Server:
        servers.append(Server(issuer, tmp_path / f"log{len(servers)}", *arguments))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def refusal(server: Server) -> str:
    assert server.process.wait(30) == 1
    return server.log.read_text()


def request_processes(server: Server) -> list[int]:
    return [pid for pid, line in children_of(server.process.pid).items() if "serve" in line]


def is_gone(pid: int) -> bool:
    """Whether a process is no more, or has no parent left that asks how it ended."""
    with suppress(FileNotFoundError):
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    return True


def kill_alone(server: Server) -> list[int]:
    """Kill the main process, and return the others."""
    left = list(children_of(server.process.pid))
    server.process.kill()
    server.process.wait()
    return left


def test_a_port_that_another_server_has_is_refused(serve: Serve) -> None:
    first = serve()
    first.wait()
    assert "Address already in use" in refusal(serve("--with-worker"))
    assert httpx.get(f"{first.issuer}/healthz").status_code == 200


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_a_port_that_another_program_has_is_refused(serve: Serve, option: int) -> None:
    server = serve()
    server.stop()
    with socket.socket() as another:
        another.setsockopt(socket.SOL_SOCKET, option, 1)
        another.bind(("127.0.0.1", httpx.URL(server.issuer).port))
        another.listen()
        assert "Address already in use" in refusal(serve())


def test_two_that_start_at_once_do_not_share_a_port(serve: Serve) -> None:
    both = [serve(), serve()]
    soon(lambda: any(server.process.poll() is not None for server in both))
    [left] = [server for server in both if server.process.poll() is None]
    left.wait()


def test_nothing_outlives_the_main_process(serve: Serve) -> None:
    server = serve("--workers", "2", "--with-worker")
    server.wait()
    left = kill_alone(server)
    assert len(left) == 3
    soon(lambda: all(map(is_gone, left)))
    again = serve("--with-worker")
    again.wait()
    assert len(workers_of(again)) == 1


def test_what_orphans_had_open_does_not_break_the_next_servers_writes(serve: Serve) -> None:
    user = make_user()
    for _ in range(2):
        server = serve("--workers", "2")
        server.wait()
        kill_alone(server)
    soon(lambda: _is_free(httpx.URL(server.issuer).port or 0))
    server = serve("--workers", "2")
    server.wait()
    User.objects.filter(email=user.email).update(name="Somebody")  # by this process, meanwhile
    for _ in range(4):
        with Browser() as browser:
            page = browser.get(f"{server.issuer}/account/login/")
            form = next(form for form in forms_of(page) if "password" in form.fields)
            typed = {"login": user.email, "password": user.password}
            answer = browser.post(
                str(page.url), data={**form.fields, **typed}, headers={"Origin": server.issuer}
            )
            assert answer.status_code == 302, answer.text
    assert "disk I/O error" not in server.log.read_text()


def _is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_a_process_that_dies_again_and_again_takes_nobody_along(serve: Serve) -> None:
    server = serve("--workers", "2", "--with-worker")
    server.wait()
    soon(lambda: len(request_processes(server)) == 2)
    healthy, unlucky = request_processes(server)
    [worker] = workers_of(server)
    for _ in range(3):
        os.kill(unlucky, signal.SIGKILL)
        soon(lambda dead=unlucky: {healthy, dead} != set(request_processes(server)) >= {healthy})
        soon(lambda: len(request_processes(server)) == 2)
        [unlucky] = set(request_processes(server)) - {healthy}
        assert httpx.get(f"{server.issuer}/healthz").status_code == 200
    assert server.process.poll() is None
    assert workers_of(server) == [worker]
    assert "process_pauses" in server.log.read_text()
    started = server.log.read_text().count("Started worker-2")
    soon(lambda: server.log.read_text().count("Started worker-2") > started)


def test_a_server_that_is_stopped_while_it_starts_stops(serve: Serve) -> None:
    server = serve("--workers", "2")
    soon(lambda: bool(request_processes(server)))
    server.process.terminate()
    server.process.wait(60)
    # Else granian kills its processes after 15 seconds, and says so.
    assert "refused to gracefully stop" not in server.log.read_text()


#: Forks a process that is slow to begin, while its parent has a handler, and sends it a signal.
FORKS = """
import os, signal, time
import django
django.setup()
from idp.management.processes import stop_at_once_after_forks

os.register_at_fork(after_in_child=lambda: time.sleep(0.5))
stop_at_once_after_forks()
signal.signal(signal.SIGTERM, lambda *_: None)
forked = os.fork()
if not forked:
    time.sleep(30)
    os._exit(0)
os.kill(forked, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]))
"""


def test_a_process_that_has_hardly_begun_heeds_the_signal() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FORKS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) == -signal.SIGTERM
