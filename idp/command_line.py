"""Django's command line: serve, apply, check and Django's own commands."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name: `signet serve`, or `manage.py serve`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
