"""Act as an app that asks users to sign in elsewhere, and as the user who answers. OIDC CIBA."""

from typing import Any

import httpx

from foundation.statements import hash_of
from idp.models import BackchannelAuthentication
from idp.protocol.vocabulary import CIBA
from tests import secrecy
from tests.relying_party import Browser, EndUser, Registered, RelyingParty, make_client

METADATA = {
    "client_name": "Helpdesk",
    "grant_types": [CIBA],
    "response_types": [],
    "redirect_uris": None,
    "profile": "recommended",
}


def make_asking_client(**metadata: Any) -> Registered:
    """Register a client that may ask users to sign in elsewhere."""
    return make_client(**{**METADATA, **metadata})


class Desk:
    """A program that asks a user."""

    def __init__(self, user: EndUser, client: Registered | None = None) -> None:
        self.client = client or make_asking_client()
        self.user = user
        self.party = RelyingParty(self.client, Browser(), user)
        self.asked: dict[str, Any] = {}

    def send(self, **parameters: Any) -> httpx.Response:
        """Send a request; None leaves a parameter out."""
        usual = {"scope": "openid", "login_hint": self.user.email, "binding_message": "W4SCT"}
        response = self.party.post("/bc-authorize", **{**usual, **parameters})
        if response.status_code == 200:
            self.asked = response.json()
            secrecy.used.note(self.asked["auth_req_id"])
        return response

    def asks(self, **parameters: Any) -> "Desk":
        """Send a request that is accepted."""
        response = self.send(**parameters)
        assert response.status_code == 200, response.text
        return self

    def refused(self, **parameters: Any) -> str:
        """Return the error of a request."""
        response = self.send(**parameters)
        assert response.status_code in {400, 401, 429}, response.text
        return str(response.json()["error"])

    @property
    def row(self) -> BackchannelAuthentication:
        return BackchannelAuthentication.objects.get(id_hash=hash_of(self.asked["auth_req_id"]))

    def change(self, **columns: Any) -> None:
        BackchannelAuthentication.objects.filter(pk=self.row.pk).update(**columns)

    @property
    def page(self) -> str:
        return f"/account/requests/{self.row.key}/"

    def poll(self, *, waits: bool = True, **parameters: Any) -> httpx.Response:
        """Poll; `waits` lets the interval pass first, in the database."""
        if waits:
            self.change(last_checked=None)
        auth_req_id = self.asked["auth_req_id"]
        form = {"grant_type": CIBA, "auth_req_id": auth_req_id, **parameters}
        return self.party.token(**form)

    def error(self, **parameters: Any) -> str:
        """Return the error of a poll."""
        response = self.poll(**parameters)
        assert response.status_code == 400, response.text
        return str(response.json()["error"])

    def tokens(self) -> dict[str, Any]:
        response = self.poll()
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]

    def answered(self, browser: Browser, button: str = "approve") -> httpx.Response:
        """Let the user, who is signed in at the browser, answer."""
        return browser.submit(browser.open(self.page), button)
