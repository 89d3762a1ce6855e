"""Send mail outside of requests: a bounded queue, a few threads, and a log line for lost mail.

Log lines name the template, never an address: a subject may be a code, and an SMTP error quotes
addresses.
"""

import atexit
import smtplib
import threading
from collections import deque

import structlog
from django.conf import settings
from django.core.mail import EmailMessage

log = structlog.get_logger(__name__)


class Mailer:
    """Sends mail by threads of its own, which end with the process."""

    def __init__(self, threads: int, most_waiting: int) -> None:
        self._threads, self._most_waiting = threads, most_waiting
        self._waiting: deque[tuple[EmailMessage, str]] = deque()
        self._under_way: list[str] = []
        self._changed = threading.Condition()
        self._started = self._stopped = False

    def send(self, message: EmailMessage, template: str) -> None:
        """Queue a message; it is dropped, with a log line, if the queue is full."""
        with self._changed:
            if self._stopped or len(self._waiting) >= self._most_waiting:
                reason = "stopping" if self._stopped else "too many wait"
                log.error("mail_lost", template=template, reason=reason)
                return
            self._waiting.append((message, template))
            self._changed.notify_all()
            self._start()

    def finish(self, seconds: float) -> None:
        """Wait until all mail is sent, at most `seconds`, and accept no more."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._under_way), seconds)
            self._stopped = True
            lost = [*self._under_way, *(template for _, template in self._waiting)]
            self._waiting.clear()
        for template in lost:
            log.error("mail_lost", template=template, reason="stopping")

    def _start(self) -> None:
        """Start the threads with the first message: a process that forks before has none."""
        if self._started:
            return
        self._started = True
        for number in range(self._threads):
            threading.Thread(target=self._run, name=f"mail-{number}", daemon=True).start()
        # A command that mails ends when its mail has left.
        atexit.register(self.finish, settings.EMAIL_TIMEOUT + 5)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                message, template = self._waiting.popleft()
                self._under_way.append(template)
            _deliver(message, template)
            with self._changed:
                self._under_way.remove(template)
                self._changed.notify_all()


def _deliver(message: EmailMessage, template: str) -> None:
    try:
        message.send()
    except Exception as problem:  # noqa: BLE001  whatever it is, the next message has its chance
        code = problem.smtp_code if isinstance(problem, smtplib.SMTPResponseException) else None
        reason = type(problem).__name__
        log.error("mail_failed", template=template, reason=reason, smtp_code=code)  # noqa: TRY400


_mailer = Mailer(threads=4, most_waiting=1000)
send = _mailer.send
finish = _mailer.finish
