"""Act as a client that exchanges tokens. RFC 8693."""

from typing import Any

import httpx

from idp.models import Client
from tests.relying_party import RelyingParty, make_api, make_client, unique

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN, ID_TOKEN, ID_JAG = f"{TYPE}access_token", f"{TYPE}id_token", f"{TYPE}id-jag"
REFRESH_TOKEN, JWT = f"{TYPE}refresh_token", f"{TYPE}jwt"
DEVICE_SECRET = "urn:openid:params:token-type:device-secret"


def make_service(*grants: str, **metadata: Any) -> RelyingParty:
    """Register a confidential client that exchanges tokens, and has no users of its own."""
    client = make_client(
        grant_types=[EXCHANGE, *(grants or ("client_credentials",))],
        response_types=[],
        redirect_uris=None,
        **metadata,
    )
    return RelyingParty(client, None, None)  # type: ignore[arg-type]


def exchange(client: RelyingParty, subject_token: str, **parameters: Any) -> httpx.Response:
    """Exchange an access token, unless another type is named; None leaves a parameter out."""
    sent = {"subject_token": subject_token, "subject_token_type": ACCESS_TOKEN, **parameters}
    return client.token(grant_type=EXCHANGE, **sent)


def exchanged(client: RelyingParty, subject_token: str, **parameters: Any) -> dict[str, Any]:
    """Return the response of an exchange that is permitted."""
    response = exchange(client, subject_token, **parameters)
    assert response.status_code == 200, response.text
    return response.json()


def refused(client: RelyingParty, subject_token: str, **parameters: Any) -> tuple[str, str]:
    """Return the error of an exchange, and its description."""
    response = exchange(client, subject_token, **parameters)
    assert response.status_code == 400, response.text
    return response.json()["error"], response.json()["error_description"]


class Shop:
    """An app whose API calls another API for its users, as RFC 8693 §2.3 has it."""

    def __init__(self) -> None:
        self.orders = make_api(scopes=[unique("order"), unique("more")])
        self.stock = make_api(scopes=[unique("read"), unique("write")])
        self.order, self.more = self.orders["scopes"]
        self.read, self.write = self.stock["scopes"]
        self.backend = make_service(
            scope=f"{self.read} {self.write} {self.order}",
            token_exchange_resources={
                self.stock["identifier"]: {self.read: self.order, self.write: self.more}
            },
        )
        backend_id = self.backend.client.client_id
        make_api(**{**self.orders, "introspection_clients": [backend_id]})
        self.scope = f"openid email offline_access {self.order} {self.more}"
        self.client = make_client(
            client_name="Shop",
            grant_types=["authorization_code", "refresh_token"],
            scope=self.scope,
            first_party=True,
        )

    @property
    def at_stock(self) -> dict[str, str]:
        """The parameter that names the API that is called."""
        return {"resource": self.stock["identifier"]}

    def row(self) -> Client:
        """Return the app as it is stored."""
        return Client.objects.get(client_id=self.client.client_id)
