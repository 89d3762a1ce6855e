"""The sources, by the names that the command has for them."""

from typing import Final

from idp.importers.auth0 import Auth0
from idp.importers.authentik import Authentik
from idp.importers.csv_table import Table
from idp.importers.databases import OidcProvider, Toolkit
from idp.importers.django_users import DjangoUsers
from idp.importers.firebase import Firebase
from idp.importers.keycloak import Keycloak
from idp.importers.source import Source

_ALL: Final[tuple[Source, ...]] = (
    *(Keycloak(), Auth0(), Firebase(), Authentik()),
    *(DjangoUsers(), Toolkit(), OidcProvider(), Table()),
)
SOURCES: Final = {source.name: source for source in _ALL}
