"""The errors that OAuth 2.0 and OpenID Connect define. RFC 6749 §4.1.2.1, §5.2."""

from http import HTTPStatus
from typing import ClassVar, Self

#: Descriptions may quote parameters, and are sent in URLs.
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
    #: Where the error is defined. The rule that a request broke is named where it is raised.
    section: ClassVar[str] = "RFC 6749 §5.2"
    #: The name of a page that explains this cause; empty where the page of the code does.
    cause: ClassVar[str] = ""
    #: Whether it is a denial, for the audit log; False for an answer that is part of the protocol.
    is_denial: ClassVar[bool] = True

    def __init__(self, description: str, *, retry_after: int | None = None) -> None:
        self.description = printable(description)
        #: Seconds after which trying again may help, where that is known (RFC 9110 §10.2.3).
        self.retry_after = retry_after
        super().__init__(self.description)

    @classmethod
    def for_now(cls, reason: str, seconds: int) -> Self:
        """Return the error of an exceeded limit, which says when to try again (RFC 9110 §10.2.3).

        `reason` is a sentence; `seconds` is the time to wait.
        """
        return cls(f"{reason} Try again in {seconds} seconds.", retry_after=seconds)

    @property
    def page(self) -> str:
        """The name of the page that explains the error (RFC 6749 §5.2, `error_uri`)."""
        return self.cause or self.code


class InvalidRequest(ProtocolError):
    """The request lacks a parameter, repeats one, or has one that cannot be understood."""

    code = "invalid_request"


class PkceRequired(InvalidRequest):
    """The request has no code_challenge, but the client has to use PKCE."""

    section = "RFC 9700 §2.1.1"
    cause = "pkce_required"


class BodyTooLarge(InvalidRequest):
    """The body of the request is larger than any request here has to be."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    section = "RFC 9110 §15.5.14"


class UnknownClient(InvalidRequest):
    """The request names no client that is registered and enabled."""

    section = "OIDC Core §3.1.2.1"


class UnusableClientDocument(UnknownClient):
    """The client_id is a URL, and its document does not describe a client for us."""

    section = "OAuth Client ID Metadata Document §5.1"


class UnregisteredRedirectUri(InvalidRequest):
    """The address to send the user to is not one that the client registered."""

    section = "OIDC Core §3.1.2.1"

    def __init__(self, parameter: str, uri: str) -> None:
        super().__init__(
            f"The {parameter} is not one that is registered for this client; "
            "it has to match one of them character by character."
        )
        self.parameter = parameter
        self.uri = uri


class RequestExpired(InvalidRequest):
    """The request's interaction has expired, or its address is incomplete."""

    section = "OIDC Core §3.1.2"


class InvalidClient(ProtocolError):
    """The client could not be authenticated: it is unknown, or its secret or method is wrong."""

    code = "invalid_client"
    status = HTTPStatus.UNAUTHORIZED


class TooManyWrongSecrets(InvalidClient):
    """Too many wrong secrets came for this client from one IP address; wait a minute."""

    section = "RFC 6749 §2.3.1"
    status = HTTPStatus.TOO_MANY_REQUESTS


class InvalidGrant(ProtocolError):
    """The code or refresh token is expired, used before, revoked, or of another client."""

    code = "invalid_grant"


class TooManyWrongPasswords(InvalidGrant):
    """Too many wrong passwords came for an account or from one IP address; wait a few minutes."""

    section = "RFC 6749 §4.3.2"
    status = HTTPStatus.TOO_MANY_REQUESTS


class UnknownUserId(ProtocolError):
    """The hint can name no user."""

    code = "unknown_user_id"
    section = "OIDC CIBA §13"


class InvalidBindingMessage(ProtocolError):
    """The binding message can't be shown to a user: it is too long, or is no plain text."""

    code = "invalid_binding_message"
    section = "OIDC CIBA §13"


class UnauthorizedClient(ProtocolError):
    """The client is not registered for this grant type or response type."""

    code = "unauthorized_client"


class UnsupportedGrantType(ProtocolError):
    """This provider does not know the grant type."""

    code = "unsupported_grant_type"


class InvalidScope(ProtocolError):
    """The scopes asked for cannot be granted to this client, or not now."""

    code = "invalid_scope"


class InvalidTarget(ProtocolError):
    """The resource is not an API known here, or not one this authorization is for. RFC 8707 §2."""

    code = "invalid_target"
    section = "RFC 8707 §2"


class InvalidAuthorizationDetails(ProtocolError):
    """The authorization details are unreadable, invalid, or more than the client may have."""

    code = "invalid_authorization_details"
    section = "RFC 9396 §5"


class AccessDenied(ProtocolError):
    """The user refused, or clients cannot be registered in this way."""

    code = "access_denied"
    section = "RFC 6749 §4.1.2.1"


class AuthorizationPending(ProtocolError):
    """The user has not decided yet: the client polls again after the interval."""

    code = "authorization_pending"
    section = "RFC 8628 §3.5"
    is_denial = False


class SlowDown(AuthorizationPending):
    """The client polled too early: it waits 5 seconds longer from now on, and polls again."""

    code = "slow_down"


