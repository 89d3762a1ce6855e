"""Django's command line: serve, apply, check and Django's own commands."""

import os
import sys


def main() -> None:
    """Run the command that the arguments name: `signet serve`, or `manage.py serve`.

    Problems of the environment are shown as sentences, and end the process with status 1.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
