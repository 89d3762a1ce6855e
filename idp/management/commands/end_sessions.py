"""`manage.py end_sessions`: end the sessions of one user, of one client, or of all users."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.operations import end_all_sessions, end_all_users_sessions
from idp.events import Kind, record
from idp.logout import client_sessions
from idp.models import Client


class Command(BaseCommand):
    """End sessions."""

    help = "End sessions, in batches: what apps got through them ends, and the apps are notified."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add --all, --user and --client."""
        selection = parser.add_mutually_exclusive_group(required=True)
        selection.add_argument("--all", action="store_true", help="all users'")
        selection.add_argument("--user", metavar="EMAIL", help="one user's")
        selection.add_argument(
            "--client", metavar="CLIENT_ID", help="one app's part in them; users stay signed in"
        )

    def handle(self, *_: Any, user: str | None, client: str | None, **__: Any) -> None:
        """End the sessions, record the admin action, and print the number ended."""
        if user is not None:
            account = User.objects.filter(email=user).first()
            if account is None:
                raise CommandError(f"No user has the address {user}.")
            ended = account.sessions.filter(ended_at=None).count()
            end_all_sessions(account)
            about: dict[str, Any] = {"user": account, "target": f"user {account.email}"}
        elif client is not None:
            app = Client.objects.filter(client_id=client).first()
            if app is None:
                raise CommandError(f"No app has the client_id {client}.")
            ended = client_sessions.end_all_of(app, timezone.now())
            about = {"client_id": client, "target": f"client {client}"}
        else:
            ended = end_all_users_sessions()
            about = {"target": "all sessions"}
        record(Kind.ADMIN_ACTION, reason=f"manage.py end_sessions: {ended}.", **about)
        self.stdout.write(f"Sessions ended: {ended}")
