"""Checks of an authorization request, before any page. To add one: write, list and test it."""

import re
from collections.abc import Callable, Iterable

from idp import policy
from idp.authorization.request import AuthorizationRequest
from idp.clients import fapi2
from idp.clients.redirect_uris import can_take_a_form, exposes_tokens
from idp.protocol import response_types
from idp.protocol.errors import (
    InvalidAuthorizationDetails,
    InvalidRequest,
    InvalidScope,
    PkceRequired,
    ProtocolError,
    RegistrationNotSupported,
    UnauthorizedClient,
    UnmetAuthenticationRequirements,
    UnsupportedResponseType,
)
from idp.protocol.rules import upholds
from idp.tokens.access_token import one_token_fits, scopes_at

Check = Callable[[AuthorizationRequest], None]

#: An S256 challenge: unpadded base64url.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_UNSUPPORTED: dict[str, type[ProtocolError]] = {
    "registration": RegistrationNotSupported,
}


@upholds("OIDC Core §3.1.2.6")
def nothing_unsupported_is_asked(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.1.2.6: each has an error of its own; ignoring one could drop a safeguard."""
    for name in sorted(authorization_request.unsupported):
        raise _UNSUPPORTED[name](f"The parameter {name} is not supported; leave it out.")


@upholds("RFC 6749 §3.1.1")
def response_type_is_offered(authorization_request: AuthorizationRequest) -> None:
    """RFC 6749 §3.1.1: the order of a combination's parts does not matter."""
    if not _is_one_of(authorization_request.response_type, policy.RESPONSE_TYPES):
        raise UnsupportedResponseType(
            f"The response_type {authorization_request.response_type} is not offered here; "
            f"it has to be {' or '.join(policy.OFFERED_RESPONSE_TYPES)}."
        )


@upholds("OIDC Dynamic Client Registration §2")
def response_type_is_registered(authorization_request: AuthorizationRequest) -> None:
    """OIDC Dynamic Client Registration §2: a client may use only its registered response types."""
    if not _is_one_of(
        authorization_request.response_type, authorization_request.client.response_types
    ):
        raise UnauthorizedClient(
            "This client is not registered for the response_type "
            f"{authorization_request.response_type}."
        )


@upholds("OAuth 2.0 Multiple Response Types §2.1")
def response_mode_is_offered(authorization_request: AuthorizationRequest) -> None:
    """OAuth 2.0 Multiple Response Types §2.1: an unknown mode is refused, never replaced."""
    if (
        authorization_request.response_mode is not None
        and authorization_request.response_mode not in policy.RESPONSE_MODES
    ):
        raise InvalidRequest(
            f"The response_mode {authorization_request.response_mode} is not offered here; "
            f"it can be {' or '.join(policy.RESPONSE_MODES)}."
        )


@upholds("OAuth 2.0 Multiple Response Types §3.0")
def tokens_never_travel_in_a_query(authorization_request: AuthorizationRequest) -> None:
    """OAuth 2.0 Multiple Response Types §3.0: queries end up in logs and Referer headers."""
    mode, response_type = authorization_request.response_mode, authorization_request.response_type
    if exposes_tokens(authorization_request.client, mode, response_type):
        raise InvalidRequest(
            f"The response_mode {mode} is not possible with "
            f"response_type={authorization_request.response_type}; "
            "tokens come in the fragment, or with form_post."
        )


@upholds("OAuth 2.0 Form Post Response Mode §2")
def forms_are_posted_to_the_web(authorization_request: AuthorizationRequest) -> None:
    """OAuth 2.0 Form Post Response Mode §2: no other address takes a form."""
    mode = authorization_request.response_mode
    is_posted = response_types.way_of(mode, None) == response_types.FORM_POST
    if is_posted and not can_take_a_form(authorization_request.reply_to.redirect_uri):
        raise InvalidRequest(
            f"The response_mode {mode} is not possible for an app's own scheme; leave it out."
        )


@upholds("FAPI 2.0 Message Signing §5.4.1")
def response_is_signed_where_required(authorization_request: AuthorizationRequest) -> None:
    """FAPI 2.0 Message Signing §5.4.1: some clients believe nothing that is not signed (JARM)."""
    required = authorization_request.client.require_signed_authorization_response
    is_signed = authorization_request.response_mode in response_types.JWT_MODES
    if required and not is_signed and not authorization_request.is_test_sign_in:
        raise InvalidRequest(
            "This client has to ask for a signed response: send response_mode=jwt, or another that "
            "ends with jwt."
        )


@upholds("FAPI 2.0 Security Profile §5.3.2.2")
def profile_is_kept(authorization_request: AuthorizationRequest) -> None:
    """FAPI 2.0 Security Profile §5.3.2.2: what the profile demands of each request.

    PKCE and pushed requests are looked for where they are of others.
    """
    client = authorization_request.client
    if not client.has_high_security or authorization_request.is_test_sign_in:
        return
    fapi2.registration_is_sufficient(client)
    if not fapi2.is_protected(client, authorization_request.reply_to.redirect_uri):
        raise InvalidRequest("The redirect_uri has to start with https:// for this client.")


@upholds("OIDC Core §3.2.2.1")
def id_token_binds_the_nonce(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.2.2.1, §3.3.2.11: without a nonce, an ID token in an address can be replayed."""
    if (
        authorization_request.returns(response_types.ID_TOKEN)
        and authorization_request.nonce is None
    ):
        raise InvalidRequest(
            "The parameter nonce is missing; it is needed where an ID token comes from the "
            "authorization endpoint."
        )


@upholds("OIDC Core §3.2.2.1")
def id_token_is_for_openid(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.2.2.1: an ID token is asked for with the scope openid."""
    if (
        authorization_request.returns(response_types.ID_TOKEN)
        and "openid" not in authorization_request.scopes
    ):
        raise InvalidScope("An ID token comes with the scope openid only; ask for it.")


@upholds("RFC 6749 §3.3")
def scope_gives_something(authorization_request: AuthorizationRequest) -> None:
    """RFC 6749 §3.3: without a scope there would be nothing to agree to."""
    if not authorization_request.scopes and not authorization_request.authorization_details:
        raise InvalidScope(
            "None of the scopes asked for can be granted to this client; ask for openid at least."
        )


@upholds("RFC 9396 §3")
def details_are_for_a_code(authorization_request: AuthorizationRequest) -> None:
    """RFC 9396 §3: the token response says what was granted; there is none without a code."""
    if authorization_request.authorization_details and (
        not authorization_request.returns(response_types.CODE)
        or authorization_request.returns(response_types.TOKEN)
    ):
        raise InvalidAuthorizationDetails(
            "With authorization_details, access tokens come for a code only; "
            "send response_type=code."
        )


@upholds("OIDC Core §3.1.2.1")
def prompts_are_known(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.1.2.1: a prompt that is not understood can't be honoured."""
    unknown = authorization_request.prompts - frozenset(policy.PROMPTS)
    if unknown:
        raise InvalidRequest(
            f"The prompt {min(unknown)} is not offered here; it can be {', '.join(policy.PROMPTS)}."
        )


@upholds("OIDC Core §3.1.2.1")
def prompt_none_stands_alone(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.1.2.1: silence and a page can't both be asked for."""
    if "none" in authorization_request.prompts and len(authorization_request.prompts) > 1:
        raise InvalidRequest("The prompt none cannot be combined with another prompt.")


@upholds("RFC 7636 §4.3")
def code_challenge_is_sound(authorization_request: AuthorizationRequest) -> None:
    """RFC 7636 §4.3: S256 only; plain reveals the verifier in the request itself."""
    if authorization_request.code_challenge is None:
        if authorization_request.code_challenge_method is not None:
            raise InvalidRequest("A code_challenge_method came without a code_challenge.")
        return
    if authorization_request.code_challenge_method not in policy.CODE_CHALLENGE_METHODS:
        raise InvalidRequest(
            "The code_challenge_method is missing, which means plain; it has to be S256."
            if authorization_request.code_challenge_method is None
            else "The code_challenge_method has to be S256."
        )
    if _CHALLENGE.fullmatch(authorization_request.code_challenge) is None:
        raise InvalidRequest(
            "The code_challenge is not the base64url of a SHA-256: 43 characters without padding."
        )


@upholds("RFC 9700 §2.1.1")
def injected_code_is_noticed(authorization_request: AuthorizationRequest) -> None:
    """RFC 9700 §2.1.1: by PKCE, or by the nonce that an ID token brings a client with a secret."""
    client = authorization_request.client
    if (
        authorization_request.code_challenge is not None
        or not authorization_request.returns(response_types.CODE)
        or not client.pkce_or_nonce_required
    ):
        return
    missing = (
        "The parameter code_challenge is missing: switch on PKCE with the method S256 in the app"
    )
    if client.pkce_required:
        raise PkceRequired(f"{missing}.")
    if authorization_request.nonce is None or "openid" not in authorization_request.scopes:
        raise PkceRequired(f"{missing}, or let it send a nonce with the scope openid.")


def tokens_for_the_resources_are_possible(authorization_request: AuthorizationRequest) -> None:
    """RFC 8707 §2.2, RFC 9068 §3: no user is asked for what could be in no token."""
    apis = authorization_request.apis
    if not apis:
        return
    scopes_at(apis, authorization_request.client, authorization_request.scopes)
    if authorization_request.returns(response_types.TOKEN):
        one_token_fits(apis)


@upholds("OIDC Core §5.5.1.1")
def essential_acr_is_known(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §5.5.1.1: an essential acr that is not supported can't be reached."""
    asked = authorization_request.essential_acr
    if asked and not set(asked) & set(policy.ACR_VALUES):
        raise UnmetAuthenticationRequirements(
            "None of the acr values that the claims parameter calls essential is offered here; "
            f"it can be {', '.join(policy.ACR_VALUES)}."
        )


CHECKS: tuple[Check, ...] = (
    nothing_unsupported_is_asked,
    response_type_is_offered,
    response_type_is_registered,
    response_mode_is_offered,
    tokens_never_travel_in_a_query,
    forms_are_posted_to_the_web,
    response_is_signed_where_required,
    profile_is_kept,
    id_token_binds_the_nonce,
    prompts_are_known,
    prompt_none_stands_alone,
    scope_gives_something,
    details_are_for_a_code,
    id_token_is_for_openid,
    code_challenge_is_sound,
    injected_code_is_noticed,
    tokens_for_the_resources_are_possible,
    essential_acr_is_known,
)


def check(authorization_request: AuthorizationRequest) -> None:
    """Raise the first problem's ProtocolError."""
    for satisfied in CHECKS:
        satisfied(authorization_request)


def _is_one_of(response_type: str, others: Iterable[str]) -> bool:
    return response_types.parts(response_type) in map(response_types.parts, others)
