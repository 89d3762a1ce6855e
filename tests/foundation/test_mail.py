"""Mail leaves beside requests, whatever the mail server does; what is lost is said."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from django.core.mail import EmailMessage

from foundation.mail import Mailer
from tests.conftest import Server, free_port
from tests.idp.management.test_worker import soon
from tests.relying_party import Browser, forms_of, make_user

pytestmark = pytest.mark.once


class OpenInteraction(EmailMessage):
    """A message that leaves when it is told to."""

    def __init__(self) -> None:
        super().__init__("Hello")
        self.begun, self.may_leave = threading.Event(), threading.Event()

    def send(self, fail_silently: bool = False) -> int:  # noqa: ARG002
        self.begun.set()
        self.may_leave.wait(10)
        return 1


def test_more_than_can_wait_is_lost_and_said() -> None:
    mailer = Mailer(threads=1, most_waiting=2)
    first, *others = (OpenInteraction() for _ in range(4))
    with structlog.testing.capture_logs() as lines:
        mailer.send(first, "first")
        assert first.begun.wait(5)
        for number, message in enumerate(others):
            mailer.send(message, f"waits-{number}")
    assert [(line["event"], line["template"]) for line in lines] == [("mail_lost", "waits-2")]
    first.may_leave.set()
    assert others[0].begun.wait(5)
    mailer.send(others[2], "there is room again")
    for message in others:
        message.may_leave.set()
    assert others[2].begun.wait(5)


def test_finishing_waits_for_what_leaves_and_says_what_does_not() -> None:
    mailer = Mailer(threads=1, most_waiting=9)
    under_way, waits = OpenInteraction(), OpenInteraction()
    mailer.send(under_way, "under-way")
    mailer.send(waits, "waits")
    assert under_way.begun.wait(5)
    began = time.monotonic()
    with structlog.testing.capture_logs() as lines:
        mailer.finish(0.3)
        mailer.send(OpenInteraction(), "late")
    assert 0.3 <= time.monotonic() - began < 2
    assert [line["template"] for line in lines] == ["under-way", "waits", "late"]
    under_way.may_leave.set()
    idle = Mailer(threads=1, most_waiting=9)
    with structlog.testing.capture_logs() as lines:
        idle.finish(5)
    assert lines == []
    assert time.monotonic() - began < 4


def test_one_that_fails_stops_no_other() -> None:
    class Refused(EmailMessage):
        def send(self, fail_silently: bool = False) -> int:  # noqa: ARG002
            raise ConnectionRefusedError("ana@example.com")

    mailer = Mailer(threads=1, most_waiting=9)
    good = OpenInteraction()
    with structlog.testing.capture_logs() as lines:
        mailer.send(Refused("Your code is 123456"), "a-code")
        mailer.send(good, "good")
        assert good.begun.wait(5)
    good.may_leave.set()
    [line] = lines
    assert line["event"] == "mail_failed"
    assert line["template"] == "a-code"
    assert line["reason"] == "ConnectionRefusedError"
    assert "ana@" not in str(line)
    assert "123456" not in str(line)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a mail server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def serve(tmp_path: Path, mail_server: str) -> Server:
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path / "log",
        DJANGO_SETTINGS_MODULE="idp.settings",
        EMAIL_URL=f"smtp://{mail_server}",
    )
    server.wait()
    return server


def ask_for_a_code(server: Server, email: str) -> None:
    with Browser() as browser:
        page = browser.get(f"{server.issuer}/account/password/reset/")
        form = next(form for form in forms_of(page) if "email" in form.fields)
        headers = {"Origin": server.issuer}
        data = {**form.fields, "email": email}
        assert browser.post(str(page.url), data=data, headers=headers).status_code == 302


def test_a_silent_mail_server_is_given_up_and_said(
    database: None, tmp_path: Path, silent: int
) -> None:
    user = make_user()
    server = serve(tmp_path, f"127.0.0.1:{silent}?timeout=1")
    try:
        ask_for_a_code(server, user.email)
        soon(lambda: "mail_failed" in server.log.read_text())
    finally:
        server.stop()
    assert "account/email/password_reset" in server.log.read_text()
    assert user.email not in server.log.read_text()


def test_a_silent_mail_server_holds_up_no_stop(database: None, tmp_path: Path, silent: int) -> None:
    user = make_user()
    server = serve(tmp_path, f"127.0.0.1:{silent}")
    ask_for_a_code(server, user.email)
    began = time.monotonic()
    server.process.terminate()
    try:
        server.process.wait(9)
    except subprocess.TimeoutExpired:
        pytest.fail("it does not stop")
    finally:
        server.stop()
    assert time.monotonic() - began < 9
    assert "mail_lost" in server.log.read_text()
    assert user.email not in server.log.read_text()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.issuer}/healthz")
