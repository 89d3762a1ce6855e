"""Quick starts: the files of examples/quickstart, with a provider's and a client's values in them.

The tests run each as the page shows it, so a file is a whole program or a whole piece of one.
"""

import re
from dataclasses import dataclass
from typing import Final

from idp import policy
from idp.integrations.catalogue import EXAMPLES
from idp.integrations.catalogue import QUICK_START_FILES as FOLDER
from idp.models import Client

#: A client_id that needs no escaping in any of the languages.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class QuickStart:
    """A program that shows how to sign users in, or a machine."""

    name: str
    title: str
    file: str
    grant_type: str = "authorization_code"
    #: Whether the client has no secret.
    is_public: bool = False
    application_type: str = Client.ApplicationType.WEB
    #: The redirect URI on the developer's own machine, as the file has it. Each has a port of its
    #: own, beside those of `make run`; macOS has a service of its own at 5000.
    redirect_uri: str = ""

    @property
    def _text(self) -> str:
        return (FOLDER / self.file).read_text(encoding="utf-8")

    def filled_in(self, client: Client | None) -> str:
        """Return the file with our issuer in it, and the client_id if there is a client."""
        text = self._text.replace(EXAMPLES["issuer"], policy.ISSUER)
        if client is None or not _PLAIN.fullmatch(client.client_id):
            return text
        return text.replace(EXAMPLES["client_id"], client.client_id)

    def fits(self, client: Client) -> bool:
        """Whether this client can do it as it is registered."""
        method = "none" if self.is_public else "client_secret_basic"
        return (
            self.grant_type in client.grant_types
            and method in client.authentication_methods
            and client.application_type == self.application_type
        )


QUICK_STARTS: Final = {
    start.name: start
    for start in (
        QuickStart(
            "django",
            "Django with mozilla-django-oidc",
            "django_settings.py",
            redirect_uri="http://localhost:5003/oidc/callback/",
        ),
        QuickStart(
            "flask",
            "Flask with Authlib",
            "flask_app.py",
            redirect_uri="http://localhost:5001/callback",
        ),
        QuickStart(
            "fastapi",
            "FastAPI with Authlib",
            "fastapi_app.py",
            redirect_uri="http://localhost:5002/callback",
        ),
        QuickStart(
            "express",
            "Express with openid-client",
            "express_app.mjs",
            redirect_uri="http://localhost:5004/callback",
        ),
        QuickStart(
            "single-page-app",
            "A single-page app with oidc-client-ts",
            "single_page_app.html",
            is_public=True,
            redirect_uri="http://localhost:5005/callback",
        ),
        QuickStart(
            "desktop",
            "A desktop app or command-line tool with Authlib",
            "desktop_app.py",
            is_public=True,
            application_type=Client.ApplicationType.NATIVE,
            redirect_uri="http://127.0.0.1/callback",
        ),
        QuickStart(
            "apache",
            "Apache with mod_auth_openidc",
            "apache.conf",
            redirect_uri="http://localhost:5006/oidc/callback",
        ),
        QuickStart("machine", "A machine with curl", "machine.sh", grant_type="client_credentials"),
    )
}
