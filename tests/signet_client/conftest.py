"""The program `signet` as a process, with a home folder of its own, and a browser that it opens."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import secrecy
from tests.conftest import ROOT, Server
from tests.interop.conftest import Traveller
from tests.relying_party import EndUser

#: As pip writes it (test_installed.py).
SCRIPT = "import sys\nfrom idp.command_line import main\nsys.exit(main())\n"
STAY = "exec sleep 3 >/dev/null 2>&1"
#: Each command ends within seconds, or hangs.
PATIENCE = 60


class Program:
    """The program in a folder: its home, its `PATH`, and the addresses that it opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened = folder / "opened"
        # A browser that stays, as one in the terminal would.
        browser = f'#!/bin/sh\nprintf %s "$1" >"$0.new"; mv "$0.new" {self.opened}\n{STAY}\n'
        for name, text in (("signet", f"#!{sys.executable}\n{SCRIPT}"), ("browser", browser)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        self.environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "HOME": str(folder),
            "BROWSER": str(folder / "browser"),
            "IDP_DEMO": "",  # which ends every command that reads the settings of the server
        }

    @property
    def stored(self) -> Path:
        """Return the file of the only login."""
        [path] = (self.folder / ".config/signet").glob("*.json")
        return path

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of the program."""
        return self.start_other(str(self.folder / "signet"), *arguments, **environment)

    def start_other(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command of the system that may use the program."""
        return subprocess.Popen(
            command,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What runs in the background of a shell ignores it.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments: str, code: int = 0, **environment: str) -> "Ran":
        """Run a command to its end, which has to be with this exit code."""
        return ended(self.start(*arguments, **environment), code)

    def shell(self, script: str, **environment: str) -> "Ran":
        """Run commands as a page of the documentation shows them."""
        return ended(self.start_other("sh", "-euc", script, **environment))

    def address(self) -> str:
        """Return the address that the program opened in its browser."""
        for _ in range(PATIENCE * 20):
            if self.opened.exists():
                address = self.opened.read_text()
                self.opened.unlink()
                return address
            time.sleep(0.05)
        raise AssertionError("no browser was opened")

    def expire(self) -> None:
        """Let the stored access tokens be old, as if an hour had passed."""
        stored = json.loads(self.stored.read_text())
        stored["login"]["id_token"] = None
        for token in stored["login"]["access_tokens"].values():
            token["expires_at"] = time.time()
        self.stored.write_text(json.dumps(stored))


class Ran:
    """What a command printed."""

    def __init__(self, output: str, said: str) -> None:
        self.output, self.said = output, said

    @property
    def token(self) -> str:
        """Return the token that is all of the output."""
        token = self.output.removesuffix("\n")
        assert token, self.said
        assert token.split() == [token]
        secrecy.used.note(token)
        return token

    @property
    def members(self) -> dict[str, Any]:
        """Return the JSON object that is all of the output."""
        members: dict[str, Any] = json.loads(self.output)
        secrecy.used.note_members(members)
        return members


def ended(process: subprocess.Popen[str], code: int = 0) -> Ran:
    """Wait for a command, which has to end with this exit code and without a traceback."""
    with process:
        try:
            output, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == code, f"{process.returncode}\n{output}\n{said}"
    assert "Traceback" not in said, said
    return Ran(output, said)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, of a person who was never signed in."""
    return Program(tmp_path)


@pytest.fixture
def traveller(provider: Server) -> Iterator[Traveller]:
    """A browser that follows redirects to this machine, too."""
    with Traveller() as browser:
        yield browser


def sign_in(
    program: Program, traveller: Traveller, user: EndUser, *arguments: str, **environment: str
) -> Ran:
    """Run `signet login`, and sign in with the browser that it opens."""
    process = program.start("login", *arguments, **environment)
    try:
        page = traveller.agree(user, traveller.open(program.address()))
        assert "Go back to the terminal" in page.text
    except BaseException:
        process.kill()
        print(process.communicate())
        raise
    return ended(process)
