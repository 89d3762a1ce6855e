"""`manage.py import_keys`: signing keys of a server before this one, to verify what they signed."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from idp import imported_keys, policy

_LONGEST_HOURS = 24 * 366


class Command(BaseCommand):
    """Import signing keys as retired."""

    help = (
        "Import the signing keys of a server before this one as retired: they are published for a "
        "while, and ID tokens that come back as hints verify with them. They never sign here; only "
        "the public key is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file, and what it does not say itself."""
        parser.add_argument("file", type=Path, help="a JWK set, a JWK, or PEM")
        parser.add_argument(
            "--issuer",
            default=policy.ISSUER,
            help="the issuer (iss) of what they signed; by default, this server’s",
        )
        parser.add_argument(
            "--hours",
            type=int,
            default=int(policy.SIGNED_AT_MOST.total_seconds() / 3600),
            help="for how many hours they are published: as long as what they signed lives",
        )
        parser.add_argument("--kid", default="", help="the key id of PEM; its thumbprint otherwise")
        parser.add_argument("--algorithm", default="", help="the algorithm of PEM, such as RS256")

    def handle(
        self, *_: Any, file: Path, issuer: str, hours: int, kid: str, algorithm: str, **__: Any
    ) -> None:
        """Store the keys and print their ids."""
        if not 0 <= hours <= _LONGEST_HOURS:
            raise CommandError(f"--hours is from 0 to {_LONGEST_HOURS}.")
        now = timezone.now()
        try:
            found = imported_keys.read(file.read_text(), kid=kid, algorithm=algorithm)
            stored = imported_keys.store(found, issuer, now + timedelta(hours=hours), now)
        except (OSError, UnicodeDecodeError) as problem:
            raise CommandError(f"{file} can't be read: {problem}") from None
        except imported_keys.UnusableKeyError as problem:
            raise CommandError(f"{file}: {problem}") from None
        for name in stored:
            self.stdout.write(f"{name} is retired, and published for {hours} hours")
