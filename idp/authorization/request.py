"""The authorization request as a value: parsed once, after which no code reads parameters.

OIDC Core §3.1.2.1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from idp import policy
from idp.authorization.claims_request import ClaimsRequest
from idp.authorization.requested_scopes import scopes_of
from idp.clients.redirect_uris import MAX_STATE, ReplyAddress
from idp.models import Client, ResourceServer
from idp.protocol import response_types
from idp.protocol.authorization_details import PARAMETER, Detail
from idp.protocol.errors import InvalidRequest
from idp.protocol.parameters import Parameters
from idp.protocol.redirect_uris import loopback_port
from idp.protocol.rules import upholds
from idp.tokens.access_token import known_apis
from idp.tokens.authorization_details import requested

#: Maximum length of a state. A client can store more itself.
MAX_NONCE = 1024
_MAX_AGE_DIGITS = 9
_SHA256 = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Arrival:
    """A request's parameters and time of arrival; `interaction_id` once it is stored."""

    parameters: Parameters
    arrived_at: datetime
    interaction_id: str | None = None
    #: The session that agreed on this request's consent page, if one did.
    consented_in: str | None = None
    #: The session that was chosen on this request's chooser, if one was.
    chosen_in: str | None = None
    #: The session of the operator of a test sign-in (`test_sign_in`); None for a client's request.
    tested_in: str | None = None
    #: Whether its client pushed it (RFC 9126).
    was_pushed: bool = False


@dataclass(frozen=True)
class AuthorizationRequest:
    """A client's request on behalf of a user."""

    client: Client
    reply_to: ReplyAddress
    arrived_at: datetime
    response_type: str
    response_mode: str | None
    scopes: frozenset[str]
    prompts: frozenset[str]
    nonce: str | None = None
    #: The claims asked for one by one, as far as this client may (OIDC Core §5.5).
    claims: ClaimsRequest = field(default_factory=ClaimsRequest)
    max_age: int | None = None
    #: The APIs that tokens are to be for (RFC 8707 §2.1).
    resource: tuple[str, ...] = ()
    #: The same APIs, as they are registered.
    apis: tuple[ResourceServer, ...] = ()
    #: What the user is asked to authorize in detail (RFC 9396 §2).
    authorization_details: tuple[Detail, ...] = ()
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    #: The DPoP key that the code is bound to (RFC 9449 §10).
    dpop_jkt: str | None = None
    id_token_hint: str | None = None
    login_hint: str | None = None
    #: Levels of authentication that the client would like, the preferred first: a wish.
    acr_values: tuple[str, ...] = ()
    #: Levels of which one has to be reached (OIDC Core §5.5.1.1); empty where none has to.
    essential_acr: tuple[str, ...] = ()
    #: Unsupported parameters; `checks` refuses them with the right error.
    unsupported: frozenset[str] = frozenset()
    consented_in: str | None = None
    chosen_in: str | None = None
    #: The id of its interaction, if it is stored as one.
    interaction_id: str | None = None
    is_test_sign_in: bool = False

    def returns(self, part: str) -> bool:
        """Whether the response includes this part: a code, an ID token, an access token."""
        return part in response_types.parts(self.response_type)

    @property
    def loopback_port(self) -> int | None:
        """The port at which any program of the device may listen, unless it is registered.

        RFC 8252 §8.6: a client without a secret is not known by it, so its user is asked.
        """
        uri = self.reply_to.redirect_uri
        if not self.client.is_public or uri in self.client.redirect_uris:
            return None
        return loopback_port(uri)

    @property
    def returns_to_any_program(self) -> bool:
        """Whether any program of the device may have claimed the scheme of the redirect URI.

        RFC 8252 §8.6: so no earlier consent counts.
        """
        scheme = self.reply_to.redirect_uri.partition(":")[0].lower()
        return self.client.is_public and scheme in policy.PRIVATE_URI_SCHEMES

    @classmethod
    def parse(cls, arrival: Arrival, reply_to: ReplyAddress) -> "AuthorizationRequest":
        """Parse the parameters. Raises InvalidRequest for invalid ones, InvalidTarget for
        APIs, and InvalidAuthorizationDetails.

        Unknown parameters are ignored (RFC 6749 §3.1), and so are scopes that can't be granted
        (OIDC Core §3.1.2.1).
        """
        parameters = arrival.parameters
        parameters.refuse_repeats()
        client = reply_to.client
        max_age = _seconds(parameters.values)
        response_type = _response_type(parameters)
        _bounded(parameters.values, "state", MAX_STATE)
        claims = ClaimsRequest.parse(parameters.get("claims")).offered_to(client)
        resource = tuple(dict.fromkeys(parameters.resources))
        apis = tuple(known_apis(client, resource)) if resource else ()
        details = parameters.get(PARAMETER)
        return cls(
            client=client,
            reply_to=reply_to,
            arrived_at=arrival.arrived_at,
            response_type=response_type,
            response_mode=parameters.get("response_mode"),
            scopes=scopes_of(parameters.get("scope"), response_type, client, apis),
            prompts=frozenset((parameters.get("prompt") or "").split()),
            nonce=_bounded(parameters.values, "nonce", MAX_NONCE),
            claims=claims,
            max_age=client.default_max_age if max_age is None else max_age,
            resource=resource,
            apis=apis,
            authorization_details=() if details is None else tuple(requested(client, details)),
            code_challenge=parameters.get("code_challenge"),
            code_challenge_method=parameters.get("code_challenge_method"),
            dpop_jkt=_thumbprint(parameters),
            id_token_hint=parameters.get("id_token_hint"),
            login_hint=parameters.get("login_hint"),
            acr_values=_acr_values(parameters, client),
            essential_acr=claims.essential_acr_values(),
            unsupported=frozenset({"registration"} & set(parameters.values)),
            consented_in=arrival.consented_in,
            chosen_in=arrival.chosen_in,
            interaction_id=arrival.interaction_id,
            is_test_sign_in=arrival.tested_in is not None,
        )


