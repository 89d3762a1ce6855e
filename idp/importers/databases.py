"""The sources whose origin is the database of another Django project with an OAuth server.

Its people are rows; what they and apps hold is taken over after them (`taking_over`).
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

from django.utils import timezone

from idp import policy
from idp.importers import oidc_provider, toolkit
from idp.importers.django_users import DjangoUsers
from idp.importers.foreign_tables import ForeignTables
from idp.importers.report import Told
from idp.importers.source import Options, Row, Unreadable, UnusableFileError
from idp.importers.taking_over import People, TakeOver


class Toolkit(DjangoUsers):
    """django-oauth-toolkit."""

    name: ClassVar[str] = "toolkit"
    help: ClassVar[str] = "the database of a project with django-oauth-toolkit"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add where its people are, and what is in its settings and not in its database."""
        super().add_arguments(parser)
        _add_issuer(parser)
        parser.add_argument(
            "--refresh-token-lifetime",
            type=int,
            metavar="SECONDS",
            help="its REFRESH_TOKEN_EXPIRE_SECONDS, if it has one",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield groups and people."""
        _opened(options, toolkit.APPLICATIONS).close()
        return super().rows(options)

    def afterwards(self, options: Options, *, dry_run: bool) -> Iterator[list[Told]]:
        """Take apps, codes and tokens over, and yield what became of them."""
        tables = _opened(options, toolkit.APPLICATIONS)
        run = _run(toolkit.NAME, tables, options, dry_run=dry_run)
        seconds = options.own["refresh_token_lifetime"]
        lifetime = timedelta(seconds=seconds) if seconds else None
        yield from run.take_apps(toolkit.apps(tables))
        yield from run.take_authorizations(toolkit.authorizations(tables, run.now, lifetime))


class OidcProvider(DjangoUsers):
    """django-oidc-provider."""

    name: ClassVar[str] = "django-oidc-provider"
    help: ClassVar[str] = "the database of a project with django-oidc-provider"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add where its people are, and what is in its settings and not in its database."""
        super().add_arguments(parser)
        _add_issuer(parser)
        parser.add_argument(
            "--hours",
            type=int,
            default=int(policy.SIGNED_AT_MOST.total_seconds() / 3600),
            help="for how many hours its keys are published: as long as its ID tokens live",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield groups and people."""
        _opened(options, oidc_provider.CLIENTS).close()
        return super().rows(options)

    def afterwards(self, options: Options, *, dry_run: bool) -> Iterator[list[Told]]:
        """Take clients, consents, codes, tokens and keys over; yield what became of them."""
        tables = _opened(options, oidc_provider.CLIENTS)
        run = _run(oidc_provider.NAME, tables, options, dry_run=dry_run)
        yield from run.take_apps(oidc_provider.apps(tables))
        yield from run.take_consents(oidc_provider.consents(tables, run.now))
        yield from run.take_authorizations(oidc_provider.authorizations(tables, run.now))
        yield from run.take_keys(oidc_provider.keys(tables), options.own["hours"])


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
    columns = (options.own[name] for name in ("table", "sub_column", "email_column"))
    issuer = options.own["issuer"] or policy.ISSUER
    return TakeOver(name, issuer, People(tables, *columns), timezone.now(), dry_run=dry_run)
