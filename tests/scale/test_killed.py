"""Processes of Signet are killed under load: others answer, and nothing acknowledged is lost."""

import os
import signal
import time

from tests.conftest import Server
from tests.idp.management.test_worker import children_of
from tests.scale.load import load, report, whole
from tests.scale.site import Site

#: Seconds within which errors stop, as docs/operators/high-availability.md says.
ERRORS_STOP_WITHIN = 1


def child_of(server: Server) -> int:
    """Return the process that serves requests, a child of `serve`."""
    return next(
        pid for pid, command in children_of(server.process.pid).items() if "serve" in command
    )


def test_a_killed_process_costs_the_requests_that_it_was_working_on(site: Site) -> None:
    with load(site.issuer) as running:
        before = running.go_on(5)
        for kill in (_kill_child, _kill_all_of_a_machine, _kill_worker):
            at = time.monotonic()
            kill(site)
            running.go_on(3)
            stopped = running.record.last_failure(at)
            print(f"{kill.__name__}: errors for {stopped:.2f} s; {running.record.told(at)}")
            assert stopped <= ERRORS_STOP_WITHIN, running.record.told(at)
        after = running.go_on(5)
    report(running, before, after)
    assert running.record.recovers(before, after)
    whole(running)


def _kill_child(site: Site) -> None:
    """Kill the process that answers; `serve` starts another."""
    os.kill(child_of(site.servers[0]), signal.SIGKILL)
    site.servers[0].wait()


def _kill_all_of_a_machine(site: Site) -> None:
    """Kill `serve` itself; systemd starts it again."""
    child = child_of(site.servers[1])
    for pid in (site.servers[1].process.pid, child):
        os.kill(pid, signal.SIGKILL)
    site.servers[1].process.wait()
    site.start(1)


def _kill_worker(site: Site) -> None:
    site.worker.kill()
    site.worker.wait()
    site.start_worker()
