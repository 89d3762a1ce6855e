"""`manage.py end_sessions`: sign somebody out, everybody of an app, or everybody."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import User
from accounts.operations import end_all_sessions, end_everybodys_sessions
from idp.events import Kind, record
from idp.logout import client_sessions
from idp.models import Client


class Command(BaseCommand):
    """End sessions."""

    help = "End sessions, in batches: what apps got through them ends, and they are told."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say whose."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--all", action="store_true", help="everybody's")
        whose.add_argument("--user", metavar="EMAIL", help="one person's")
        whose.add_argument(
            "--client", metavar="CLIENT_ID", help="one app's part in them; people stay signed in"
        )

    def handle(self, *_: Any, user: str | None, client: str | None, **__: Any) -> None:
        """End them, record that, and say how many there were."""
        if user is not None:
            person = User.objects.filter(email=user).first()
            if person is None:
                raise CommandError(f"Nobody has the address {user}.")
            ended = person.sessions.filter(ended_at=None).count()
            end_all_sessions(person)
            about: dict[str, Any] = {"user": person, "target": f"user {person.email}"}
        elif client is not None:
            app = Client.objects.filter(client_id=client).first()
            if app is None:
                raise CommandError(f"No app has the client_id {client}.")
            ended = client_sessions.end_all_of(app, timezone.now())
            about = {"client_id": client, "target": f"client {client}"}
        else:
            ended = end_everybodys_sessions()
            about = {"target": "all sessions"}
        record(Kind.ACTED, reason=f"manage.py end_sessions: {ended}.", **about)
        self.stdout.write(f"Sessions ended: {ended}")