@upholds("RFC 6749 §3.1.1")
def _response_type(parameters: Parameters) -> str:
    """Return the response type. RFC 6749 §3.1.1: it is required."""
    response_type = parameters.get("response_type")
    if response_type is None:
        raise InvalidRequest("The parameter response_type is missing; send response_type=code.")
    return response_type


def _acr_values(parameters: Parameters, client: Client) -> tuple[str, ...]:
    """Return the levels asked for that there are, else the client's own. OIDC Core §3.1.2.1."""
    asked = parameters.get("acr_values")
    values = client.default_acr_values if asked is None else asked.split()
    return tuple(value for value in dict.fromkeys(values) if value in policy.ACR_VALUES)


@upholds("RFC 9449 §10")
def _thumbprint(parameters: Parameters) -> str | None:
    """Return the key that the code is to be bound to. RFC 9449 §10; RFC 7638 §3, a SHA-256."""
    jkt = parameters.get("dpop_jkt")
    if jkt is not None and _SHA256.fullmatch(jkt) is None:
        raise InvalidRequest(
            "The dpop_jkt has to be the SHA-256 thumbprint of a key: 43 characters of base64url."
        )
    return jkt


@upholds("OIDC Core §3.1.2.1")
def _bounded(values: Mapping[str, str], name: str, most: int) -> str | None:
    value = values.get(name)
    if value is not None and len(value) > most:
        raise InvalidRequest(f"The parameter {name} is longer than {most} characters.")
    return value


@upholds("OIDC Core §3.1.2.1")
def _seconds(values: Mapping[str, str]) -> int | None:
    value = values.get("max_age")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_AGE_DIGITS):
        raise InvalidRequest("The max_age has to be a whole number of seconds, such as 3600.")
    return int(value)