class ExpiredToken(ProtocolError):
    """The device code, or the request to a user, has expired: the client begins anew."""

    code = "expired_token"
    section = "RFC 8628 §3.5"


class TooManyDeviceCodes(InvalidRequest):
    """Too many device codes were asked for by this client from one IP address; wait a minute."""

    section = "RFC 8628 §5.1"
    status = HTTPStatus.TOO_MANY_REQUESTS


class TooManyPushedRequests(InvalidRequest):
    """Too many authorization requests were pushed from one IP address; wait a minute."""

    section = "RFC 9126 §2.3"
    status = HTTPStatus.TOO_MANY_REQUESTS


class TooManyBackchannelRequests(AccessDenied):
    """A user, or the client, is asked for too much; wait."""

    section = "OIDC CIBA §13"
    status = HTTPStatus.TOO_MANY_REQUESTS


class UnsupportedResponseType(ProtocolError):
    """This provider does not know the response type."""

    code = "unsupported_response_type"
    section = "RFC 6749 §4.1.2.1"


class ServerError(ProtocolError):
    """Something failed here, at the provider."""

    code = "server_error"
    section = "RFC 6749 §4.1.2.1"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class TemporarilyUnavailable(ProtocolError):
    """The provider is too busy for this request, or has just tried it in vain."""

    code = "temporarily_unavailable"
    section = "RFC 6749 §4.1.2.1"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class LoginRequired(ProtocolError):
    """The user has to sign in, and the request forbade showing a page (prompt=none)."""

    code = "login_required"
    section = "OIDC Core §3.1.2.6"


class AccountSelectionRequired(ProtocolError):
    """Several users are signed in at the browser, and prompt=none forbade asking which one."""

    code = "account_selection_required"
    section = "OIDC Core §3.1.2.6"


class ConsentRequired(ProtocolError):
    """The user has to agree first, and the request forbade showing a page (prompt=none)."""

    code = "consent_required"
    section = "OIDC Core §3.1.2.6"


class InteractionRequired(ProtocolError):
    """The user has to do something first, and prompt=none forbade showing a page."""

    code = "interaction_required"
    section = "OIDC Core §3.1.2.6"


class UnmetAuthenticationRequirements(ProtocolError):
    """The user cannot be authenticated as the request calls essential."""

    code = "unmet_authentication_requirements"
    section = "OIDC Core §5.5.1.1"


class InvalidRequestObject(ProtocolError):
    """The request object is not signed by its client, or is not one for us and for now."""

    code = "invalid_request_object"
    section = "OIDC Core §3.1.2.6"


class InvalidRequestUri(ProtocolError):
    """The request_uri has no request object, or is no longer that of a pushed request."""

    code = "invalid_request_uri"
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
    """Too many clients were registered or fetched from one IP address; wait a minute."""

    section = "RFC 7591 §5"
    status = HTTPStatus.TOO_MANY_REQUESTS


class InvalidRedirectUri(ProtocolError):
    """One of the redirect URIs cannot be registered. RFC 7591 §3.2.2."""

    code = "invalid_redirect_uri"
    section = "RFC 7591 §3.2.2"


class InvalidClientMetadata(ProtocolError):
    """A member of the client's metadata cannot be registered. RFC 7591 §3.2.2."""

    code = "invalid_client_metadata"
    section = "RFC 7591 §3.2.2"


class InvalidSoftwareStatement(ProtocolError):
    """The software statement has a wrong signature, time or audience. RFC 7591 §3.2.2."""

    code = "invalid_software_statement"
    section = "RFC 7591 §3.2.2"


class UnapprovedSoftwareStatement(ProtocolError):
    """Software statements of this issuer are not accepted here. RFC 7591 §3.2.2."""

    code = "unapproved_software_statement"
    section = "RFC 7591 §3.2.2"


class InvalidToken(ProtocolError):
    """The token is expired, revoked or malformed, or its session has ended. RFC 6750 §3.1."""

    code = "invalid_token"
    section = "RFC 6750 §3.1"
    status = HTTPStatus.UNAUTHORIZED


class InvalidDpopProof(ProtocolError):
    """The DPoP proof is missing, invalid, for another request, or was used before."""

    code = "invalid_dpop_proof"
    section = "RFC 9449 §5"


class UseDpopNonce(ProtocolError):
    """The DPoP proof lacks a nonce of ours that still holds: its client tries again with one."""

    code = "use_dpop_nonce"
    section = "RFC 9449 §8"
    is_denial = False


class InsufficientScope(ProtocolError):
    """The access token is valid, but was not granted the scope this needs. RFC 6750 §3.1."""

    code = "insufficient_scope"
    section = "RFC 6750 §3.1"
    status = HTTPStatus.FORBIDDEN


class InsufficientUserAuthentication(ProtocolError):
    """The access token is valid, but its user did not sign in as this needs. RFC 9470 §3."""

    code = "insufficient_user_authentication"
    section = "RFC 9470 §3"
    status = HTTPStatus.UNAUTHORIZED
