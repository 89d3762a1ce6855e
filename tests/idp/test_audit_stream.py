"""The audit stream: each event reaches the receiver, whatever becomes of it meanwhile."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from idp import audit_stream, events
from idp.declaration import apply
from idp.models import Event, EventMark
from tests.idp.management.test_worker import start
from tests.relying_party import unique

#: An event is passed on once it is this old.
LATER = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def begun(database: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The stream begins now: what happened before is not passed on."""
    EventMark.objects.all().delete()
    monkeypatch.setattr(settings, "IDP_AUDIT_STREAM", f"file://{tmp_path}/first")
    audit_stream.pass_on(timezone.now() + LATER)


def happen(number: int = 1) -> list[str]:
    """Let something happen, and return the references."""
    return [events.record(events.Kind.ADMIN_ACTION, target=unique("row")) for _ in range(number)]


def pass_on() -> None:
    while audit_stream.pass_on(timezone.now() + LATER):
        pass


def references(lines: str) -> list[str]:
    return [json.loads(line)["reference"] for line in lines.splitlines()]


@pytest.fixture
def to_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "audit.jsonl"
    monkeypatch.setattr(settings, "IDP_AUDIT_STREAM", f"file://{file}")
    return file


class Receiver:
    """Takes what is posted, or refuses it."""

    def __init__(self) -> None:
        self.status = 204
        self.lines = ""
        self.authorization: str | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.authorization = self.headers["Authorization"]
                if receiver.status < 300:
                    receiver.lines += body
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    address = f"http://127.0.0.1:{receiver.server.server_port}/s3cret"
    monkeypatch.setattr(settings, "IDP_AUDIT_STREAM", address)
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_each_event_is_a_line_once_in_order(to_file: Path) -> None:
    first = happen(3)
    pass_on()
    second = happen(audit_stream._BATCH + 1)
    pass_on()
    pass_on()
    assert references(to_file.read_text()) == [*first, *second]


def test_a_line_has_what_an_export_has(to_file: Path) -> None:
    email, password = f"{unique('fresh')}@example.com", "nine quiet herons on ice"
    apply({"users": [{"email": email, "password": password}]}, dry_run=False)
    pass_on()
    lines = map(json.loads, to_file.read_text().splitlines())
    [created] = [line for line in lines if line["target"] == f"user {email}"]
    assert (created["kind"], created["user"]) == ("created", email)
    assert created["details"]["by"] == "apply"
    assert password not in json.dumps(created)


def test_a_fresh_event_waits(to_file: Path) -> None:
    """It may still be counted on, and one that began earlier may come later."""
    happen()
    assert audit_stream.pass_on(timezone.now()) == 0
    assert not to_file.exists()


def test_a_rotated_file_is_begun_anew(to_file: Path) -> None:
    happen()
    pass_on()
    to_file.rename(to_file.with_suffix(".1"))
    [reference] = happen()
    pass_on()
    assert references(to_file.read_text()) == [reference]


def test_nothing_is_lost_while_the_receiver_is_out_of_order(receiver: Receiver) -> None:
    happened = happen(2)
    receiver.status = 503
    with structlog.testing.capture_logs() as logged:
        pass_on()
    assert [line["event"] for line in logged] == ["audit_stream_failed"]
    assert "s3cret" not in str(logged)
    happened += happen(1)
    receiver.status = 200
    pass_on()
    assert references(receiver.lines) == happened


def test_nothing_is_lost_while_the_receiver_is_away(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    happened = happen()
    there = settings.IDP_AUDIT_STREAM
    for away in ("http://127.0.0.1:1/", "syslog://127.0.0.1:1", f"file://{tmp_path}/no/file"):
        monkeypatch.setattr(settings, "IDP_AUDIT_STREAM", away)
        with structlog.testing.capture_logs() as logged:
            pass_on()
        assert [line["event"] for line in logged] == ["audit_stream_failed"], away
    monkeypatch.setattr(settings, "IDP_AUDIT_STREAM", there)
    pass_on()
    assert references(receiver.lines) == happened


def test_the_token_is_sent(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "IDP_AUDIT_TOKEN", "a-token")
    happen()
    pass_on()
    assert receiver.authorization == "Bearer a-token"


def test_a_syslog_server_gets_framed_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    received = b""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"syslog://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(settings, "IDP_AUDIT_STREAM", address)
        happened = happen(3)
        sending = threading.Thread(target=in_thread(pass_on))
        sending.start()
        taken, _ = server.accept()
        while chunk := taken.recv(4096):
            received += chunk
        taken.close()
        sending.join()
    found = []
    while received:
        length, _, rest = received.partition(b" ")
        message, received = rest[: int(length)].decode(), rest[int(length) :]
        header, _, line = message.partition(" - {")
        assert header.startswith("<110>1 2")
        assert header.endswith(" signet - admin-action")
        found.append(json.loads("{" + line)["reference"])
    assert found == happened


def test_workers_together_pass_each_event_on_once(to_file: Path) -> None:
    happened = happen(50)
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        pass_on()

    threads = [threading.Thread(target=in_thread(work)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert references(to_file.read_text()) == happened


def test_a_worker_that_died_with_a_batch_is_followed_by_another(to_file: Path) -> None:
    happened = happen()
    now = timezone.now() + LATER
    EventMark.objects.update(leased_until=now + timedelta(seconds=30))
    assert audit_stream.pass_on(now) == 0
    assert audit_stream.pass_on(now + timedelta(seconds=31)) == 1
    assert references(to_file.read_text()) == happened


def in_thread(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return run


def test_the_worker_does_it(to_file: Path) -> None:
    happened = happen()
    Event.objects.filter(reference__in=happened).update(at=timezone.now() - LATER)
    EventMark.objects.update(leased_until=timezone.now())
    worker = start("--once", IDP_AUDIT_STREAM=f"file://{to_file}")
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, output
    assert references(to_file.read_text()) == happened


@pytest.mark.parametrize(
    "address",
    ["audit.log", "ftp://host/", "file://host", "https://", "syslog://host:x", "https:///x"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert audit_stream.problem_with(address)


@pytest.mark.parametrize(
    "address",
    ["file:///var/log/audit", "syslog+tls://host", "syslog://host:1514", "https://host/x"],
)
def test_what_is_an_address_is_accepted(address: str) -> None:
    assert audit_stream.problem_with(address) is None
