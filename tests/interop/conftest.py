"""Relying parties as processes of their own, and a browser that goes back and forth to them."""

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, forms_of, gone_on, is_page

ROOT = Path(__file__).parent.parent.parent
#: How long a build or an installation may take, in seconds: with an empty cache, minutes.
BUILD_TIMEOUT = 900.0


class Process:
    """A program that listens at an address of its own; what it prints goes to a log."""

    def __init__(self, name: str, command: list[str], address: str, log: Path, **environment: str):
        self.name = name
        self.address = address
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            )

    def wait(self) -> None:
        """Return once it accepts connections."""
        parts = urlsplit(self.address)
        for _ in range(6000):
            if self.process.poll() is not None:
                break
            try:
                socket.create_connection((parts.hostname, parts.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


#: And those that ended during this test.
_running: list[Process] = []


@contextmanager
def running(
    name: str, command: list[str], address: str, log: Path, **environment: str
) -> Iterator[Process]:
    """Run a program while the block lasts; a test that fails meanwhile shows its log."""
    process = Process(name, command, address, log, **environment)
    _running.append(process)
    try:
        process.wait()
        yield process
    finally:
        process.stop()


def build(folder: Path, *command: str, timeout: float = BUILD_TIMEOUT, **environment: str) -> None:
    """Run a command that builds or installs a program to its end, which has to be good."""
    # tests.settings is not theirs, and lets the tests' own authority stand for all others.
    ours = {"SSL_CERT_DIR", "DJANGO_SETTINGS_MODULE"}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout)
        except BaseException as problem:
            # npm and Maven have processes of their own, which would keep the output open.
            os.killpg(process.pid, signal.SIGKILL)
            if not isinstance(problem, subprocess.TimeoutExpired):
                raise
            printed, _ = process.communicate()
            what = f"{shlex.join(command)} in {folder} took more than {timeout:g} seconds"
            raise TimeoutError(f"{what}:\n{printed[-6000:]}") from None
    assert process.returncode == 0, f"{command}\n{printed[-6000:]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    report: pytest.TestReport = yield
    if report.failed:
        for process in _running:
            report.sections.append((f"log of {process.name}", process.log.read_text()[-6000:]))
    if report.when == "teardown":
        _running[:] = [process for process in _running if process.process.poll() is None]
    return report  # type: ignore[return-value]


class Traveller(Browser):
    """A browser that follows redirects to relying parties, too, and posts their forms."""

    def settle(self, response: httpx.Response) -> httpx.Response:
        for _ in range(20):
            response = gone_on(response)
            if not response.is_redirect:
                return response
            response = self.get(urljoin(str(response.url), response.headers["Location"]))
        raise AssertionError(f"redirected in a circle: {response.url}")

    def until(self, url: str, destination: str) -> str:
        """Open an address and stop before the redirect that leads to `destination`; return that."""
        response = self.get(url)
        for _ in range(20):
            assert response.is_redirect, f"{response.status_code} {response.url}\n{response.text}"
            target = urljoin(str(response.url), response.headers["Location"])
            if target.startswith(destination):
                return target
            response = self.get(target)
        raise AssertionError(f"redirected in a circle: {response.url}")

    def press(self, page: httpx.Response, button: str) -> httpx.Response:
        """Press a button, as a browser does it: with the origin of the page, wherever that is."""
        form = next(form for form in forms_of(page) if button in form.buttons)
        origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
        data = {**form.fields, **dict([form.buttons[button]])}
        headers = {"Origin": origin, "Referer": str(page.url)}
        target = urljoin(str(page.url), form.action)
        return self.settle(self.post(target, data=data, headers=headers))

    def agree(self, user: EndUser, page: httpx.Response, button: str = "allow") -> httpx.Response:
        """Sign in and press the consent page's button, where asked, until the journey ends."""
        if is_page(page, "/account/login/"):
            page = self.sign_in(user, page)
        if is_page(page, "/consent"):
            page = self.press(page, button)
        return page


@contextmanager
def made(log: Path, **environment: str) -> Iterator[Process]:
    """Run what `make run` runs, at free ports; gives it once all of it answers."""
    port = free_port(1, 3)
    address = f"http://localhost:{port}"
    command = ["scripts/run"]
    environment |= {"PORT": str(port), "IDP_ISSUER": address}
    with running("make run", command, address, log, **environment) as process:
        for _ in range(6000):
            if "start here" in log.read_text() or process.process.poll() is not None:
                break
            time.sleep(0.05)
        assert "start here" in log.read_text(), log.read_text()
        yield process


@pytest.fixture
def traveller(provider: Server) -> Iterator[Traveller]:
    """A browser that no user is signed in at."""
    with Traveller() as browser:
        yield browser


def shown(page: httpx.Response) -> Any:
    """Return the JSON that a relying party answered with, signing in having worked."""
    assert page.status_code == 200, f"{page.status_code} {page.url}\n{page.text}"
    return page.json()
