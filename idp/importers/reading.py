"""Read files of any length in bounded memory: lines, JSON lines, and CSV.

Nothing here trusts a file: a line, value or nesting beyond these limits is refused, not kept.
"""

import codecs
import csv
import json
import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from idp.importers.progress import Tell
from idp.importers.source import UnusableFileError
from idp.protocol.json_objects import first_repeated

#: Bytes of one record, and levels of nesting in it.
LONGEST = 4 * 2**20
DEEPEST = 30
CHUNK = 64 * 1024
TOO_LONG = f"It is longer than {LONGEST // 2**20} MiB."
TOO_DEEP = f"It is nested more than {DEEPEST} deep."
NO_OBJECT = "It is no object."
REPEATED = "A member is there twice in one place."
#: What other encodings than UTF-8 begin with, as some shells of Windows write them.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Broken(str):
    """Takes the place of a record that can't be read: why it can't."""

    __slots__ = ()


def opened(path: Path) -> BufferedReader:
    """Open a file, after its byte order mark. Raises UnusableFileError, also for UTF-16."""
    try:
        file = path.open("rb")
        begins = file.peek(len(codecs.BOM_UTF8))
        if begins.startswith(codecs.BOM_UTF8):
            file.read(len(codecs.BOM_UTF8))
    except OSError as error:
        raise UnusableFileError(f"{path} cannot be read: {error.strerror}.") from None
    if begins.startswith(_UTF_16):
        file.close()
        raise UnusableFileError(f"{path} is UTF-16. Save it as UTF-8.")
    return file


def lines(path: Path, tell: Tell = bool) -> Iterator[tuple[int, str | Broken]]:
    """Yield the lines of a file with their numbers, without their ends.

    `tell` hears how much of it is read.
    """
    with opened(path) as file:
        number, position, length = 0, 0, max(os.fstat(file.fileno()).st_size, 1)
        while line := file.readline(LONGEST + 1):
            number += 1
            position += len(line)
            tell(position / length)
            if len(line) > LONGEST:
                while not line.endswith(b"\n") and (line := file.readline(CHUNK)):
                    pass
                yield number, Broken(TOO_LONG)
                continue
            try:
                text = line.decode()
            except UnicodeDecodeError:
                yield number, Broken("It is not UTF-8.")
            else:
                yield number, text.rstrip("\r\n")


def json_lines(path: Path, tell: Tell = bool) -> Iterator[tuple[int, dict[str, Any] | Broken]]:
    """Yield the objects of a file with one on each line, with their lines' numbers."""
    for number, line in lines(path, tell):
        if isinstance(line, Broken):
            yield number, line
        elif line.strip():
            yield number, parsed(line)


def parsed(text: str | bytes) -> dict[str, Any] | Broken:
    """Return a JSON object that is one record, or why it is none."""
    try:
        found = json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError:
        return Broken(TOO_DEEP)
    except _RepeatedMemberError as problem:
        return Broken(str(problem))
    except ValueError:
        return Broken("It is not JSON.")
    return _judged(found)


def table(path: Path, tell: Tell = bool) -> Iterator[tuple[int, dict[str, str] | Broken]]:
    """Yield the records of a CSV file (RFC 4180) by their header, with the number of their line.

    The header is the first line; commas, semicolons and tabs separate. Raises UnusableFileError for
    a file without a usable header.
    """
    source = lines(path, tell)
    _, header = next(source, (0, ""))
    if isinstance(header, Broken) or not header.strip():
        raise UnusableFileError(f"{path}: The first line has to be the header.")
    delimiter = max(",;\t", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter))]
    if double := first_repeated(names):
        raise UnusableFileError(f"{path}: The column {double} is there twice.")
    yield from _records(_Fed(source), names, delimiter)


class _Fed:
    """Lines for the CSV reader, which goes on after one that can't be read."""

    def __init__(self, source: Iterator[tuple[int, str | Broken]]) -> None:
        self._source = source
        self.at = 1
        self.broken: Broken | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.at, line = next(self._source)
        if isinstance(line, Broken):
            self.broken = line
            return "\n"
        return line + "\n"


def _records(
    fed: _Fed, names: list[str], delimiter: str
) -> Iterator[tuple[int, dict[str, str] | Broken]]:
    reader = csv.reader(fed, delimiter=delimiter)
    while True:
        begins, fed.broken = fed.at + 1, None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield begins, Broken("It is not CSV: a quotation mark is open, or a cell is too long.")
            continue
        if fed.broken is not None:
            yield begins, fed.broken
        elif len(cells) > len(names):
            yield begins, Broken(f"It has {len(cells)} cells; the header has {len(names)}.")
        elif any(cells):
            yield begins, dict(zip(names, cells, strict=False))


class _RepeatedMemberError(ValueError):
    """An object has a member twice: which one is meant is not to be guessed."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    double = first_repeated(name for name, _ in pairs)
    if double is not None:
        raise _RepeatedMemberError(REPEATED)
    return dict(pairs)


def _judged(found: Any) -> dict[str, Any] | Broken:
    if not isinstance(found, dict):
        return Broken(NO_OBJECT)
    waiting: list[tuple[Any, int]] = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > DEEPEST:
            return Broken(TOO_DEEP)
        if isinstance(value, dict | list):
            parts = value.values() if isinstance(value, dict) else value
            waiting += [(part, depth + 1) for part in parts]
    return found
