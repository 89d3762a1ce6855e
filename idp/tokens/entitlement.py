"""The entitlement of a token request: the result of every grant."""

from collections.abc import Callable
from dataclasses import dataclass

from idp.models import Client, Grant


@dataclass(frozen=True)
class Entitlement:
    """The scopes and APIs that a client may have now: of a grant, or (None) for itself."""

    client: Client
    grant: Grant | None
    scopes: frozenset[str]
    #: The APIs that the access token may be for; empty for any.
    resource: tuple[str, ...] = ()
    #: Those of the scopes that the token request names; empty for all.
    asked_scopes: frozenset[str] = frozenset()
    #: Those of the APIs that the token request names; empty for all that the grant named.
    asked_resource: tuple[str, ...] = ()
    #: The next refresh token; None to create a random one.
    next_refresh_token: str | None = None
    #: The id of the refresh token that was used, if one was.
    predecessor_id: int | None = None
    #: Whether a code or a refresh token was used up for it.
    uses_up: bool = False
    #: Undoes the redemption if no tokens can be issued.
    undo: Callable[[], object] | None = None
