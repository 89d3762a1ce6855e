"""What pages know of the request they serve: the app's name, logo and links."""

from typing import Any

from django.http import HttpRequest

from idp.continuation import host_of, pending_of, shown_logo


def continuing_to(http: HttpRequest) -> dict[str, Any]:
    """Return `app` and `login_hint` for the templates, where a request is pending."""
    row = pending_of(http)
    if row is None:
        return {}
    client = row.client
    return {
        "app": {
            "name": str(client),
            "host": host_of(row.parameters.get("redirect_uri", "")),
            "logo": shown_logo(client),
            "policy_uri": client.policy_uri,
            "tos_uri": client.tos_uri,
        },
        "login_hint": row.parameters.get("login_hint", "")[:254],
    }
