"""The program `signet`: serve, apply, check and Django's own commands; login, token and others."""

import atexit
import gc
import os
import sys

from signet_client import COMMANDS

#: After how many new objects Python looks for garbage. Loading makes some hundred thousand that
#: stay: at Python's own 700, looking through them takes a third of the time to start.
_OBJECTS_BETWEEN_LOOKS = 500_000
#: What asks for help about everything.
_HELP: tuple[list[str], ...] = ([], ["help"], ["--help"], ["-h"])


def main() -> None:
    """Run the command that the arguments name: `signet serve`, or `manage.py serve`.

    The commands of people and scripts run without Django and settings. Problems of the environment
    are shown as sentences, and end the process with status 1.
    """
    arguments = sys.argv[1:]
    if arguments[:1] == ["help"] and arguments[1:]:
        arguments = [arguments[1], "--help"]
    if arguments and arguments[0] in COMMANDS:
        from signet_client.command_line import main as run

        sys.exit(run(arguments))
    if arguments in _HELP:
        from signet_client.command_line import summary

        print(f"{summary()}\nCommands of the server:\n")
    _run_django()


def _run_django() -> None:
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    atexit.register(gc.freeze)  # nor need a process that ends look through all it has
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
