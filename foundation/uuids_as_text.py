"""For migrations: a column of UUIDs becomes one of texts, with each value in its usual form."""

from typing import Any

from django.db import migrations

#: SQLite keeps a UUID as 32 hexadecimal digits. PostgreSQL writes the usual form by itself.
_WITH_DASHES = (
    "substr({0}, 1, 8) || '-' || substr({0}, 9, 4) || '-' || substr({0}, 13, 4) || '-' || "
    "substr({0}, 17, 4) || '-' || substr({0}, 21)"
)


def written_with_dashes(table: str, column: str) -> migrations.RunPython:
    """Return the operation that comes after the change of the column's type.

    One statement: a million rows take seconds. Texts that are no UUIDs stay as they are; with such
    texts the migration can't be reversed.
    """

    def forwards(_apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "sqlite":
            dashed = _WITH_DASHES.format(column)
            editor.execute(f"UPDATE {table} SET {column} = {dashed} WHERE length({column}) = 32")

    def backwards(_apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(f"UPDATE {table} SET {column} = replace({column}, '-', '')")

    return migrations.RunPython(forwards, backwards)
