"""`manage.py worker` and `serve --with-worker`, as processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from django.utils import timezone

from idp.logout import backchannel
from idp.models import Client, Delivery, Interaction
from tests.conftest import ROOT, Server, database_url
from tests.elsewhere import Elsewhere
from tests.ports import free_port
from tests.relying_party import make_client, unique


def soon(condition: Callable[[], bool], within: float = 30) -> None:
    """Wait until the condition holds, at most so many seconds."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def workers_of(server: Server) -> list[int]:
    return [
        pid
        for pid, command in children_of(server.process.pid).items()
        if "manage.py worker" in command
    ]


def start(*arguments: str, **more: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SIGNET_TEST_SERVER": "1",
        "DATABASE_URL": database_url(),
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "worker", *arguments],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_a_worker_that_is_killed_in_mid_delivery_loses_nothing(foreign_site: Elsewhere) -> None:
    path, begun = f"/{unique('told')}", Event()

    def hang(_handler: object) -> None:
        begun.set()
        time.sleep(4)

    foreign_site.pages[path] = hang
    client_id = make_client(backchannel_logout_uri=foreign_site.address + path).client_id
    delivery = backchannel.plan_test(Client.objects.get(client_id=client_id))
    killed = start()
    assert begun.wait(30)
    killed.kill()
    killed.wait()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (Delivery.State.WAITING, 1)
    foreign_site.says(path, b"")
    start("--once").wait(30)
    assert len(foreign_site.forms(path)) == 1, "its minute is not over"
    Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now())
    start("--once").wait(30)
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.DELIVERED
    assert len(foreign_site.forms(path)) == 2


@pytest.fixture
def over() -> Callable[[], bool]:
    """Leave something to do; the function says whether it has been done."""
    row = Interaction.objects.create(
        client=Client.objects.get(client_id=make_client().client_id),
        parameters={},
        arrived_at=timezone.now() - timedelta(days=9),
    )
    return lambda: not Interaction.objects.filter(pk=row.pk).exists()


def test_once_is_once(over: Callable[[], bool]) -> None:
    worker = start("--once")
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, output
    assert over()
    assert "interactions" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_works_until_told_to_stop(over: Callable[[], bool], number: int) -> None:
    worker = start()
    try:
        soon(over)
        assert worker.poll() is None
        worker.send_signal(number)
        output, _ = worker.communicate(timeout=10)
        assert worker.returncode == 0, output
        assert "Traceback" not in output
    finally:
        worker.kill()


def children_of(pid: int) -> dict[int, str]:
    """Return the child processes with their command lines."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    lines = [line.split(maxsplit=1) for line in listed.stdout.splitlines()]
    return {int(child): arguments for child, arguments in lines}


def test_serving_with_a_worker_starts_it_and_stops_it(
    over: Callable[[], bool], tmp_path: Path
) -> None:
    issuer = f"http://localhost:{free_port()}"
    server = Server(issuer, tmp_path / "log", "--with-worker")
    try:
        server.wait()
        soon(over)
        [killed] = workers_of(server)
        os.kill(killed, signal.SIGKILL)
        soon(lambda: bool(set(workers_of(server)) - {killed}))
        [worker] = workers_of(server)
    finally:
        server.stop()
    assert not Path(f"/proc/{worker}").exists()
    assert "Traceback" not in server.log.read_text()
