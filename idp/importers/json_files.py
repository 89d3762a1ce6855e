"""Long lists in JSON files of any length, read in bounded memory.

A record beyond the limits is passed over and reported; only what the parser itself would have to
keep (a text without an end, very deep nesting) ends the reading.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import ijson

from idp.importers import reading
from idp.importers.progress import Tell
from idp.importers.reading import (
    CHUNK,
    DEEPEST,
    NO_OBJECT,
    REPEATED,
    TOO_DEEP,
    TOO_LONG,
    Broken,
    opened,
)
from idp.importers.source import UnusableFileError

_STARTS, _ENDS = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
#: SystemError is what ijson raises for a number with thousands of digits.
_NOT_JSON = (ijson.JSONError, ValueError, OverflowError, SystemError)
#: Levels after which reading ends: the parser keeps them.
_DEEPEST_OF_ALL = 1000


def json_list(
    path: Path, member: str = "", tell: Tell = bool
) -> Iterator[tuple[int, dict[str, Any] | Broken]]:
    """Yield the objects of a long list of a JSON file, with their places from 1.

    The list is a member of the outermost object, or with no name the outermost value itself.
    Anything else in the file is passed over. `tell` hears how much of it is read. Raises
    UnusableFileError where the file is not JSON, or holds what no memory should.
    """
    level, names = (2, {member}) if member else (1, {""})
    with _guarded(path) as file:
        for number, (_, value) in enumerate(_values(file, "start_array", level, names), start=1):
            tell(file.bytes_read / file.length)
            if value.refusal is not None:
                yield number, value.refusal
            else:
                yield number, value.found if isinstance(value.found, dict) else Broken(NO_OBJECT)


def json_members(path: Path, names: Collection[str]) -> dict[str, Any]:
    """Return some members of a file's outermost object; each may be as large as a record.

    Raises UnusableFileError.
    """
    members: dict[str, Any] = {}
    with _guarded(path) as file:
        for name, value in _values(file, "start_map", 1, names):
            if value.refusal is not None:
                raise UnusableFileError(f"{name}: {value.refusal}")
            members[name] = value.found
            if len(members) == len(names):
                break
    return members


class _Guarded:
    """A file that ends the reading of a text without an end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.length = max(os.fstat(file.fileno()).st_size, 1)
        self.bytes_read = 0
        #: How much was read when the parser last had something to tell.
        self.told_at = 0

    def read(self, size: int = -1) -> bytes:
        if self.bytes_read - self.told_at > reading.LONGEST:
            raise UnusableFileError(f"A value in it is longer than {reading.LONGEST // 2**20} MiB.")
        data = self._file.read(size if size >= 0 else CHUNK)
        self.bytes_read += len(data)
        return data


@contextmanager
def _guarded(path: Path) -> Iterator[_Guarded]:
    """Open a file; what the parser says of it becomes UnusableFileError."""
    with opened(path) as opened_file:
        file = _Guarded(opened_file)
        try:
            yield file
        except UnusableFileError as problem:
            raise UnusableFileError(f"{path}: {problem}") from None
        except _NOT_JSON as problem:
            is_encoding = isinstance(problem, UnicodeDecodeError) or "UTF8" in str(problem)
            what = "is not UTF-8" if is_encoding else "is not JSON, or breaks off,"
            raise UnusableFileError(f"{path}: It {what} before byte {file.bytes_read}.") from None


class _Value:
    """A value that is built of the parser's events, unless it is beyond the limits."""

    def __init__(self, began: int) -> None:
        self.found: Any = None
        self.refusal: Broken | None = None
        self._began = began
        #: The objects and lists around what comes next.
        self._open: list[Any] = []
        self._name = ""

    def take(self, event: str, found: Any, bytes_read: int) -> None:
        if self.refusal is not None:
            return
        if event == "map_key":
            self._name = found
            if found in self._open[-1]:
                self._refuse(REPEATED)
        elif event in _ENDS:
            self._open.pop()
        elif len(self._open) >= DEEPEST:
            self._refuse(TOO_DEEP)
        elif bytes_read - self._began > reading.LONGEST + CHUNK:
            self._refuse(TOO_LONG)
        else:
            self._add(event, found)

    def _add(self, event: str, found: Any) -> None:
        if event == "start_map":
            found = {}
        elif event == "start_array":
            found = []
        elif isinstance(found, Decimal):
            found = float(found)
        if not self._open:
            self.found = found
        elif type(self._open[-1]) is dict:
            self._open[-1][self._name] = found
        else:
            self._open[-1].append(found)
        if event in _STARTS:
            self._open.append(found)

    def _refuse(self, reason: str) -> None:
        self.refusal = Broken(reason)
        self.found, self._open = None, []


def _values(
    file: _Guarded, container: str, level: int, names: Collection[str]
) -> Iterator[tuple[str, _Value]]:
    """Yield the values at a level that are in such a container, by the name at the first level."""
    name, around, depth = "", "", 0
    value: _Value | None = None
    for event, found in ijson.basic_parse(file, buf_size=CHUNK):
        file.told_at = file.bytes_read
        if event in _ENDS:
            depth -= 1
        elif event == "map_key":
            name = found if depth == 1 else name
        elif value is None and depth == level and around == container and name in names:
            value = _Value(file.bytes_read)
        if value is not None and depth >= level:
            value.take(event, found, file.bytes_read)
        if event in _STARTS:
            around = event if depth == level - 1 else around
            depth = _deeper(depth)
        if value is not None and depth == level and event != "map_key":
            yield name, value
            value = None


def _deeper(depth: int) -> int:
    if depth == _DEEPEST_OF_ALL:
        raise UnusableFileError(f"It is nested more than {_DEEPEST_OF_ALL} deep.")
    return depth + 1
