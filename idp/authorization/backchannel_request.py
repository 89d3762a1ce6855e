"""A backchannel authentication request as a value: parsed and checked. OIDC CIBA §7.1, §7.2."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta

from foundation import plain_text
from idp import policy
from idp.authorization.requested_scopes import scopes_of
from idp.models import Client
from idp.models.backchannel import LONGEST_MESSAGE
from idp.protocol.authorization_details import PARAMETER, Detail
from idp.protocol.errors import (
    InvalidBindingMessage,
    InvalidRequest,
    InvalidScope,
    UnauthorizedClient,
)
from idp.protocol.parameters import Parameters
from idp.protocol.response_types import CODE
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import CIBA
from idp.tokens.access_token import known_apis, scopes_at
from idp.tokens.authorization_details import requested

#: OIDC CIBA §7.1: a bearer token of at least 128 bits, which base64url has 22 characters for.
_NOTIFICATION_TOKEN = re.compile(r"(?=.{22,1024}\Z)[A-Za-z0-9._~+/-]+=*")
_SECONDS = re.compile(r"[1-9][0-9]{0,8}")
#: Punctuation of binding messages. Without angle brackets and the like there is no markup, …
_PUNCTUATION = frozenset(" .,:;!?+-#*/()'\"&%=_")
#: … and without addresses there is nothing that a mail program makes a link of.
_ADDRESS = re.compile(r"://|www\.|[^\W\d_]\.[^\W\d_]", re.IGNORECASE)


@dataclass(frozen=True)
class BackchannelRequest:
    """A client's request that a user signs in elsewhere."""

    client: Client
    scopes: frozenset[str]
    #: The APIs that tokens are to be for (RFC 8707 §2.1).
    resource: tuple[str, ...]
    #: What the user is asked to authorize in detail (RFC 9396 §2).
    authorization_details: tuple[Detail, ...]
    #: Levels of authentication that the client would like, the preferred first.
    acr_values: tuple[str, ...]
    binding_message: str
    expires_in: timedelta
    #: With what the client is told of the answer; empty with poll.
    notification_token: str

    @classmethod
    def parse(cls, client: Client, parameters: Parameters) -> "BackchannelRequest":
        """Parse and check the parameters, except the hint. Unknown ones are ignored.

        Raises InvalidRequest, InvalidScope, InvalidTarget, InvalidBindingMessage,
        InvalidAuthorizationDetails.
        """
        parameters.refuse_repeats()
        resource = tuple(dict.fromkeys(parameters.resources))
        details = parameters.get(PARAMETER)
        asked = (parameters.get("acr_values") or "").split() or client.default_acr_values
        return cls(
            client=client,
            scopes=_scopes(client, parameters, resource),
            resource=resource,
            authorization_details=() if details is None else tuple(requested(client, details)),
            acr_values=tuple(acr for acr in dict.fromkeys(asked) if acr in policy.ACR_VALUES),
            binding_message=_binding_message(parameters.get("binding_message") or ""),
            expires_in=_expires_in(parameters.get("requested_expiry")),
            notification_token=_notification_token(client, parameters),
        )


@upholds("OIDC CIBA §7.1")
def client_may_ask(client: Client) -> None:
    """OIDC CIBA §7.1: the client authenticates, and is registered for the grant."""
    if CIBA not in client.grant_types:
        raise UnauthorizedClient(f"This client is not registered for the grant_type {CIBA}.")
    if client.is_public:
        raise UnauthorizedClient("This client has no secret or key to authenticate with.")


@upholds("OIDC CIBA §7.1")
def _scopes(client: Client, parameters: Parameters, resource: tuple[str, ...]) -> frozenset[str]:
    """Return the scopes that can be granted; openid has to be among them. OIDC CIBA §7.1."""
    asked = parameters.require("scope")
    apis = tuple(known_apis(client, resource)) if resource else ()
    scopes = scopes_of(asked, CODE, client, apis)
    if "openid" not in scopes:
        raise InvalidScope("The scope has to have openid.")
    if apis:
        scopes_at(apis, client, scopes)
    return scopes


@upholds("OIDC CIBA §7.1")
def _binding_message(text: str) -> str:
    """Return the message that users compare on both devices. OIDC CIBA §7.1, §13.

    A client could write to users by it, in our mail and on our page: it is short, in plain
    characters, and leads nowhere.
    """
    if len(text) > LONGEST_MESSAGE:
        raise InvalidBindingMessage(
            f"The binding_message is longer than {LONGEST_MESSAGE} characters."
        )
    problem = plain_text.problem_with(text)
    odd = next((character for character in text if not _is_plain(character)), None)
    if problem is not None or odd is not None:
        raise InvalidBindingMessage(
            "The binding_message has a character other than letters, digits, spaces, currency "
            "signs and usual punctuation."
        )
    if _ADDRESS.search(text):
        raise InvalidBindingMessage("The binding_message has an address in it, or looks so.")
    return text


def _is_plain(character: str) -> bool:
    kind = unicodedata.category(character)
    return character in _PUNCTUATION or kind[0] in "LMN" or kind in {"Sc", "Pd"}


@upholds("OIDC CIBA §7.1")
def _expires_in(requested: str | None) -> timedelta:
    """Return how long the user may take: as requested, within our limits. OIDC CIBA §7.1."""
    if requested is None:
        return policy.BACKCHANNEL_EXPIRES_IN
    if _SECONDS.fullmatch(requested) is None:
        raise InvalidRequest("The requested_expiry is not a positive number of seconds.")
    asked = timedelta(seconds=int(requested))
    least, most = (
        policy.BACKCHANNEL_EXPIRES_IN_AT_LEAST,
        policy.BACKCHANNEL_EXPIRES_IN_AT_MOST,
    )
    return min(max(asked, least), most)


@upholds("OIDC CIBA §7.1")
def _notification_token(client: Client, parameters: Parameters) -> str:
    """Return the token that a client is told with, which ping requires. OIDC CIBA §7.1."""
    if client.backchannel_token_delivery_mode != "ping":
        return ""
    token = parameters.require("client_notification_token")
    if _NOTIFICATION_TOKEN.fullmatch(token) is None:
        raise InvalidRequest(
            "The client_notification_token is not a bearer token of 22 to 1024 characters, which "
            "has at least 128 bits."
        )
    return token
