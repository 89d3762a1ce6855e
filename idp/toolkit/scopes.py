"""The scopes that the toolkit's resource-server side knows: ours and those of APIs."""

from typing import Any

from oauth2_provider.scopes import BaseScopes

from idp import policy
from idp.models import ResourceServer, Scope


class Scopes(BaseScopes):
    """Every scope there is, live from the database."""

    def get_all_scopes(self) -> dict[str, str]:
        """Return every scope with a description."""
        return {scope: text or scope for scope, text in known_scopes().items()}

    def get_available_scopes(self, application: Any = None, *_: Any, **__: Any) -> list[str]:
        """Return the scopes that a client may request."""
        return sorted(application.allowed_scopes if application else known_scopes())

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        """Return none: a request without scopes gets none."""
        return []


def known_scopes() -> dict[str, str]:
    """Return every scope there is: the standard ones, and with a description the operator's."""
    scopes = dict.fromkeys(policy.SCOPES, "")
    scopes |= {scope.name: str(scope) for scope in Scope.objects.all()}
    for server in ResourceServer.objects.all():
        scopes |= {scope: server.describe(scope) for scope in server.scopes}
    return scopes
