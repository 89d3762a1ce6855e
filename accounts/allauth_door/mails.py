"""Write mail from templates to the outbox, in the transaction of its cause."""

from datetime import datetime, timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django.utils import timezone

from accounts import letters
from accounts.letters import Fact
from accounts.models import User
from foundation import mail

#: How long every emailed code works; the templates say so, too.
_CODES_WORK_FOR = timedelta(minutes=10)


def send(
    template: str, email: str, context: dict[str, Any], request: HttpRequest | None = None
) -> None:
    """Send a mail to an address; `template` is the beginning of its templates' names.

    It names the app, device and time of the user's request, if there is one. A code that has
    expired is not sent any more.
    """
    mail.write(letters.written(template, email, context, request), template, _expiry(context))


def pretend_to_send(
    template: str, email: str, context: dict[str, Any], request: HttpRequest | None = None
) -> None:
    """Take the time that sending a mail takes, without sending any."""
    mail.pretend_to_write(letters.written(template, email, context, request), template)


def send_facts(
    template: str, email: str, context: dict[str, Any], facts: tuple[Fact, ...], until: datetime
) -> None:
    """Send a mail about what no browser of the user's did, with its facts, until it is over."""
    mail.write(letters.written(template, email, context, None, facts), template, until)


def pretend_to_send_facts(
    template: str, email: str, context: dict[str, Any], facts: tuple[Fact, ...]
) -> None:
    """Take the time that such a mail takes, without sending any."""
    mail.pretend_to_write(letters.written(template, email, context, None, facts), template)


def notify(user: User, template: str) -> None:
    """Notify a user by mail that something about their account has changed."""
    get_adapter().send_notification_mail(template, user)


def _expiry(context: dict[str, Any]) -> datetime | None:
    return timezone.now() + _CODES_WORK_FOR if context.get("code") else None
