"""Send mail from templates, through the adapter."""

from typing import Any

from allauth.account.adapter import get_adapter

from accounts.models import User


def send(template: str, email: str, context: dict[str, Any]) -> None:
    """Send a mail to an address; `template` is the beginning of its templates' names."""
    get_adapter().send_mail(template, email, context)


def pretend_to_send(template: str, email: str, context: dict[str, Any]) -> None:
    """Take the time that sending a mail takes, without sending any."""
    get_adapter().pretend_to_send(template, email, context)


def notify(user: User, template: str) -> None:
    """Notify a user by mail that something about their account has changed."""
    get_adapter().send_notification_mail(template, user)
