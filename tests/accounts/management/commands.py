"""Run `manage.py` as an operator does: a process of its own, with or without a terminal."""

import io
import os
import pty
import select
import subprocess
import sys
import time

from django.core.management import CommandError, call_command

from tests import forked
from tests.conftest import ROOT, database_url

COMMAND = (sys.executable, "manage.py")


def environment(**more: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SIGNET_TEST_SERVER": "1",
        "DATABASE_URL": database_url(),
        **more,
    }


def manage(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return forked.manage(*arguments, environment=environment(**more))


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as `manage` does, but in this process, which costs a hundredth."""
    output, code, problem = io.StringIO(), 0, ""
    try:
        call_command(*arguments, stdout=output)
    except CommandError as error:
        code, problem = 1, f"CommandError: {error}"
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), problem)


class Terminal:
    """A command at a terminal, which says something and waits for what is typed."""

    def __init__(self, *arguments: str) -> None:
        self.screen, inside = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=ROOT,
            env=environment(),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,  # so that getpass reads here, not from the test's terminal
        )
        os.close(inside)
        self.shown = ""

    def answer(self, prompt: str, typed: str) -> None:
        """Wait until it asks, then type."""
        self.wait_for(prompt)
        self.shown = self.shown.partition(prompt)[2]
        time.sleep(0.2)  # until the echo is off
        os.write(self.screen, f"{typed}\n".encode())

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + 60
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            assert self._read(), self.shown

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        os.close(self.screen)
        return self.process.wait(30)

    def _read(self) -> bool:
        if not select.select([self.screen], [], [], 60)[0]:
            return False
        try:
            data = os.read(self.screen, 4096)
        except OSError:  # the other side is closed
            return False
        self.shown += data.decode()
        return bool(data)
