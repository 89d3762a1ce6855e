"""Columns of UUIDs that become texts keep their values, on a database of the test's own."""

import sqlite3
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from foundation.uuids_as_text import written_with_dashes


def test_sqlites_digits_get_their_dashes_and_other_texts_stay() -> None:
    """PostgreSQL writes the usual form by itself."""
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE people (sub varchar(255) UNIQUE)")
    subjects = [uuid4() for _ in range(3)]
    rows = [(subject.hex,) for subject in subjects]
    database.executemany("INSERT INTO people VALUES (?)", [*rows, ("auth0|1",)])
    editor: Any = SimpleNamespace(
        connection=SimpleNamespace(vendor="sqlite"), execute=database.execute
    )
    operation: Any = written_with_dashes("people", "sub")

    def stored() -> set[str]:
        return {sub for (sub,) in database.execute("SELECT sub FROM people")}

    operation.code(None, editor)
    assert stored() == {*map(str, subjects), "auth0|1"}
    operation.reverse_code(None, editor)
    assert stored() == {*(subject.hex for subject in subjects), "auth0|1"}
