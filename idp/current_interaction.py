"""Which client's request a page belongs to, found from the address it continues to."""

from urllib.parse import parse_qs

from django.http import HttpRequest

from accounts.next import next_of, split
from idp import policy
from idp.authorization import interactions
from idp.models import Interaction

#: The query parameter that carries an interaction's id.
INTERACTION = "interaction"
#: How many of our pages may be named within each other's `next`.
_STEPS = 3


def continue_at(interaction_id: str) -> str:
    """Return the path at which an interaction continues."""
    return f"{policy.path('authorization_endpoint')}?{INTERACTION}={interaction_id}"


def interaction_of(request: HttpRequest) -> Interaction | None:
    """Return the interaction that this page serves, or None; cached on the request."""
    if not hasattr(request, "interaction"):
        interaction_id = _interaction_id(request)
        request.interaction = interactions.find(interaction_id) if interaction_id else None  # type: ignore[attr-defined]
    return request.interaction  # type: ignore[attr-defined, no-any-return]


def carries_wish(path: str) -> bool:
    """Whether the page at this path finds the languages that a client asked for by itself."""
    return "ui_locales=" in path or _id_in(path) is not None


def _interaction_id(request: HttpRequest) -> str | None:
    if request.path_info == policy.PATHS["authorization_endpoint"]:
        return _stored_id(request.META.get("QUERY_STRING", ""))
    return _id_in(request.get_full_path()) or _id_in(next_of(request))


def _stored_id(query: str) -> str | None:
    """Return the id of the interaction that authorize continues with; None for a new request."""
    if f"{INTERACTION}=" not in query:  # the usual case, and cheap
        return None
    members = parse_qs(query)
    return None if "client_id" in members else members.get(INTERACTION, [None])[0]


def _id_in(path: str) -> str | None:
    """Return the id in a path's query, or in that of the `next` it leads to."""
    for _ in range(_STEPS):
        query = parse_qs(split(path).query)
        if INTERACTION in query:
            return query[INTERACTION][0]
        path = query.get("next", [""])[0]
    return None
