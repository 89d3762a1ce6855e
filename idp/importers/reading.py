"""Read files of any length in bounded memory: lines, JSON lines, CSV, and long lists of JSON.

Nothing here trusts a file: a line, value or nesting beyond these limits is refused, not kept.
"""

import csv
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import ijson

from idp.importers.source import UnusableFileError
from idp.protocol.json_objects import first_repeated

#: Bytes of one record, and levels of nesting in it.
LONGEST = 4 * 2**20
_DEEPEST = 30
_CHUNK = 64 * 1024
_TOO_LONG = f"It is longer than {LONGEST // 2**20} MiB."
_TOO_DEEP = f"It is nested more than {_DEEPEST} deep."


class Broken(str):
    """Takes the place of a record that can't be read: why it can't."""

    __slots__ = ()


def opened(path: Path) -> IO[bytes]:
    """Open a file. Raises UnusableFileError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise UnusableFileError(f"{path} cannot be read: {error.strerror}.") from None


def lines(path: Path) -> Iterator[tuple[int, str | Broken]]:
    """Yield the lines of a file with their numbers, without their ends."""
    with opened(path) as file:
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                while not line.endswith(b"\n") and (line := file.readline(_CHUNK)):
                    pass
                yield number, Broken(_TOO_LONG)
                continue
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                yield number, Broken("It is not UTF-8.")
            else:
                yield number, text.rstrip("\r\n")


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | Broken]]:
    """Yield the objects of a file with one on each line, with their lines' numbers."""
    for number, line in lines(path):
        if isinstance(line, Broken):
            yield number, line
        elif line.strip():
            yield number, parsed(line)


def parsed(text: str | bytes) -> dict[str, Any] | Broken:
    """Return a JSON object that is one record, or why it is none."""
    try:
        found = json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError:
        return Broken(_TOO_DEEP)
    except _RepeatedMemberError as problem:
        return Broken(str(problem))
    except ValueError:
        return Broken("It is not JSON.")
    return _judged(found)


def table(path: Path) -> Iterator[tuple[int, dict[str, str] | Broken]]:
    """Yield the records of a CSV file (RFC 4180) by their header, with the number of their line.

    The header is the first line; commas, semicolons and tabs separate. Raises UnusableFileError for
    a file without a usable header.
    """
    source = lines(path)
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


def json_list(path: Path, member: str = "") -> Iterator[tuple[int, dict[str, Any] | Broken]]:
    """Yield the objects of a long list of a JSON file, with their places from 1.

    The list is a member of the outermost object, or with no name the outermost value itself.
    Anything else in the file is passed over. Raises UnusableFileError where the file is not JSON,
    or holds what no memory should.
    """
    with opened(path) as file:
        guarded = _Guarded(file)
        place = f"{member}.item" if member else "item"
        try:
            yield from enumerate(_items(guarded, place), start=1)
        except UnusableFileError as problem:
            raise UnusableFileError(f"{path}: {problem}") from None
        except (ijson.JSONError, ValueError, OverflowError):  # UnicodeDecodeError is a ValueError
            raise UnusableFileError(
                f"{path}: It is not JSON, or breaks off, before byte {guarded.bytes_read}."
            ) from None


def json_object(path: Path) -> dict[str, Any]:
    """Return a file that is one small JSON object. Raises UnusableFileError."""
    with opened(path) as file:
        text = file.read(LONGEST + 1)
    if len(text) > LONGEST:
        raise UnusableFileError(f"{path}: {_TOO_LONG}")
    found = parsed(text)
    if isinstance(found, Broken):
        raise UnusableFileError(f"{path}: {found}")
    return found


class _Guarded:
    """A file that ends the reading of a value without an end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.bytes_read = 0
        #: How much was read when the parser last had something to tell.
        self.told_at = 0

    def read(self, size: int = -1) -> bytes:
        if self.bytes_read - self.told_at > LONGEST:
            raise UnusableFileError(f"A value in it is longer than {LONGEST // 2**20} MiB.")
        data = self._file.read(size if size >= 0 else _CHUNK)
        self.bytes_read += len(data)
        return data


def _items(file: _Guarded, place: str) -> Iterator[dict[str, Any] | Broken]:
    """Yield what is at a place of the file, as ijson names it."""
    builder: Any = None
    depth = began = 0
    for prefix, event, value in ijson.parse(file, buf_size=_CHUNK, use_float=True):
        file.told_at = file.bytes_read
        is_start = event in {"start_map", "start_array"}
        if builder is None and prefix == place and event not in {"end_map", "end_array"}:
            if not is_start:
                yield Broken("It is no object.")
                continue
            builder, began, inner = ijson.ObjectBuilder(), file.bytes_read, depth
        depth += is_start - (event in {"end_map", "end_array"})
        if depth > _DEEPEST + 10:
            raise UnusableFileError(_TOO_DEEP)
        if builder is None:
            continue
        builder.event(event, value)
        if file.bytes_read - began > LONGEST + _CHUNK:
            raise UnusableFileError(f"A record in it is longer than {LONGEST // 2**20} MiB.")
        if depth == inner:
            yield _judged(builder.value)
            builder = None


class _RepeatedMemberError(ValueError):
    """An object has a member twice: which one is meant is not to be guessed."""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    double = first_repeated(name for name, _ in pairs)
    if double is not None:
        raise _RepeatedMemberError("A member is there twice in one place.")
    return dict(pairs)


def _judged(found: Any) -> dict[str, Any] | Broken:
    if not isinstance(found, dict):
        return Broken("It is no object.")
    waiting: list[tuple[Any, int]] = [(found, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            return Broken(_TOO_DEEP)
        if isinstance(value, dict | list):
            parts = value.values() if isinstance(value, dict) else value
            waiting += [(part, depth + 1) for part in parts]
    return found


def json_members(path: Path, names: Collection[str]) -> dict[str, Any]:
    """Return some members of a file's outermost object; each may be as large as a record.

    Raises UnusableFileError.
    """
    with opened(path) as file:
        try:
            return dict(_members(_Guarded(file), names))
        except UnusableFileError as problem:
            raise UnusableFileError(f"{path}: {problem}") from None
        except (ijson.JSONError, ValueError, OverflowError):
            raise UnusableFileError(f"{path}: It is not JSON.") from None


def _members(file: _Guarded, names: Collection[str]) -> Iterator[tuple[str, Any]]:
    name, builder, depth, began = "", None, 0, 0
    for prefix, event, value in ijson.parse(file, buf_size=_CHUNK, use_float=True):
        file.told_at = file.bytes_read
        depth += (event in {"start_map", "start_array"}) - (event in {"end_map", "end_array"})
        if depth > _DEEPEST + 10:
            raise UnusableFileError(_TOO_DEEP)
        if event == "map_key" and depth == 1:
            name, began = value, file.bytes_read
            builder = ijson.ObjectBuilder() if name in names else None
        elif builder is not None:
            builder.event(event, value)
            if file.bytes_read - began > LONGEST + _CHUNK:
                raise UnusableFileError(f"{name} is longer than {LONGEST // 2**20} MiB.")
            if depth == 1 and prefix == name:
                yield name, builder.value
                builder = None
