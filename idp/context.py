"""What pages know of the request they serve: the app's name, logo and links."""

from typing import Any

from django.http import HttpRequest

from idp.clients.presentation import app_of
from idp.continuation import pending_of


def continuing_to(http: HttpRequest) -> dict[str, Any]:
    """Return `app` and `login_hint` for the templates, where a request is pending."""
    row = pending_of(http)
    if row is None:
        return {}
    return {
        "app": app_of(row.client, row.parameters.get("redirect_uri", "")),
        "login_hint": row.parameters.get("login_hint", "")[:254],
    }
