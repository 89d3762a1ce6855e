"""What a token request was found to be entitled to: every grant ends in one of these."""

from dataclasses import dataclass

from idp.models import Authorization, Client
from idp.statements.presented import Spent
from idp.statements.taking import StoredAhead


@dataclass(frozen=True)
class TokensAhead:
    """Tokens that were stored together with using up what they are given for."""

    access_token: str
    #: Stored where one is given for it, too.
    refresh_token: str
    stored: StoredAhead


@dataclass(frozen=True)
class Entitlement:
    """The scopes that a client may have now: of a grant family, or (None) for itself."""

    client: Client
    authorization: Authorization | None
    scopes: frozenset[str]
    #: The APIs that the access token is to be for; empty for none in particular.
    resource: tuple[str, ...] = ()
    #: The code or refresh token that is used up when tokens are issued, if there is one.
    spent: Spent | None = None
    #: The id of the refresh token that was used, if one was.
    refreshed: int | None = None
    #: The tokens, where they are stored already.
    ahead: TokensAhead | None = None
    #: The refresh token that comes next; None for one that nobody can know before.
    next_refresh_token: str | None = None
    #: Whether that one was given before, and is only given again.
    is_repeated: bool = False
