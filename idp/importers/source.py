"""What a source of an import is: a reader that turns a file or database into rows."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from idp.importers.progress import Reached


class UnusableFileError(Exception):
    """Reading can't go on; the message says why, for operators, without the file's content."""


@dataclass(frozen=True)
class Row:
    """A row that could be read."""

    #: Its place in the source, from 1: the line of a file of lines, else the place in its list.
    number: int
    #: The list of a declaration that its entry belongs to (`users`, `clients`), or `groups`.
    kind: str
    #: As `apply` takes it. Roles of `users` are added to those that a user has.
    entry: dict[str, Any]
    #: A user's accounts at identity providers: the name there, and the subject.
    links: tuple[tuple[str, str], ...] = ()
    #: What of it is not taken, and why; the rest is.
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unreadable:
    """A row that could not be read. Reading goes on."""

    number: int
    kind: str
    reason: str
    #: What it is about, if that is known: an address or a name.
    what: str = ""


@dataclass(frozen=True)
class Options:
    """The command's options, as sources take them."""

    #: What is imported: a path, or the URL of a database.
    origin: str
    #: The source's own options, by name.
    own: dict[str, Any] = field(default_factory=dict)
    #: Told by the source, as it reads the people.
    reached: Reached = field(default_factory=Reached)

    @property
    def path(self) -> Path:
        """Return the origin as a path. Raises UnusableFileError if there is no such file."""
        path = Path(self.origin)
        if not path.exists():
            raise UnusableFileError(f"{path}: There is no such file.")
        return path


class Source(Protocol):
    """A kind of software that people move from."""

    #: Its name on the command line, and what its help says.
    name: ClassVar[str]
    help: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options that only this source has."""

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield the rows one by one, each list after those that it refers to.

        Holds a bounded part of the source in memory. Raises UnusableFileError.
        """

    # A source may also have `afterwards(options, *, dry_run)`, which imports, once the rows are
    # here, what a declaration does not have (tokens), and yields batches of what became of it.
