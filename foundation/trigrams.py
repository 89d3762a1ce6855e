"""Trigram indexes of PostgreSQL: find rows by any part of a text, however many rows there are.

They need the extension pg_trgm, which not every database may create, so nothing depends on them.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction

log = structlog.get_logger(__name__)
_WILDCARDS = re.compile(r"[%_\\]")
#: What an index needs of a word; a search without it would read the whole index.
_INDEXED = re.compile(r"\w{3}")
#: With statistics that are out of date, the planner would read the table row by row. The timeout
#: is for texts that very many rows have.
_BOUND = (
    "SELECT set_config('enable_seqscan', 'off', true), "
    "set_config('statement_timeout', '300ms', true)"
)


#: So many of a table's newest rows tell which words are common: what one in so many of them has.
#: The index would give a good part of the table for such a word.
_SAMPLE, _ONE_IN = 1000, 10


@dataclass(frozen=True)
class TrigramIndex:
    """An index of a table's rows by a text, an SQL expression of the row's columns."""

    name: str
    table: str
    text: str

    def make(self, using: Any) -> None:
        """Make the index, or log why this database cannot; for migrations, which go on."""
        if using.vendor != "postgresql":
            return
        try:
            with transaction.atomic(using.alias), using.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 0")
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                cursor.execute(
                    f"CREATE INDEX IF NOT EXISTS {self.name} ON {self.table} "
                    f"USING gin ((UPPER({self.text})) gin_trgm_ops)"
                )
        except DatabaseError as problem:
            log.warning("no_trigram_index", index=self.name, problem=str(problem).strip())

    def remove(self, using: Any) -> None:
        """Remove the index, if it is there."""
        if using.vendor == "postgresql":
            with using.cursor() as cursor:
                cursor.execute(f"DROP INDEX IF EXISTS {self.name}")

    def finds(self, term: str) -> bool:
        """Whether the index is there and of use for a term: it has a word of three letters."""
        return _INDEXED.search(term) is not None and is_there(self.name)

    def keys(self, words: list[str], most: int) -> list[int]:
        """Return the keys of at most so many rows whose text has each of these words.

        No keys, if each of them is common among the newest rows or too short for the index.
        """
        patterns = [_pattern(word) for word in words]
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_BOUND)
                rare = self._are_rare(cursor, patterns)
                if not any(rare):
                    return []
                tests = " AND ".join(map(self._test, rare))
                statement = f"SELECT id FROM {self.table} WHERE {tests} LIMIT %s"
                cursor.execute(statement, [*patterns, most])
                keys = [key for (key,) in cursor.fetchall()]
                transaction.set_rollback(True)  # A transaction around this one loses the limits.
                return keys
        except OperationalError as problem:
            log.warning("search_took_too_long", index=self.name, problem=str(problem).strip())
            return []

    def _are_rare(self, cursor: Any, patterns: list[str]) -> list[bool]:
        """Return for each pattern whether the index is worth asking for it."""
        common = ", ".join(["COUNT(*) FILTER (WHERE text LIKE UPPER(%s))"] * len(patterns))
        cursor.execute(
            f"SELECT {common} FROM (SELECT UPPER({self.text}) AS text FROM {self.table} "
            "ORDER BY id DESC LIMIT %s) AS newest",
            [*patterns, _SAMPLE],
        )
        counts = cursor.fetchone()
        return [
            _INDEXED.search(pattern) is not None and count * _ONE_IN < _SAMPLE
            for pattern, count in zip(patterns, counts, strict=True)
        ]

    def _test(self, by_index: Any) -> str:
        """Return the test for a word, which the index is asked for or not."""
        hidden = "" if by_index else " || ''"
        return f"UPPER({self.text}){hidden} LIKE UPPER(%s)"


@cache
def is_there(name: str) -> bool:
    """Whether the database has an index of this name; asked once, since migrations make them."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        (found,) = cursor.fetchone()
    return bool(found)


def _pattern(word: str) -> str:
    """Return the pattern of LIKE for texts that have a word anywhere."""
    escaped = _WILDCARDS.sub(r"\\\g<0>", word)
    return f"%{escaped}%"
