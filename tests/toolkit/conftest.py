"""APIs beside Signet: registered, with clients that may use them, and called in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse

from idp.declaration import apply
from tests.in_process import InProcess
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, unique

HOST = ISSUER.partition("://")[2]
#: The doors that want the scope bread.read; each is one of the toolkit's ways to protect a view.
SCOPED = ["scoped", "with-metadata", "decorated", "rest", "rest-with-metadata", "their-server"]
DOORS = ["plain", *SCOPED, "for-clients"]


@dataclass
class Api:
    """An API under an address of its own."""

    name: str

    @property
    def identifier(self) -> str:
        return f"{ISSUER}/apis/{self.name}/"

    def call(self, door: str, token: str, **headers: str) -> HttpResponse:
        """Knock at a door of this API with a bearer token."""
        return self.ask(door, authorization=f"Bearer {token}", **headers)

    def ask(self, door: str, method: str = "GET", data: Any = None, **headers: str) -> HttpResponse:
        """Send any request to a door, as a client without cookies."""
        return InProcess().generic(
            method,
            f"/apis/{self.name}/{door}",
            data or "",
            content_type="application/x-www-form-urlencoded",
            headers=headers,
        )


def make_api(name: str | None = None, **metadata: Any) -> Api:
    api = Api(name or unique("api"))
    entry = {"identifier": api.identifier, "name": "Bread", "scopes": ["bread.read"], **metadata}
    apply({"resource_servers": [entry]}, dry_run=False)
    return api


@pytest.fixture(autouse=True)
def beside(settings: Any) -> None:
    """Put the APIs' addresses beside Signet's."""
    settings.ROOT_URLCONF = "tests.toolkit.urls"


@pytest.fixture
def api() -> Api:
    return make_api(access_token_format="opaque")


Bakery = Callable[..., RelyingParty]


@pytest.fixture
def bakery(api: Api, browser: Browser, user: EndUser) -> Bakery:
    """Make a client that may use APIs."""

    def make(**metadata: Any) -> RelyingParty:
        client = make_client(
            **{
                "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                "scope": "openid offline_access bread.read",
                "refresh_without_offline_access": True,
                **metadata,
            }
        )
        return RelyingParty(client, browser, user)

    return make
