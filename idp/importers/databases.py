"""The sources whose origin is the database of another Django project with an OAuth server.

Its people are rows; what they and apps hold is taken over after them (`taking_over`).
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone

from idp import policy
from idp.importers import oidc_provider, toolkit
from idp.importers.foreign_tables import ForeignTables
from idp.importers.report import Told
from idp.importers.source import Options, Row, Unreadable, UnusableFileError
from idp.importers.taking_over import People, TakeOver

_PERSON = ("username", "email", "password", "first_name", "last_name", "is_active")


class Toolkit:
    """django-oauth-toolkit."""

    name: ClassVar[str] = "toolkit"
    help: ClassVar[str] = "the database of a project with django-oauth-toolkit"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what is in that project's settings, and not in its database."""
        _add_issuer(parser)
        parser.add_argument(
            "--refresh-token-lifetime",
            type=int,
            metavar="SECONDS",
            help="its REFRESH_TOKEN_EXPIRE_SECONDS, if it has one",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield the people."""
        return _people(_opened(options, toolkit.APPLICATIONS))

    def afterwards(self, options: Options, *, dry_run: bool) -> Iterator[list[Told]]:
        """Take apps, codes and tokens over, and yield what became of them."""
        tables = _opened(options, toolkit.APPLICATIONS)
        run = _run(toolkit.NAME, tables, options, dry_run=dry_run)
        seconds = options.own.get("refresh_token_lifetime")
        lifetime = timedelta(seconds=seconds) if seconds else None
        yield from run.take_apps(toolkit.apps(tables))
        yield from run.take_authorizations(toolkit.authorizations(tables, run.now, lifetime))


class OidcProvider:
    """django-oidc-provider."""

    name: ClassVar[str] = "django-oidc-provider"
    help: ClassVar[str] = "the database of a project with django-oidc-provider"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what is in that project's settings, and not in its database."""
        _add_issuer(parser)
        parser.add_argument(
            "--hours",
            type=int,
            default=int(policy.SIGNED_AT_MOST.total_seconds() / 3600),
            help="for how many hours its keys are published: as long as its ID tokens live",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield the people."""
        return _people(_opened(options, oidc_provider.CLIENTS))

    def afterwards(self, options: Options, *, dry_run: bool) -> Iterator[list[Told]]:
        """Take clients, consents, codes, tokens and keys over; yield what became of them."""
        tables = _opened(options, oidc_provider.CLIENTS)
        run = _run(oidc_provider.NAME, tables, options, dry_run=dry_run)
        yield from run.take_apps(oidc_provider.apps(tables))
        yield from run.take_consents(oidc_provider.consents(tables, run.now))
        yield from run.take_authorizations(oidc_provider.authorizations(tables, run.now))
        yield from run.take_keys(oidc_provider.keys(tables), options.own.get("hours") or 0)


def _add_issuer(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--issuer",
        default=policy.ISSUER,
        help="the issuer that it has been, if it was another one than this server’s",
    )


def _opened(options: Options, table: str) -> ForeignTables:
    """Return the tables of the database, one of which has to be there. Raises UnusableFileError."""
    tables = ForeignTables(options.origin)
    if not tables.columns_of(table):
        raise UnusableFileError(f"The database has no table {table}.")
    return tables


def _run(name: str, tables: ForeignTables, options: Options, *, dry_run: bool) -> TakeOver:
    issuer = options.own.get("issuer") or policy.ISSUER
    return TakeOver(name, issuer, People(tables), timezone.now(), dry_run=dry_run)


def _people(tables: ForeignTables) -> Iterator[Row | Unreadable]:
    """Yield the people of `auth_user`. Their subject is their primary key, as both servers say."""
    for row in tables.rows("auth_user", _PERSON):
        entry: dict[str, Any] = {
            "email": row["email"] or "",
            "sub": str(row["id"]),
            "password_hash": "" if row["password"].startswith("!") else row["password"],
            "preferred_username": row["username"],
            "given_name": row["first_name"],
            "family_name": row["last_name"],
            "is_active": bool(row["is_active"]),
        }
        yield Row(row["id"], "users", {name: it for name, it in entry.items() if it != ""})
