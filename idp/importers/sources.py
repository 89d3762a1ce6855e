"""The sources, by the names that the command has for them."""

from typing import Final

from idp.importers.csv_table import Table
from idp.importers.keycloak import Keycloak
from idp.importers.source import Source

SOURCES: Final[dict[str, Source]] = {source.name: source for source in (Keycloak(), Table())}
