"""`manage.py invite`: create an account and invite its user, also the first operator."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.addresses import normalised_email
from accounts.invitations import VALID_FOR, invite
from accounts.models import User
from idp.declaration import name_of
from idp.events import Kind, record


class Command(BaseCommand):
    """Invite a user."""

    help = "Make an account if there is none, and mail its owner a link to choose a password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the address and the permissions."""
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--staff", action="store_true", help="may open the administration")
        parser.add_argument("--superuser", action="store_true", help="may do everything there")

    def handle(self, *_: Any, email: str, staff: bool, superuser: bool, **__: Any) -> None:
        """Make the account, give the rights, mail the link and print it."""
        user = _account_of(email)
        is_new = user.pk is None
        user.is_staff = user.is_staff or staff or superuser
        user.is_superuser = user.is_superuser or superuser
        with transaction.atomic():
            user.save()
            link = invite(user)
            record(
                Kind.CREATED if is_new else Kind.ADMIN_ACTION,
                user=user,
                target=name_of(user),
                reason="Invited by a command.",
                is_staff=user.is_staff,
                is_superuser=user.is_superuser,
            )
        done = "Made an account for" if is_new else "Invited"
        self.stdout.write(f"{done} {user.email}. The link works once, for {VALID_FOR.days} days:")
        self.stdout.write(link)


def _account_of(email: str) -> User:
    """Return the account with this address, a new one if there is none. Raises CommandError."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User(email=normalised_email(email))
        user.set_unusable_password()
    elif not user.is_active:
        raise CommandError(f"{user.email} is disabled: enable the account first.")
    try:
        user.clean_fields()
    except ValidationError as error:
        raise CommandError(f"{email}: {' '.join(error.messages)}") from None
    return user
