"""The outbox of mail: a message is a row of its cause's transaction, and is sent after the commit.

Subject and text are encrypted: they have codes and links. Log lines and problems name the template
and the mail server's codes, never its words: those quote addresses.
"""

import json
import re
import smtplib
from datetime import datetime
from email.utils import formatdate, make_msgid

import structlog
from cryptography.fernet import InvalidToken
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from foundation import heartbeats, server_keys
from foundation.models import Mail
from foundation.outbox import Outbox, Problem, Sender

log = structlog.get_logger(__name__)
#: Sent when a message was given up, with `mail` and `problem` (a sentence).
mail_given_up = Signal()

_PURPOSE = "mail"
SECONDS_BETWEEN_LOOKS = 5
#: RFC 3463 §2: what a mail server's words mean, without the words.
_ENHANCED_CODE = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}")


def write(message: EmailMultiAlternatives, template: str, until: datetime | None = None) -> None:
    """Add a message to the outbox, in the present transaction; it is not sent after `until`."""
    _add(message, template, recipient=message.to[0], until=until)


def pretend_to_write(message: EmailMultiAlternatives, template: str) -> None:
    """Take the time that `write` takes: the row is never sent."""
    _add(message, template, recipient="", until=None)


def discard(recipient: str) -> None:
    """Delete all messages to an address."""
    Mail.objects.filter(recipient=recipient).delete()


def _add(
    message: EmailMultiAlternatives, template: str, *, recipient: str, until: datetime | None
) -> None:
    sealed = server_keys.seal(_packed(message).encode(), _PURPOSE)
    Mail.objects.create(template=template, recipient=recipient, sealed=sealed, expires_at=until)
    transaction.on_commit(_wake)


def _packed(message: EmailMultiAlternatives) -> str:
    """Return a message as JSON.

    It gets its id and date here: a message that is sent twice, since a process died, is recognized.
    """
    headers = {"Message-ID": make_msgid(domain=_domain_of(message)), "Date": formatdate()}
    parts = {
        "subject": message.subject,
        "body": message.body,
        "from_email": message.from_email,
        "to": message.to,
        "headers": headers,
        "alternatives": [list(part) for part in message.alternatives],
    }
    return json.dumps(parts)


def _domain_of(message: EmailMultiAlternatives) -> str:
    return message.from_email.rpartition("@")[2].strip("> ") or "localhost"


def _attempt(mail: Mail) -> Problem | None:
    """Send a message; return the problem if it was not accepted."""
    if not mail.recipient:
        return None
    if mail.expires_at is not None and mail.expires_at <= timezone.now():
        return Problem("Its code expired before it could be sent.", is_final=True)
    try:
        packed = json.loads(server_keys.unseal(mail.sealed, _PURPOSE))
        EmailMultiAlternatives(**packed).send()
    except Exception as error:  # noqa: BLE001  whatever it is, the next message has its chance
        problem = problem_of(error)
        log.error(  # noqa: TRY400  the traceback quotes addresses
            "mail_failed", template=mail.template, reason=problem.sentence, attempt=mail.attempts
        )
        return problem
    return None


def problem_of(error: Exception) -> Problem:
    """Return what went wrong, without a word of the mail server's."""
    match error:
        case InvalidToken():
            return Problem("No server key decrypts it.", is_final=True)
        case smtplib.SMTPRecipientsRefused():
            [(code, words)] = error.recipients.values()
            return _refused("the recipient", code, words, is_final=code >= 500)
        case smtplib.SMTPSenderRefused():
            return _refused("the sender", error.smtp_code, error.smtp_error)
        case smtplib.SMTPDataError():
            code = error.smtp_code
            return _refused("the message", code, error.smtp_error, is_final=code >= 500)
        case smtplib.SMTPAuthenticationError():
            return _refused("the user name or password", error.smtp_code, error.smtp_error)
        case smtplib.SMTPResponseException():
            return _refused("the connection", error.smtp_code, error.smtp_error)
        case OSError() if isinstance(error.__context__ or error, TimeoutError):
            return Problem("The mail server did not answer in time.")
        case OSError():  # which all others of smtplib's are, too
            return Problem(f"The mail server can’t be used ({type(error).__name__}).")
        case _:
            return Problem(f"Something broke on our side: {type(error).__name__}.")


def _refused(what: str, code: int, words: bytes | str, *, is_final: bool = False) -> Problem:
    raw = words if isinstance(words, bytes) else words.encode()
    enhanced = _ENHANCED_CODE.search(raw)
    codes = f"{code} {enhanced[0].decode()}" if enhanced else str(code)
    return Problem(f"The mail server refused {what} ({codes}).", is_final=is_final)


def _delivered(mail: Mail, _now: datetime) -> None:
    Mail.objects.filter(pk=mail.pk).delete()
    if mail.recipient:
        heartbeats.beat(heartbeats.MAIL)


def _given_up(mail: Mail, problem: Problem) -> None:
    """Report it. An expired message is of no use to anybody; others can be tried again."""
    log.error("mail_given_up", template=mail.template, reason=problem.sentence)
    if mail.expires_at is not None and mail.expires_at <= timezone.now():
        Mail.objects.filter(pk=mail.pk).delete()
    mail_given_up.send(sender=Mail, mail=mail, problem=problem.sentence)


outbox: Outbox[Mail] = Outbox(
    Mail.objects.all(), attempt=_attempt, delivered=_delivered, given_up=_given_up, at_once=4
)
_sender: Sender | None = None


def start_sending() -> Sender:
    """Send mail by a thread of this process, which commits of this process wake."""
    global _sender
    _sender = Sender(outbox, every=SECONDS_BETWEEN_LOOKS)
    _sender.start()
    return _sender


def _wake() -> None:
    if _sender is not None:
        _sender.wake()
