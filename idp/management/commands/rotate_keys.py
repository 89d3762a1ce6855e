"""`manage.py rotate_keys`: the next step of key rotation, or all of it at once in an emergency."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.operations import end_all_users_sessions
from accounts.sessions import Ending
from idp import keys, policy


class Command(BaseCommand):
    """Rotate the signing keys."""

    help = (
        "Publish a next key for each algorithm, or make a published one active. The worker does "
        "this on schedule; --now is for keys that may be in wrong hands."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options for an emergency and for the algorithm."""
        parser.add_argument(
            "--now",
            action="store_true",
            help="replace at once: what was signed before verifies no longer",
        )
        parser.add_argument(
            "--end-sessions",
            action="store_true",
            help="with --now: sign all users out, too, so that apps begin anew",
        )
        parser.add_argument("--algorithm", choices=policy.KEY_ALGORITHMS, action="append")

    def handle(
        self,
        *_: Any,
        now: bool,
        end_sessions: bool,
        algorithm: list[str] | None,
        **__: Any,
    ) -> None:
        """Rotate the keys and print what was done."""
        if end_sessions and not now:
            raise CommandError("--end-sessions goes with --now: another rotation needs no sign-out")
        for name in algorithm or policy.KEY_ALGORITHMS:
            done = keys.replace_at_once(name) if now else keys.rotate(name, timezone.now())
            self.stdout.write(done)
        if end_sessions:
            ended = end_all_users_sessions(Ending.KEY_REPLACED)
            self.stdout.write(f"Sessions ended: {ended}")
