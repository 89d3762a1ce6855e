"""CSV with a header, whose columns have the names of the members that `apply` knows."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, ClassVar

from idp.importers.members import filled
from idp.importers.reading import Broken, table
from idp.importers.source import Options, Row, Unreadable

_FLAGS = ("email_verified", "phone_number_verified", "is_active", "is_staff", "is_superuser")
_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}


class Table:
    """A CSV file of people."""

    name: ClassVar[str] = "csv"
    help: ClassVar[str] = "a CSV file of people, whose header has the names of members"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add nothing."""

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield the people. Raises UnusableFileError."""
        for number, record in table(options.path, options.reached.tell):
            if isinstance(record, Broken):
                yield Unreadable(number, "users", record)
            else:
                yield _row(number, record)


def _row(number: int, record: dict[str, str]) -> Row:
    entry: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    address: dict[str, str] = {}
    links: list[tuple[str, str]] = []
    for column, cell in record.items():
        text = cell.strip()
        if not text:
            continue
        head, _, rest = column.partition(".")
        if head == "attributes":
            attributes[rest] = text
        elif head == "address":
            address[rest] = text
        elif head == "link":
            links.append((rest, text))
        elif column == "groups":
            entry[column] = [name.strip() for name in text.split("|") if name.strip()]
        elif column in _FLAGS:
            entry[column] = _WORDS.get(text.lower(), text)
        else:
            entry[column] = text
    entry |= filled({"attributes": attributes, "address": address})
    return Row(number, "users", entry, tuple(links))
