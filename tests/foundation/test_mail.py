"""The outbox of mail: what is written is sent once, whatever the mail server or a process does."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.utils import timezone

from foundation import mail
from foundation.models import Mail
from foundation.outbox import LEASE
from idp.models import Event
from tests.conftest import Server
from tests.idp.management.test_serve import kill
from tests.idp.management.test_worker import soon, start
from tests.mail_server import MailServer, running
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, forms_of, make_user, unique

CODE = "271828"


@pytest.fixture
def recipient() -> str:
    return f"{unique('to')}@example.com"


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with running() as server:
        yield server


@pytest.fixture
def sent_there(mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> MailServer:
    """Let this process send to the mail server. No other process sends meanwhile."""
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr(settings, "EMAIL_PORT", mail_server.port)
    monkeypatch.setattr(settings, "EMAIL_TIMEOUT", 5)
    Mail.objects.all().delete()
    return mail_server


def write(recipient: str, **more: Any) -> Mail:
    message = EmailMultiAlternatives(f"{CODE} is it", CODE, "us@example.com", [recipient])
    message.attach_alternative(f"<p>{CODE}</p>", "text/html")
    mail.write(message, "a-template", **more)
    return Mail.objects.get(recipient=recipient)


def hurry(row: Mail) -> None:
    """Let a row be due now."""
    Mail.objects.filter(pk=row.pk).update(due_at=timezone.now())


def reread(row: Mail) -> Mail:
    return Mail.objects.get(pk=row.pk)


def exists(row: Mail) -> bool:
    return Mail.objects.filter(pk=row.pk).exists()


# --- One process ---


def test_a_row_goes_when_its_message_is_sent(sent_there: MailServer, recipient: str) -> None:
    row = write(recipient)
    mail.outbox.deliver()
    [message] = sent_there.to(recipient)
    assert message["Subject"] == f"{CODE} is it"
    plain, html = message.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert html.get_content().strip() == f"<p>{CODE}</p>"
    assert not exists(row)


def test_what_is_stored_is_encrypted(recipient: str) -> None:
    write(recipient)
    [values] = Mail.objects.filter(recipient=recipient).values()
    assert CODE not in str(values)
    assert "is it" not in str(values)


def test_a_cause_that_is_rolled_back_sends_nothing(sent_there: MailServer, recipient: str) -> None:
    with transaction.atomic():
        write(recipient)
        transaction.set_rollback(True)
    mail.outbox.deliver()
    assert sent_there.to(recipient) == []


def test_the_pretended_is_never_sent(sent_there: MailServer, recipient: str) -> None:
    message = EmailMultiAlternatives(CODE, CODE, "us@example.com", [recipient])
    mail.pretend_to_write(message, "a-template")
    assert Mail.objects.filter(recipient="").count() == 1
    mail.outbox.deliver()
    assert not Mail.objects.filter(recipient="").exists()
    assert sent_there.messages == []


def test_what_fails_is_tried_again_as_the_same_message(
    sent_there: MailServer, recipient: str
) -> None:
    sent_there.answers["RCPT"] = f"451 4.7.1 later, {recipient}"
    row = write(recipient)
    with structlog.testing.capture_logs() as lines:
        mail.outbox.deliver()
    row = reread(row)
    assert (row.state, row.attempts) == (Mail.State.WAITING, 1)
    assert row.last_problem == "The mail server refused the recipient (451 4.7.1)."
    assert timedelta(seconds=3) < row.due_at - timezone.now() < timedelta(seconds=7)
    assert [line["event"] for line in lines] == ["mail_failed"]
    assert recipient not in str(lines)
    sent_there.answers = {"": "451 come again"}  # which it says when it has the message
    hurry(row)
    mail.outbox.deliver()
    sent_there.answers = {}
    hurry(row)
    mail.outbox.deliver()
    first, second = sent_there.to(recipient)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert not exists(row)


@pytest.mark.parametrize(
    ("command", "answer", "what"),
    [("RCPT", "550 5.1.1 who?", "the recipient (550 5.1.1)"), ("", "554 no", "the message (554)")],
)
def test_what_is_refused_for_good_is_given_up_at_once(
    sent_there: MailServer, recipient: str, command: str, answer: str, what: str
) -> None:
    sent_there.answers[command] = answer
    row = write(recipient)
    mail.outbox.deliver()
    row = reread(row)
    assert (row.state, row.attempts) == (Mail.State.FAILED, 1)
    assert row.last_problem == f"The mail server refused {what}."
    event = Event.objects.filter(kind="mail-failed").latest("pk")
    assert event.reason == f"An email (a-template) was not sent: {row.last_problem}"
    sent_there.answers, sent_there.messages = {}, []
    mail.outbox.retry(row)
    mail.outbox.deliver()
    assert len(sent_there.to(recipient)) == 1


def test_a_sender_who_is_refused_is_not_the_recipients_fault(
    sent_there: MailServer, recipient: str
) -> None:
    sent_there.answers["MAIL"] = "550 not from you"
    row = write(recipient)
    mail.outbox.deliver()
    assert reread(row).state == Mail.State.WAITING


def test_the_eighth_failure_is_the_last(sent_there: MailServer, recipient: str) -> None:
    sent_there.answers["RCPT"] = "451 later"
    row = write(recipient)
    for _ in range(9):
        mail.outbox.deliver()
        hurry(row)
    assert (reread(row).state, reread(row).attempts) == (Mail.State.FAILED, 8)


def test_an_expired_code_is_dropped_and_reported(sent_there: MailServer, recipient: str) -> None:
    row = write(recipient, until=timezone.now() + timedelta(seconds=0.1))
    time.sleep(0.2)
    mail.outbox.deliver()
    assert sent_there.messages == []
    assert not exists(row)
    event = Event.objects.filter(kind="mail-failed").latest("pk")
    assert "expired" in event.reason


def test_without_its_key_it_is_given_up(sent_there: MailServer, recipient: str) -> None:
    row = write(recipient)
    Mail.objects.filter(pk=row.pk).update(sealed="gAAAA")
    mail.outbox.deliver()
    assert reread(row).last_problem == "No server key decrypts it."


def test_one_that_stalls_holds_up_no_other(
    sent_there: MailServer, recipient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stalled = threading.Event()
    sent_there.before_accepting = lambda: None if stalled.is_set() else _stall(stalled)
    write(recipient)
    others = [f"{number}-{recipient}" for number in range(6)]
    sending = threading.Thread(target=_deliver)
    sending.start()
    assert stalled.wait(20)
    for other in others:
        write(other)
    soon(lambda: all(sent_there.to(other) for other in others))
    assert not sent_there.to(recipient)
    sending.join()
    assert len(sent_there.to(recipient)) == 1


def _stall(stalled: threading.Event) -> None:
    stalled.set()
    time.sleep(3)


def _deliver() -> None:
    try:
        mail.outbox.deliver()
    finally:
        connection.close()


def test_of_many_senders_one_sends_it(sent_there: MailServer, recipient: str) -> None:
    recipients = [f"{number}-{recipient}" for number in range(20)]
    for one in recipients:
        write(one)
    together = threading.Barrier(6)

    def send() -> None:
        together.wait()
        _deliver()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(message["To"] for message in sent_there.messages) == sorted(recipients)


def test_a_long_attempt_keeps_its_lease(
    sent_there: MailServer, recipient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foundation.outbox.LEASE", timedelta(seconds=2))
    monkeypatch.setattr("foundation.outbox._RENEWED_EVERY", 0.5)
    monkeypatch.setattr(settings, "EMAIL_TIMEOUT", 9)
    stalled = threading.Event()
    sent_there.before_accepting = lambda: (_stall(stalled), time.sleep(1))[0]
    write(recipient)
    first = threading.Thread(target=_deliver)
    first.start()
    assert stalled.wait(20)
    while first.is_alive():
        mail.outbox.deliver()  # as another process does, past the first lease
        time.sleep(0.1)
    assert len(sent_there.to(recipient)) == 1


def test_who_tries_again_does_not_send_twice(sent_there: MailServer, recipient: str) -> None:
    stalled = threading.Event()
    sent_there.before_accepting = lambda: stalled.set() or time.sleep(0.8)
    row = write(recipient)
    sending = threading.Thread(target=_deliver)
    sending.start()
    assert stalled.wait(20)
    mail.outbox.retry(row)
    mail.outbox.deliver()
    sending.join()
    assert len(sent_there.to(recipient)) == 1


# --- Processes ---


def serve(tmp_path: Path, mail_server: str, **environment: str) -> Server:
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path / f"log-{unique('of')}",
        DJANGO_SETTINGS_MODULE="idp.settings",
        EMAIL_URL=mail_server,
        **environment,
    )
    server.wait()
    return server


def sending_to(mail_server: MailServer) -> dict[str, str]:
    return {"DJANGO_SETTINGS_MODULE": "idp.settings", "EMAIL_URL": mail_server.url}


def work_once(mail_server: MailServer) -> None:
    worker = start("--once", **sending_to(mail_server))
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, output


def ask_for_a_code(server: Server, email: str) -> float:
    """Ask for a code for a new password; return the seconds until the response."""
    with Browser() as browser:
        page = browser.get(f"{server.issuer}/account/password/reset/")
        form = next(form for form in forms_of(page) if "email" in form.fields)
        headers = {"Origin": server.issuer}
        data = {**form.fields, "email": email}
        began = time.monotonic()
        assert browser.post(str(page.url), data=data, headers=headers).status_code == 302
        return time.monotonic() - began


@pytest.fixture
def owner() -> EndUser:
    Mail.objects.all().delete()
    return make_user()


def test_serve_sends_without_a_worker(
    owner: EndUser, tmp_path: Path, mail_server: MailServer
) -> None:
    server = serve(tmp_path, mail_server.url)
    try:
        ask_for_a_code(server, owner.email)
        soon(lambda: len(mail_server.to(owner.email)) == 1)
        other = make_user()
        write(other.email)  # by a process that sends nothing, as a command
        soon(lambda: len(mail_server.to(other.email)) == 1)
    finally:
        server.stop()
    assert not Mail.objects.exists()


def test_a_worker_sends_without_serve(recipient: str, mail_server: MailServer) -> None:
    write(recipient)
    work_once(mail_server)
    assert len(mail_server.to(recipient)) == 1


def test_a_silent_mail_server_delays_no_page(owner: EndUser, tmp_path: Path, silent: str) -> None:
    server = serve(tmp_path, f"{silent}?timeout=5")
    try:
        assert ask_for_a_code(server, owner.email) < 5
        said = "The mail server did not answer in time."
        soon(lambda: Mail.objects.get(recipient=owner.email).last_problem == said)
    finally:
        server.stop()
    assert "account/email/password_reset_code" in server.log.read_text()
    assert owner.email not in server.log.read_text()


@pytest.fixture
def silent() -> Iterator[str]:
    """A mail server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"smtp://127.0.0.1:{server.getsockname()[1]}"


