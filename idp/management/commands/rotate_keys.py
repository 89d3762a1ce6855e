"""`manage.py rotate_keys`: the next step of key rotation, or all of it at once in an emergency."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from idp import keys, policy


class Command(BaseCommand):
    """Rotate the signing keys."""

    help = (
        "Publish a next key for each algorithm, or make a published one active. The worker does "
        "this on schedule; --now is for keys that may be in wrong hands."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say whether it is an emergency, and which algorithm."""
        parser.add_argument(
            "--now",
            action="store_true",
            help="replace at once: what was signed before verifies no longer",
        )
        parser.add_argument("--algorithm", choices=policy.KEY_ALGORITHMS, action="append")

    def handle(self, *_: Any, now: bool, algorithm: list[str] | None, **__: Any) -> None:
        """Rotate and say what was done."""
        for name in algorithm or policy.KEY_ALGORITHMS:
            done = keys.replace_at_once(name) if now else keys.rotate(name, timezone.now())
            self.stdout.write(done)
