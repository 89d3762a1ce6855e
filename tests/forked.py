"""`manage.py` in a process that is forked from one which has loaded the libraries already.

A process of its own for each command takes more than a second of processor time, most of it to load
modules. The settings and all that is ours are loaded after the fork, in the environment given.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "cryptography.x509",
        "django.contrib.admin",
        "django.core.management",
        "django.db.models",
        "environ",
        "fido2.server",
        "jwcrypto.jwt",
        "oauthlib.oauth2",
        "psycopg",
        "redis",
        "requests",
        "structlog",
        "yaml",
        "zxcvbn",
    ]
)


def manage(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in this environment and no other, and return what became of it."""
    with tempfile.TemporaryDirectory() as directory:
        output, errors = Path(directory, "output"), Path(directory, "errors")
        process = _SERVER.Process(target=_run, args=(arguments, environment, output, errors))
        process.start()
        process.join(60)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, 60)
        code = process.exitcode
        return subprocess.CompletedProcess(arguments, code, output.read_text(), errors.read_text())


def _run(arguments: list[str], environment: dict[str, str], output: Path, errors: Path) -> None:
    """Be `manage.py`, as a process that a shell starts."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for stream, path, mode in ((0, os.devnull, "r"), (1, output, "w"), (2, errors, "w")):
        with Path(path).open(mode) as file:
            os.dup2(file.fileno(), stream)
    sys.argv = ["manage.py", *arguments]
    try:
        runpy.run_path("manage.py", run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
