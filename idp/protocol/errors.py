"""The errors that OAuth 2.0 and OpenID Connect define. RFC 6749 §4.1.2.1, §5.2.

A class's docstring is what the page behind `error_uri` says about its code: what it means, and what
to check, in this order.
"""

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

    def __init__(self, description: str, *, retry_after: int | None = None) -> None:
        self.description = printable(description)
        #: Seconds after which trying again may help, where that is known (RFC 9110 §10.2.3).
        self.retry_after = retry_after
        super().__init__(self.description)


class InvalidRequest(ProtocolError):
    """The request lacks a parameter, repeats one, or has one that cannot be understood.

    1. Read error_description: it names the parameter. Log the request as your app really sends it,
       after every proxy and library, and look for that parameter there.
    2. It is missing: an empty value counts as missing, too. Check that the setting it comes from is
       filled in where the app runs.
    3. It was sent twice: a parameter stands in the address or in the body, once. A client secret or
       an access token goes in the header or in the body, never in both and never in the address.
    4. The redirect_uri is not registered: compare it character by character with the list that the
       operator keeps. http or https, the port, a slash at the end and capitals all count.
    5. The body was not understood: send application/x-www-form-urlencoded, not JSON.
    6. PKCE is required, or not understood: send a code_challenge with code_challenge_method=S256.
       Any current OpenID Connect library has a switch for it.
    7. The client_id is unknown or disabled: compare it with the operator's, and ask them. One that
       is an https address has to be where your app's own document is, and stand in that document.
    8. The page was incomplete or too old: people who took more than an hour, or came back by a
       bookmark, begin once more in your app.
    """

    code = "invalid_request"


