"""The clock of authenticator apps and of the server that checks their codes: tests set it forward.

Sleeping until the next code would take a third of a test run's time. The clock is a file that the
test process and its servers share; it says how far it is ahead.
"""

import os
import time as system
from pathlib import Path

from django.apps import AppConfig


def time() -> float:
    """Return the seconds since 1970, and what the clock is ahead."""
    return system.time() + float(_file().read_text())


def advance(seconds: float) -> None:
    """Set the clock forward."""
    file = _file()
    ahead = float(file.read_text()) + seconds
    written = file.with_suffix(".new")
    written.write_text(str(ahead))
    written.replace(file)


def _file() -> Path:
    return Path(os.environ["SIGNET_TEST_CLOCK"])


class TestClock(AppConfig):
    """Lets allauth ask this clock when it checks an authenticator app's code."""

    name = "tests"
    label = "test_clock"

    def ready(self) -> None:
        """Put this module in the place of the standard library's."""
        import sys

        from allauth.mfa.totp.internal import auth

        auth.time = sys.modules[__name__]
