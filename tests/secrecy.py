"""Every secret that a run makes or is given, and the search for them where none may ever be.

`tests.relying_party` and the browsers note what passes through them, so no test has to. What the
servers logged is searched when they stop, the events when the run ends (`tests.conftest`).
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

#: What is shorter could be there by chance.
SHORTEST = 16
#: Different characters that a secret has at least: "xxxxxxxxxxxxxxx" is a password that is refused.
VARIETY = 5
#: The beginning of a secret is a leak, too: logs cut lines.
TELLING = 24
#: Members of answers and parameters of addresses that are secrets.
NAMES = frozenset(
    {"access_token", "refresh_token", "id_token", "code", "client_secret"} | {"device_secret"}
)


class Secrets:
    """What has to stay secret, and the search for it."""

    def __init__(self) -> None:
        #: The beginnings of all secrets in all spellings, by their first characters.
        self._beginnings: dict[str, set[str]] = {}

    def note(self, *values: object) -> None:
        """Keep these values in mind; what is no text, or too short, is passed over."""
        for value in values:
            for part in _parts(value) if isinstance(value, str) else ():
                for spelling in _spellings(part):
                    beginnings = self._beginnings.setdefault(spelling[:SHORTEST], set())
                    beginnings.add(spelling[:TELLING])

    def note_client(self, client_id: str, secret: str) -> None:
        """Keep a client's secret in mind, also as a Basic header has it."""
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        self.note(secret, b64encode(pair.encode()).decode(), b64encode(secret.encode()).decode())

    def note_members(self, members: Mapping[str, Any]) -> None:
        """Keep in mind what of an answer is secret."""
        self.note(*(members[name] for name in NAMES & set(members)))

    def note_address(self, url: str) -> None:
        """Keep in mind what of an address's query and fragment is secret."""
        parts = urlsplit(url)
        self.note_members(dict(parse_qsl(parts.query) + parse_qsl(parts.fragment)))

    def leaks(self, text: str) -> list[str]:
        """Return each line that holds a secret: its number, and what comes before the secret."""
        return [
            f"line {number}: {line[max(0, at - 300) : at]}•••"
            for number, line in enumerate(text.splitlines(), 1)
            if (at := self._first(line)) is not None
        ]

    def _first(self, line: str) -> int | None:
        """Return where the first secret of a line begins, or None. One pass, however many."""
        for at in range(len(line) - SHORTEST + 1):
            beginnings = self._beginnings.get(line[at : at + SHORTEST])
            if beginnings and line.startswith(tuple(beginnings), at):
                return at
        return None


def _parts(value: str) -> Iterable[str]:
    """Return what of a value is secret: of a signed or encrypted JWT, all but its header."""
    if value.startswith("eyJ") and value.count(".") in {2, 4}:
        return [part for part in value.split(".")[1:] if len(part) >= SHORTEST]
    return [value] if len(value) >= SHORTEST and len(set(value)) >= VARIETY else []


def _spellings(value: str) -> set[str]:
    """Return a value as it is and as addresses, JSON and Python write it."""
    return {value, quote(value), quote_plus(value), json.dumps(value)[1:-1], repr(value)[1:-1]}


#: The secrets of this run.
used = Secrets()
