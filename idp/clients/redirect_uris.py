"""The verified address of a response. Without one, no response is sent to a client.

OIDC Core §3.1.2.1.
"""

from dataclasses import dataclass

from idp import policy
from idp.models import Client
from idp.protocol import response_types
from idp.protocol.errors import InvalidRequest, UnregisteredRedirectUri
from idp.protocol.parameters import Parameters
from idp.protocol.redirect_uris import differences, nearest
from idp.protocol.rules import upholds


@dataclass(frozen=True)
class ReplyAddress:
    """Where and how a client is answered. Only `verified` makes one."""

    client: Client
    redirect_uri: str
    #: The way of the response: query, fragment or form_post.
    response_mode: str
    state: str | None
    #: Whether it goes there in one signed JWT (JARM §2.3).
    as_jwt: bool = False


#: A longer state would not survive browsers' and proxies' limits on addresses.
MAX_STATE = 4096


@upholds("OIDC Core §3.1.2.1")
def verified(client: Client, parameters: Parameters, its_own: str | None = None) -> ReplyAddress:
    """Return the reply address of an authorization request. OIDC Core §3.1.2.1, RFC 9700 §2.1.

    `its_own` is an address that is valid for this request alone: where a test sign-in is answered,
    or what an authenticated client pushed (RFC 9126 §2.4).
    Raises InvalidRequest, for an error page, where the redirect URI is missing or not registered.
    """
    if "redirect_uri" in parameters.repeated:
        raise InvalidRequest("The parameter redirect_uri was sent more than once.")
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None:
        raise InvalidRequest("The parameter redirect_uri is missing; every request needs it here.")
    if redirect_uri != its_own and not client.redirect_uri_allowed(redirect_uri):
        raise UnregisteredRedirectUri("redirect_uri", redirect_uri)
    return ReplyAddress(
        client=client,
        redirect_uri=redirect_uri,
        response_mode=_mode(client, parameters, redirect_uri),
        state=_returnable(parameters.get("state")),
        as_jwt=parameters.get("response_mode") in response_types.JWT_MODES,
    )


def can_take_a_form(redirect_uri: str) -> bool:
    """Whether a form can be posted there: an app's own scheme opens the app, and takes none."""
    return redirect_uri.startswith(("https://", "http://"))


def exposes_tokens(client: Client, mode: str | None, response_type: str | None) -> bool:
    """Whether this mode would bring tokens in a query that others can read.

    OAuth 2.0 Multiple Response Types §3.0; JARM §2.3.1: unless the response is encrypted.
    """
    in_query = response_types.way_of(mode, response_type) == response_types.QUERY
    is_closed = mode in response_types.JWT_MODES and client.authorization_encrypted_response_alg
    return in_query and response_types.carries_tokens(response_type) and not is_closed


def _mode(client: Client, parameters: Parameters, redirect_uri: str) -> str:
    """Return the way of the response, also for errors. OAuth 2.0 Multiple Response Types §2.1.

    That of the requested mode if it is possible, else the default of the response type: `checks`
    refuses the request if it is not possible.
    """
    response_type, asked = parameters.get("response_type"), parameters.get("response_mode")
    way = response_types.way_of(asked, response_type)
    lost = way == response_types.FORM_POST and not can_take_a_form(redirect_uri)
    if asked not in policy.RESPONSE_MODES or exposes_tokens(client, asked, response_type) or lost:
        return response_types.default_mode(response_type)
    return way


def _returnable(state: str | None) -> str | None:
    """Return the state unless it is too long to go back: `checks` refuses the request for it."""
    return state if state is None or len(state) <= MAX_STATE else None


@dataclass(frozen=True)
class Comparison:
    """An unregistered redirect URI, beside the registered one that is most similar.

    Only for users who may see the registration (`owners.may_see`).
    """

    parameter: str
    nearest: str | None
    differences: list[str]


def compared(client: Client, parameter: str, uri: str) -> Comparison | None:
    """Return how an address that came differs from those registered; None if it is one of them.

    `parameter` is `redirect_uri` or `post_logout_redirect_uri`.
    """
    registered: list[str] = getattr(client, f"{parameter}s")
    allowed = getattr(client, f"{parameter}_allowed")
    if allowed(uri):
        return None
    closest = nearest(uri, registered)
    # The exception for loopback addresses (RFC 8252 §7.3) is of redirect URIs alone.
    native = client.application_type == Client.ApplicationType.NATIVE
    any_port = native and parameter == "redirect_uri"
    found = differences(uri, closest, native=any_port) if closest else []
    return Comparison(parameter, closest, found)
