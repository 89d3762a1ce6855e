"""Django's command line: serve, apply, check and Django's own commands."""

import atexit
import gc
import os
import sys

#: After how many new objects Python looks for garbage. Loading Django makes many that stay, and a
#: request some thousand: at Python's own 700, a fifth of the processor time went into looking.
_OBJECTS_BETWEEN_LOOKS = 10_000


def main() -> None:
    """Run the command that the arguments name: `signet serve`, or `manage.py serve`.

    Problems of the environment are shown as sentences, and end the process with status 1.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    atexit.register(gc.freeze)  # nor need a process that ends look through all it has
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as problem:
        sys.exit(str(problem))
