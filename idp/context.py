"""What pages know of the request they serve: the app's name, logo and links."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from idp.continuation import host_of, name_of, pending_of, shown_logo


def continuing_to(http: HttpRequest) -> dict[str, Any]:
    """Return `app` and `login_hint` for the templates, where a request is pending."""
    row = pending_of(http)
    if row is None:
        return {}
    client = row.client
    language = get_language() or ""
    return {
        "app": {
            "name": name_of(client),
            "host": host_of(row.parameters.get("redirect_uri", "")),
            "logo": shown_logo(client),
            "policy_uri": client.in_language("policy_uri", language),
            "tos_uri": client.in_language("tos_uri", language),
        },
        "login_hint": row.parameters.get("login_hint", "")[:254],
    }