def test_a_silent_mail_server_holds_up_no_stop_and_nothing_is_lost(
    owner: EndUser, tmp_path: Path, silent: str, mail_server: MailServer
) -> None:
    server = serve(tmp_path, f"{silent}?timeout=120")
    ask_for_a_code(server, owner.email)
    server.process.terminate()
    try:
        server.process.wait(60)
    except subprocess.TimeoutExpired:
        pytest.fail("it does not stop")
    finally:
        server.stop()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.issuer}/healthz")
    hurry(Mail.objects.get(recipient=owner.email))  # its lease runs out
    work_once(mail_server)
    assert len(mail_server.to(owner.email)) == 1


def test_killed_before_the_mail_server_has_it_all_of_it_is_sent_later(
    owner: EndUser, tmp_path: Path, silent: str, mail_server: MailServer
) -> None:
    server = serve(tmp_path, silent)
    ask_for_a_code(server, owner.email)
    soon(lambda: Mail.objects.get(recipient=owner.email).attempts == 1)
    kill(server)
    again = serve(tmp_path, mail_server.url)
    try:
        row = Mail.objects.get(recipient=owner.email)
        assert LEASE / 2 < row.due_at - timezone.now() <= LEASE
        time.sleep(6)  # longer than it waits between two looks
        assert mail_server.to(owner.email) == [], "the lease has not run out"
        hurry(row)
        soon(lambda: len(mail_server.to(owner.email)) == 1)
        soon(lambda: not exists(row))
    finally:
        again.stop()


@pytest.mark.parametrize("of", ["serve", "worker"])
def test_killed_while_the_mail_server_accepts_it_no_lease_sends_it_twice(
    owner: EndUser, tmp_path: Path, mail_server: MailServer, of: str
) -> None:
    """The mail server has it, but the process never hears so: the lease and the id are all."""
    has_it = threading.Event()
    mail_server.before_accepting = lambda: has_it.set() or time.sleep(2)
    if of == "serve":
        server = serve(tmp_path, mail_server.url)
        ask_for_a_code(server, owner.email)
        assert has_it.wait(30)
        kill(server)
    else:
        write(owner.email)
        worker = start(**sending_to(mail_server))
        assert has_it.wait(30)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    soon(lambda: len(mail_server.to(owner.email)) == 1)
    mail_server.before_accepting = lambda: None
    work_once(mail_server)
    assert len(mail_server.to(owner.email)) == 1
    hurry(Mail.objects.get(recipient=owner.email))
    work_once(mail_server)
    first, second = mail_server.to(owner.email)
    assert first["Message-ID"] == second["Message-ID"]
