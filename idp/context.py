"""Context processor: the client's name, logo and links of the request's interaction."""

from typing import Any

from django.http import HttpRequest

from foundation import plain_text
from idp.clients.display import app_of
from idp.current_interaction import interaction_of


def continuing_to(request: HttpRequest) -> dict[str, Any]:
    """Return `app` and `login_hint` for templates, if an interaction is under way."""
    row = interaction_of(request)
    if row is None:
        return {}
    hint = row.parameters.get("login_hint", "")[:254]
    return {
        "app": app_of(row.client, row.parameters.get("redirect_uri", "")),
        "login_hint": "" if plain_text.problem_with(hint) else hint,
    }
