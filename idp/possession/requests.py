"""The presenter of a request: what it proves, and whether a token is bound to that."""

from datetime import datetime

from django.http import HttpRequest

from idp.possession.presenter import UNPROVEN, Confirmation, Presenter, is_the_one
from idp.protocol.errors import InvalidToken
from idp.protocol.rules import upholds

#: The headers by which requests prove a key.
PROOFS = frozenset({"HTTP_DPOP"})


def presenter_of(
    request: HttpRequest,  # noqa: ARG001
    now: datetime,  # noqa: ARG001
    token: str | None = None,  # noqa: ARG001
) -> Presenter:
    """Return the keys that a request proves; `token` is the access token that it presents."""
    return UNPROVEN


@upholds("RFC 9449 §7.1")
def presenter_is_the_one(
    request: HttpRequest, token: str, confirmation: Confirmation | None, now: datetime
) -> None:
    """Raise InvalidToken unless an access token is bound to who presents it, or to nobody.

    RFC 9449 §7.1, RFC 8705 §3.
    """
    if not is_the_one(presenter_of(request, now, token), confirmation):
        raise InvalidToken("The access token is bound to a key that this request does not prove.")
