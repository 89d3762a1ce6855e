"""The entitlement of a token request: the result of every grant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from idp.models import Client, Grant, ResourceServer
from idp.models.connection import Connection
from idp.possession.presenter import Confirmation


@dataclass(frozen=True)
class Exchange:
    """What bounds the access token of an exchange. RFC 8693 §2.2."""

    #: The APIs that it is for; empty for none in particular.
    servers: tuple[ResourceServer, ...]
    #: Seconds until the exchanged token expires.
    lifetime: int
    #: The `act` claim; None where no other party acts for the user.
    act: dict[str, Any] | None


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
    #: The `authorization_details` of the token request, as they came (RFC 9396 §6); None for none.
    asked_details: str | None = None
    #: The next refresh token; None to create a random one.
    next_refresh_token: str | None = None
    #: The id of the refresh token that was used, if one was.
    predecessor_id: int | None = None
    #: Whether a code or a refresh token was used up for it.
    uses_up: bool = False
    #: Whether there is an access token alone: the user did not sign in for it.
    access_token_only: bool = False
    #: Whether the refresh token that was used stays in use, and no other is given.
    keeps_refresh_token: bool = False
    #: Undoes the redemption if no tokens can be issued.
    undo: Callable[[], object] | None = None
    #: Records an event about it, given the token response that it got.
    record: Callable[[dict[str, Any]], object] | None = None
    #: The type of the token that an exchange gives (RFC 8693 §3); empty for all other grants.
    issued_token_type: str = ""
    #: The bounds of an exchanged access token.
    exchange: Exchange | None = None
    #: The application that an ID-JAG is for, instead of tokens.
    connection: Connection | None = None
    #: Seconds that an ID-JAG lives.
    lifetime: int = 0
    #: The device secret that came (OIDC Native SSO §3), or none.
    device_secret: str | None = None
    #: The confirmations of what was redeemed: whoever asks has to be bound by all of them.
    bound_to: tuple[Confirmation, ...] = ()
