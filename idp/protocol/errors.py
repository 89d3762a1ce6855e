"""The errors that OAuth 2.0 and OpenID Connect define. RFC 6749 §4.1.2.1, §5.2.

A class's docstring is what the page behind `error_uri` says about its code.
"""

import re
import traceback
from http import HTTPStatus
from typing import ClassVar

#: Descriptions may quote what came, and travel in addresses.
LONGEST_DESCRIPTION = 300


def printable(text: str) -> str:
    r"""Return `text` with only what `error_description` may hold (RFC 6749 §5.2).

    That is printable ASCII without `"` and `\`; anything else becomes a question mark.
    """
    if len(text) > LONGEST_DESCRIPTION:
        text = text[: LONGEST_DESCRIPTION - 3] + "..."
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in text)


class ProtocolError(Exception):
    """An answer the specifications define. `description` helps the client's developer."""

    code: ClassVar[str]
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    #: Where the error is defined. The rule that a request broke is cited where it is raised.
    section: ClassVar[str] = "RFC 6749 §5.2"

    def __init__(self, description: str) -> None:
        self.description = printable(description)
        super().__init__(self.description)


class InvalidRequest(ProtocolError):
    """The request lacks a parameter, repeats one, or has one that cannot be understood.

    The description names the parameter. Compare what you send with the specification's list;
    a library that does this for you is the surest cure.
    """

    code = "invalid_request"


class InvalidClient(ProtocolError):
    """The client could not be authenticated: it is unknown, or its secret or method is wrong.

    Check the client_id and the secret for copying mistakes, and that the client authenticates with
    the method it was registered for (token_endpoint_auth_method).
    """

    code = "invalid_client"
    status = HTTPStatus.UNAUTHORIZED


class TooManyWrongSecrets(InvalidClient):
    """Too many wrong secrets came for this client from one address; wait a minute."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class InvalidGrant(ProtocolError):
    """The code or refresh token is not valid: expired, used before, revoked, or another client's.

    A code lives a minute and works once, with the redirect_uri and the PKCE verifier that belong
    to its authorization request. A refresh token works once, too: go on with the new one that each
    refresh gives. Using either twice revokes all that came of it.
    """

    code = "invalid_grant"


class UnauthorizedClient(ProtocolError):
    """The client is not registered for this grant type or response type."""

    code = "unauthorized_client"


class UnsupportedGrantType(ProtocolError):
    """This provider does not know the grant type. Discovery lists those it does."""

    code = "unsupported_grant_type"


class InvalidScope(ProtocolError):
    """None of the scopes asked for can be granted to this client."""

    code = "invalid_scope"


class InvalidTarget(ProtocolError):
    """The resource is not an API known here, or not one this authorization is for. RFC 8707 §2.

    Send the API's identifier exactly as the operator registered it, and at the token endpoint only
    those that the authorization request named.
    """

    code = "invalid_target"
    section = "RFC 8707 §2"


class AccessDenied(ProtocolError):
    """The person, or the provider's policy, said no. Offer them the way back."""

    code = "access_denied"
    section = "RFC 6749 §4.1.2.1"


class UnsupportedResponseType(ProtocolError):
    """This provider does not know the response type. Discovery lists those it does."""

    code = "unsupported_response_type"
    section = "RFC 6749 §4.1.2.1"


class ServerError(ProtocolError):
    """Something failed here that was not foreseen. Trying again later may help."""

    code = "server_error"
    section = "RFC 6749 §4.1.2.1"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class LoginRequired(ProtocolError):
    """The person has to sign in, and the request forbade showing a page (prompt=none).

    Send them again without prompt=none. An id_token_hint of somebody else leads here, too.
    """

    code = "login_required"
    section = "OIDC Core §3.1.2.6"


class ConsentRequired(ProtocolError):
    """The person has to agree first, and the request forbade showing a page (prompt=none)."""

    code = "consent_required"
    section = "OIDC Core §3.1.2.6"


class RequestNotSupported(ProtocolError):
    """Request objects passed by value (the request parameter) are not supported."""

    code = "request_not_supported"
    section = "OIDC Core §3.1.2.6"


class RequestUriNotSupported(ProtocolError):
    """Request objects passed by reference (the request_uri parameter) are not supported."""

    code = "request_uri_not_supported"
    section = "OIDC Core §3.1.2.6"


class RegistrationNotSupported(ProtocolError):
    """The registration parameter is not supported."""

    code = "registration_not_supported"
    section = "OIDC Core §3.1.2.6"


class RegistrationClosed(AccessDenied):
    """Clients cannot register themselves at this provider; its operator registers them."""

    section = "RFC 7591 §3"
    status = HTTPStatus.FORBIDDEN


class TooManyRegistrations(AccessDenied):
    """Too many clients were registered from one address; wait a minute."""

    section = "RFC 7591 §5"
    status = HTTPStatus.TOO_MANY_REQUESTS


class InvalidRedirectUri(ProtocolError):
    """One of the redirect URIs cannot be registered. RFC 7591 §3.2.2.

    A website's starts with https://, or with http:// on the developer's own machine; a native app
    may have a custom scheme that is a domain name in reverse. None has a fragment or a wildcard.
    """

    code = "invalid_redirect_uri"
    section = "RFC 7591 §3.2.2"


class InvalidClientMetadata(ProtocolError):
    """A member of the client's metadata cannot be registered. RFC 7591 §3.2.2.

    The description names it. Discovery lists what is offered; what is not is refused rather than
    left out where the client would rely on it. Members that nobody here knows are ignored.
    """

    code = "invalid_client_metadata"
    section = "RFC 7591 §3.2.2"


class UnapprovedSoftwareStatement(ProtocolError):
    """Software statements are not accepted here. RFC 7591 §3.2.2.

    Send the metadata itself, and an initial access token if the operator gave you one.
    """

    code = "unapproved_software_statement"
    section = "RFC 7591 §3.2.2"


class InvalidToken(ProtocolError):
    """The token is expired, revoked, malformed, used up, or its session has ended. RFC 6750 §3.1.

    Ask for a new access token by sending the person through the authorization endpoint again, and
    the operator for a new initial access token. A registration access token is good for its own
    client alone, as long as that is registered.
    """

    code = "invalid_token"
    section = "RFC 6750 §3.1"
    status = HTTPStatus.UNAUTHORIZED


class InsufficientScope(ProtocolError):
    """The access token is good, but was not granted the scope this needs. RFC 6750 §3.1."""

    code = "insufficient_scope"
    section = "RFC 6750 §3.1"
    status = HTTPStatus.FORBIDDEN


_SECTION = re.compile(r"(?:RFC \d+|OIDC [A-Z][\w -]*?) §[\w.]*\w")


def rule_broken(error: ProtocolError) -> tuple[str, str]:
    """Return the check that raised an error, as `room.function`, and the section it upholds.

    The section is the one that the function's docstring cites, else its module's, else the
    error's own: where a rule is written down is said once, beside the code that keeps it.
    """
    if error.__traceback__ is None:
        return "", error.section
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    code = frame.f_code
    cited = next(
        (
            match[0]
            for text in (code.co_consts[0] if code.co_consts else None, frame.f_globals["__doc__"])
            if isinstance(text, str) and (match := _SECTION.search(text))
        ),
        error.section,
    )
    module = str(frame.f_globals["__name__"]).removeprefix("idp.")
    return f"{module}.{code.co_qualname}", cited


def catalogue() -> dict[str, type[ProtocolError]]:
    """Return every error code with the class whose docstring explains it."""
    return {error.code: error for error in ProtocolError.__subclasses__()}
