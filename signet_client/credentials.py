"""The credentials of a machine: of options or of the environment, never in arguments."""

import os
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from signet_client.problems import Problem, printable

#: Options, and the variables that stand for them; each has the path of a file.
_FILES = {
    "client_secret_file": "SIGNET_CLIENT_SECRET_FILE",
    "private_key_file": "SIGNET_PRIVATE_KEY_FILE",
    "assertion_file": "SIGNET_ASSERTION_FILE",
}
_SECRET = "SIGNET_CLIENT_SECRET"


@dataclass(frozen=True)
class Credentials:
    """How a client proves itself: the name of an option of `_FILES`, and what its file has."""

    client_id: str
    kind: str
    value: str


def credentials(options: Namespace) -> Credentials | None:
    """Return the credentials of options or of the environment; None if there are none.

    Raises Problem if there are several, or if something is missing.
    """
    given = {name: getattr(options, name) for name in _FILES if getattr(options, name)}
    is_secret_set = False
    if not given:
        given = {name: os.environ[of] for name, of in _FILES.items() if os.environ.get(of)}
        is_secret_set = bool(os.environ.get(_SECRET))
    if len(given) + is_secret_set > 1:
        raise Problem("A secret, a private key, an assertion: give one of them.")
    client_id = options.client_id or os.environ.get("SIGNET_CLIENT_ID", "")
    if not given and not is_secret_set:
        if options.client_id:
            raise Problem(
                f"How does {printable(client_id)} prove itself? Set {_SECRET}, or give "
                "--client-secret-file, --private-key-file or --assertion-file."
            )
        return None
    if not client_id:
        raise Problem("Which client is it? Give --client-id, or set SIGNET_CLIENT_ID.")
    if is_secret_set:
        return Credentials(client_id, "client_secret_file", os.environ[_SECRET])
    [(kind, path)] = given.items()
    return Credentials(client_id, kind, _content(path))


def _content(path: str) -> str:
    """Return the text of a file without space around it; `-` is standard input."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Problem(f"{path} cannot be read: {why}.") from error
    if not text.strip():
        raise Problem(f"{path} is empty.")
    return text.strip()
