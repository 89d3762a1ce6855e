"""Users of another Django project, of django.contrib.auth or a model of its own."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, ClassVar

from idp.importers.foreign_tables import ForeignTables
from idp.importers.members import filled, text
from idp.importers.source import Options, Row, Unreadable, UnusableFileError

_COLUMNS = (
    *("password", "email", "username", "first_name", "last_name", "is_active"),
    *("is_staff", "is_superuser"),
)


class DjangoUsers:
    """The database of a Django project."""

    name: ClassVar[str] = "django"
    help: ClassVar[str] = "the database of a Django project, by its URL"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the table and the columns of a custom model."""
        parser.add_argument("--table", default="auth_user", help="default: auth_user")
        parser.add_argument("--sub-column", default="id", help="what is their sub; default: id")
        parser.add_argument("--email-column", default="email", help="default: email")

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield groups and users. Raises UnusableFileError."""
        table, sub, email = (options.own[name] for name in ("table", "sub_column", "email_column"))
        tables = ForeignTables(options.origin)
        try:
            missing = {"id", "password", sub, email} - tables.columns_of(table)
            if missing:
                raise UnusableFileError(f"The table {table} has no column {min(missing)}.")
            there = tables.columns_of("auth_group")
            for row in tables.rows("auth_group", ("name",)) if there else ():
                yield Row(row["id"], "groups", {"name": row["name"]})
            last = tables.last_number(table) or 1
            number = 0
            for batch in tables.batches(table, tuple({*_COLUMNS, sub, email})):
                ids = [tables.stored(row["id"]) for row in batch]
                groups, verified = _groups(tables, table, ids), _verified(tables, ids)
                for row, pk in zip(batch, ids, strict=True):
                    number = pk if isinstance(pk, int) else number + 1
                    entry = _entry(row, row[sub], text(row[email]))
                    entry["groups"] = groups.get(pk, [])
                    entry["email_verified"] = (pk, entry["email"].lower()) in verified
                    yield Row(number, "users", filled(entry))
                options.reached.tell(number / last)
        finally:
            tables.close()


def _entry(row: dict[str, Any], sub: Any, email: str) -> dict[str, Any]:
    password = text(row["password"])
    return {
        "email": email,
        "sub": str(sub or ""),
        "preferred_username": text(row["username"]),
        "given_name": text(row["first_name"]),
        "family_name": text(row["last_name"]),
        "name": " ".join(filter(None, (text(row["first_name"]), text(row["last_name"])))),
        "is_active": row["is_active"] is None or bool(row["is_active"]),
        "is_staff": bool(row["is_staff"]),
        "is_superuser": bool(row["is_superuser"]),
        "password_hash": "" if password.startswith("!") else password,
    }


def _groups(tables: ForeignTables, table: str, ids: list[Any]) -> dict[Any, list[str]]:
    """Return the names of the groups of users, if the table has the usual one beside it."""
    columns = tables.columns_of(f"{table}_groups")
    user = next((name for name in columns if name not in {"id", "group_id"}), None)
    if user is None:
        return {}
    quote = tables.quoted
    marks = ", ".join(["%s"] * len(ids))
    found: dict[Any, list[str]] = {}
    for pk, name in tables.all(
        f"SELECT m.{quote(user)}, g.name FROM {quote(f'{table}_groups')} m "
        f"JOIN auth_group g ON g.id = m.group_id WHERE m.{quote(user)} IN ({marks})",
        ids,
    ):
        found.setdefault(pk, []).append(name)
    return found


def _verified(tables: ForeignTables, ids: list[Any]) -> set[tuple[Any, str]]:
    """Return the addresses that allauth knows to be verified there: Django itself knows none."""
    if not tables.columns_of("account_emailaddress"):
        return set()
    marks = ", ".join(["%s"] * len(ids))
    statement = (
        f"SELECT user_id, email, verified FROM account_emailaddress WHERE user_id IN ({marks})"
    )
    return {(pk, email.lower()) for pk, email, is_so in tables.all(statement, ids) if is_so}