class BodyTooLarge(InvalidRequest):
    """The body of the request is larger than any request here has to be."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    section = "RFC 9110 §15.5.14"


class UnknownClient(InvalidRequest):
    """The request names no client that is registered and enabled."""

    section = "OIDC Core §3.1.2.1"


class UnusableClientDocument(UnknownClient):
    """The client_id is an address, and what is there does not describe a client for us."""

    section = "OAuth Client ID Metadata Document §5.1"


class UnregisteredRedirectUri(InvalidRequest):
    """The address to send the person to is not one that the client registered."""

    section = "OIDC Core §3.1.2.1"

    def __init__(self, parameter: str, uri: str) -> None:
        super().__init__(
            f"The {parameter} is not one that is registered for this client; "
            "it has to match one of them character by character."
        )
        self.parameter = parameter
        self.uri = uri


class RequestExpired(InvalidRequest):
    """The person took longer than a request is kept for, or came by an incomplete address."""

    section = "OIDC Core §3.1.2"


class InvalidClient(ProtocolError):
    """The client could not be authenticated: it is unknown, or its secret or method is wrong.

    1. The client_id is unknown: compare it with the operator's. Test and live systems have
       different ones.
    2. The method is another: the app was registered for one token_endpoint_auth_method. With
       client_secret_basic id and secret go in the Authorization header, with client_secret_post in
       the body, and with none there is no secret. Set the one that error_description names.
    3. The secret is wrong: copy it once more, without spaces or a line break at its end, and look
       whether the app's environment really has it. In the header, id and secret are percent-encoded
       before base64 (RFC 6749 §2.3.1), or as they are.
    4. The secret has expired: ask the operator for a new one.
    5. With private_key_jwt or client_secret_jwt: iss and sub are the client_id, aud is our issuer,
       exp is a few minutes ahead, and jti is new each time. Use a key and an algorithm that are
       registered.
    6. Too many wrong secrets came from your address (429): stop what sends them, and wait as many
       seconds as Retry-After says. The right secret is never refused.
    """

    code = "invalid_client"
    status = HTTPStatus.UNAUTHORIZED


class TooManyWrongSecrets(InvalidClient):
    """Too many wrong secrets came for this client from one IP address; wait a minute."""

    section = "RFC 6749 §2.3.1"
    status = HTTPStatus.TOO_MANY_REQUESTS


class InvalidGrant(ProtocolError):
    """The code or refresh token is not valid: expired, used before, revoked, or another client's.

    1. It was used before: a code works once. Look for a second request of the same code, such as a
       reloaded callback page or a library that tries again. A second use also revokes what the
       first gave.
    2. It has expired: a code lives for a minute. Exchange it as soon as it arrives.
    3. The redirect_uri differs: send the very one of the authorization request.
    4. The code_verifier does not belong: keep it with the browser's session, together with state,
       and send the one whose challenge began this sign-in. Two tabs need two.
    5. A refresh token was used before: each works once. Store the new one that every refresh gives
       before you use its access token, and let only one process refresh at a time.
    6. The person has signed out, or the authorization has been revoked: send them through the
       authorization endpoint again. To go on without them, ask for offline_access.
    7. The person may not use your app any more: tell them to ask the operator.
    """

    code = "invalid_grant"


class TooManyWrongPasswords(InvalidGrant):
    """Too many wrong passwords came for an account or from one address; wait a few minutes."""

    section = "RFC 6749 §4.3.2"
    status = HTTPStatus.TOO_MANY_REQUESTS


class UnauthorizedClient(ProtocolError):
    """The client is not registered for this grant type or response type.

    1. Compare the grant_type or response_type that your library sends with those of your app's
       registration. For signing people in they are authorization_code and code.
    2. For refresh tokens the registration needs the grant type refresh_token, too.
    3. Ask the operator to register what is missing.
    4. At the introspection endpoint: only a client with a secret may ask.
    """

    code = "unauthorized_client"


class UnsupportedGrantType(ProtocolError):
    """This provider does not know the grant type.

    1. Look for a spelling mistake: grant_type is authorization_code, refresh_token or
       client_credentials.
    2. Compare it with grant_types_supported in discovery. The password grant, for one, is not
       there: send the person through the authorization endpoint.
    """

    code = "unsupported_grant_type"


class InvalidScope(ProtocolError):
    """The scopes asked for cannot be granted to this client, or not now.

    1. In an authorization request: ask for openid at least, the scopes separated by spaces.
    2. With a refresh token: ask for no more than was granted at first, or leave scope out.
    3. With client_credentials: ask for the scopes of APIs only. Those of people, such as profile,
       are nothing that a client has for itself.
    4. With resource: ask for a scope of that API.
    5. Ask the operator which scopes your app is registered for.
    """

    code = "invalid_scope"


class InvalidTarget(ProtocolError):
    """The resource is not an API known here, or not one this authorization is for. RFC 8707 §2.

    1. Send the API's identifier exactly as the operator registered it, a slash at its end included.
    2. At the token endpoint, name only resources that the authorization request named.
    3. If several APIs want different tokens, ask for one at a time: refresh once for each.
    """

    code = "invalid_target"
    section = "RFC 8707 §2"


class AccessDenied(ProtocolError):
    """The person said no, or nobody may register apps in this way.

    1. After a sign-in, treat it as an answer, not as a fault: say that they are not signed in, and
       offer to try again.
    2. If many say no, ask for fewer scopes, or ask later, when it is plain what they are for.
    3. The person is in none of the groups that the operator admits to your app: say so, and whom to
       ask. Another account of theirs may be admitted.
    4. Your app has been disabled meanwhile: ask the operator.
    5. At the registration endpoint: ask the operator for an initial access token, or to register
       the app. After too many registrations from your address (429), wait a minute.
    """

    code = "access_denied"
    section = "RFC 6749 §4.1.2.1"


class UnsupportedResponseType(ProtocolError):
    """This provider does not know the response type.

    1. Send response_type=code, and exchange the code at the token endpoint.
    2. If your library sends token or id_token, switch it to the authorization code flow with PKCE.
    """

    code = "unsupported_response_type"
    section = "RFC 6749 §4.1.2.1"


class ServerError(ProtocolError):
    """Something failed here, at the provider.

    1. Try again in a moment.
    2. If it fails again, tell the operator the reference.
    """

    code = "server_error"
    section = "RFC 6749 §4.1.2.1"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class TemporarilyUnavailable(ProtocolError):
    """The provider is too busy for what this request needs, or has just tried it in vain.

    1. Try again after the seconds that Retry-After names, where it is there, else after a few.
    2. If it comes again and again: the request needs something of your app fetched (jwks_uri,
       request_uri, sector_identifier_uri, the document at its client_id). Serve that within a
       second. A host that did not answer in time is left alone for half a minute.
    3. A request_uri is fetched each time unless its fragment is the hash of its content: use one.
    """

    code = "temporarily_unavailable"
    section = "RFC 6749 §4.1.2.1"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class LoginRequired(ProtocolError):
    """The person has to sign in, and the request forbade showing a page (prompt=none).

    1. Expect it: with prompt=none it means no more than that nobody is signed in. Send the person
       again without prompt=none when they choose to sign in.
    2. The sign-in is too old: max_age, or your app's default_max_age, asks for a newer one. Send
       them again without prompt=none.
    3. The id_token_hint is of somebody else: the person has changed accounts. Sign them out of your
       app and begin anew without the hint.
    4. In an iframe: browsers keep our cookie from frames of other sites. Use a whole page.
    """

    code = "login_required"
    section = "OIDC Core §3.1.2.6"


class AccountSelectionRequired(ProtocolError):
    """Several people are signed in at the browser, and prompt=none forbade asking which one.

    1. Send them once without prompt=none; they choose on a page of ours.
    2. Send an id_token_hint only of the person who is signed in at your app.
    """

    code = "account_selection_required"
    section = "OIDC Core §3.1.2.6"


class ConsentRequired(ProtocolError):
    """The person has to agree first, and the request forbade showing a page (prompt=none).

    1. Send them once without prompt=none; what they agree to is remembered.
    2. A scope is new: they are asked again for what they have not agreed to before.
    """

    code = "consent_required"
    section = "OIDC Core §3.1.2.6"


class InteractionRequired(ProtocolError):
    """The person has to do something first, and the request forbade showing a page (prompt=none).

    1. Your app asks for more than a password, and the present sign-in did not have it. Send them
       again without prompt=none: they are asked for what is missing.
    """

    code = "interaction_required"
    section = "OIDC Core §3.1.2.6"


class UnmetAuthenticationRequirements(ProtocolError):
    """The person cannot be authenticated as the request calls essential.

    1. Compare the essential acr values of your claims parameter with acr_values_supported in
       discovery.
    2. The person has no second step or passkey: ask them to set one up in their account, and send
       them again.
    3. If you can do with less, send acr_values instead: a wish, never an error. The ID token's acr
       says what was reached.
    """

    code = "unmet_authentication_requirements"
    section = "OIDC Core §5.5.1.1"


class InvalidRequestObject(ProtocolError):
    """The request object is not signed by its client, or is not one for us and for now.

    1. Sign it with a key that is registered for your app (jwks, jwks_uri), by the algorithm that is
       registered (request_object_signing_alg). Unsigned ones are never accepted.
    2. Let iss be your client_id and aud our issuer, and let it expire (exp) in a few minutes.
    3. Outside of it, client_id and response_type have to be the same as inside.
    4. If it is encrypted, register request_object_encryption_alg, sign before you encrypt, and take
       the key with use=enc from our jwks_uri.
    """

    code = "invalid_request_object"
    section = "OIDC Core §3.1.2.6"


class InvalidRequestUri(ProtocolError):
    """The request object could not be fetched from the request_uri.

    1. Register the address in request_uris, exactly as you send it.
    2. Serve it over https, without a redirect, within two seconds, as
       application/oauth-authz-req+jwt or application/jwt, and no larger than 64 KiB.
    3. Pushed authorization requests are not offered: send the parameters themselves.
    """

    code = "invalid_request_uri"
    section = "OIDC Core §3.1.2.6"


class RegistrationNotSupported(ProtocolError):
    """The registration parameter is not supported.

    1. Leave it out, and let the operator register the app.
    """

    code = "registration_not_supported"
    section = "OIDC Core §3.1.2.6"


class RegistrationClosed(AccessDenied):
    """Clients cannot register themselves at this provider; its operator registers them."""

    section = "RFC 7591 §3"
    status = HTTPStatus.FORBIDDEN


class TooManyRegistrations(AccessDenied):
    """Too many clients were registered or fetched from one address; wait a minute."""

    section = "RFC 7591 §5"
    status = HTTPStatus.TOO_MANY_REQUESTS


class InvalidRedirectUri(ProtocolError):
    """One of the redirect URIs cannot be registered. RFC 7591 §3.2.2.

    1. A website's starts with https://, or with http:// on the developer's own machine; a native
       app may have a custom scheme that is a domain name in reverse.
    2. None has a fragment (what follows a #) or a wildcard.
    3. With an initial access token, its host may have to be one that the token names.
    """

    code = "invalid_redirect_uri"
    section = "RFC 7591 §3.2.2"


class InvalidClientMetadata(ProtocolError):
    """A member of the client's metadata cannot be registered. RFC 7591 §3.2.2.

    1. Look at the member that the description names, and at its type.
    2. Compare its value with discovery, which lists what is offered. What is not is refused rather
       than left out where the client would rely on it; members that nobody knows are ignored.
    3. grant_types and response_types have to go together, and to be open to registration here.
    """

    code = "invalid_client_metadata"
    section = "RFC 7591 §3.2.2"


class InvalidSoftwareStatement(ProtocolError):
    """The software statement has a wrong signature, time or audience. RFC 7591 §3.2.2.

    1. Send it exactly as its issuer gave it to you.
    2. If it has expired, or is meant for another provider, ask its issuer for a new one.
    3. Where its issuer's keys could not be had, try again in a minute.
    """

    code = "invalid_software_statement"
    section = "RFC 7591 §3.2.2"


class UnapprovedSoftwareStatement(ProtocolError):
    """Software statements of this issuer are not accepted here. RFC 7591 §3.2.2.

    1. Send the metadata itself, and an initial access token if the operator gave you one.
    2. Or ask the operator to name the statement's issuer.
    """

    code = "unapproved_software_statement"
    section = "RFC 7591 §3.2.2"


class InvalidToken(ProtocolError):
    """The token is expired, revoked, malformed, used up, or its session has ended. RFC 6750 §3.1.

    1. It has expired: compare with expires_in. Use the refresh token, or send the person through
       the authorization endpoint again.
    2. It is unknown: send the access_token of the token response as it is; not the ID token, not
       the code, and nothing of another provider.
    3. It is for another API: a token with a resource opens that API alone. Ask for one without it.
    4. The person has signed out, or their account or your app has been disabled: sign them out of
       your app, too.
    5. At registration: ask the operator for a new initial access token. A registration access token
       is good for its own client alone, as long as that is registered.
    """

    code = "invalid_token"
    section = "RFC 6750 §3.1"
    status = HTTPStatus.UNAUTHORIZED


class InsufficientScope(ProtocolError):
    """The access token is good, but was not granted the scope this needs. RFC 6750 §3.1.

    1. Ask for the scope that WWW-Authenticate names in the authorization request; UserInfo needs
       openid.
    2. Compare with scope in the token response: it says what was granted.
    """

    code = "insufficient_scope"
    section = "RFC 6750 §3.1"
    status = HTTPStatus.FORBIDDEN


class InsufficientUserAuthentication(ProtocolError):
    """The access token is good, but its person did not sign in as this needs. RFC 9470 §3.

    1. Send the person through the authorization endpoint again, with the acr_values and max_age
       that WWW-Authenticate names, and use the new token.
    2. A refresh does not help: it goes back to the same sign-in.
    """

    code = "insufficient_user_authentication"
    section = "RFC 9470 §3"
    status = HTTPStatus.UNAUTHORIZED


def catalogue() -> dict[str, type[ProtocolError]]:
    """Return every error code with the class whose docstring explains it."""
    return {error.code: error for error in ProtocolError.__subclasses__()}
