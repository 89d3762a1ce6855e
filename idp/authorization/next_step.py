"""Decide the next step of an interaction: what is missing before the client gets its response."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from accounts.authentication import Authentication
from accounts.models import User
from idp.authorization.levels import SetUp, StepUp, missing_level, reported_acr
from idp.authorization.request import AuthorizationRequest
from idp.clients.access_policy import NOT_ALLOWED, allows
from idp.protocol.authorization_details import Detail, texts_of
from idp.protocol.errors import (
    AccessDenied,
    AccountSelectionRequired,
    ConsentRequired,
    InvalidRequest,
    LoginRequired,
)
from idp.protocol.rules import upholds
from idp.statements.sso_session import Agreed
from idp.subjects import subject_of
from idp.tokens.authorization_details import ask_each_time
from idp.tokens.id_token import hint_is_readable, read_hint


@dataclass(frozen=True)
class SignIn:
    """The user has to sign in, or (`fresh`) once more although they are signed in."""

    fresh: bool = False


@dataclass(frozen=True)
class SignUp:
    """The user is to be offered a new account."""


@dataclass(frozen=True)
class ChooseAccount:
    """The user has to choose an account."""


@dataclass(frozen=True)
class DenyAccess:
    """The access policy denies the client to the signed-in user, who can go back to it."""


@dataclass(frozen=True)
class AskConsent:
    """The user has to agree."""


@dataclass(frozen=True)
class Answer:
    """Nothing is missing: send the response."""

    authentication: Authentication


Step = SignIn | SignUp | ChooseAccount | DenyAccess | StepUp | SetUp | AskConsent | Answer


@upholds("OIDC Core §3.1.2.3")
def next_step(
    authorization_request: AuthorizationRequest,
    authentication: Authentication | None,
    agreed: Agreed,
    others: Sequence[User] = (),
) -> Step:
    """Return the next step. OIDC Core §3.1.2.3, §3.1.2.4.

    `agreed` is the user's consent for this client; `others` are the users of this browser's
    inactive sessions. Raises LoginRequired, AccountSelectionRequired, InteractionRequired,
    ConsentRequired, AccessDenied where the request forbids a page or names another user, and
    UnmetAuthenticationRequirements.
    """
    silent = "none" in authorization_request.prompts
    hinted = _hinted_subject(authorization_request)
    if "create" in authorization_request.prompts and not _has_settled(
        authorization_request, authentication
    ):
        return SignUp()
    if _is_choice_open(authorization_request, authentication, hinted, others):
        _account_may_be_asked(authorization_request)
        return ChooseAccount()
    if authentication is None:
        if silent:
            raise LoginRequired(
                "No user is signed in at this browser, and prompt=none forbids asking."
            )
        return SignIn()
    _user_is_the_one_asked_for(
        authorization_request, subject_of(authorization_request.client, authentication.user), hinted
    )
    if not _is_fresh(authorization_request, authentication):
        if silent:
            message = (
                f"The sign-in is older than the {authorization_request.max_age} seconds of max_age."
            )
            raise LoginRequired(message)
        return SignIn(fresh=True)
    if not allows(authorization_request.client, authentication.user):
        _refusal_may_be_shown(authorization_request)
        return DenyAccess()
    more = missing_level(authorization_request, authentication)
    if more is not None:
        return more
    if not _has_agreed(authorization_request, authentication, agreed):
        _consent_may_be_asked(authorization_request)
        return AskConsent()
    return Answer(
        replace(authentication, acr=reported_acr(authorization_request, authentication.acr))
    )


@upholds("OIDC Core §3.1.2.2")
def _user_is_the_one_asked_for(
    authorization_request: AuthorizationRequest, sub: str, hinted: str | None
) -> None:
    """OIDC Core §3.1.2.2, §5.5.1: another user's tokens are never an answer."""
    if hinted not in {None, sub}:
        raise LoginRequired("Another user is signed in than the id_token_hint says.")
    if not authorization_request.claims.is_about(sub):
        raise LoginRequired("Another user is signed in than the claims request has in sub.")


def _is_choice_open(
    authorization_request: AuthorizationRequest,
    authentication: Authentication | None,
    hinted: str | None,
    others: Sequence[User],
) -> bool:
    """Whether the user still has to choose an account. OIDC Core §3.1.2.1."""
    if authentication is None:
        return bool(others)
    if _has_settled(authorization_request, authentication):
        return False
    if "select_account" in authorization_request.prompts:
        return True
    if hinted is not None:
        return hinted in {subject_of(authorization_request.client, user) for user in others}
    if not authorization_request.claims.is_about(
        subject_of(authorization_request.client, authentication.user)
    ):
        return any(
            authorization_request.claims.is_about(subject_of(authorization_request.client, user))
            for user in others
        )
    return (authorization_request.login_hint or "").casefold() in {
        user.email.casefold() for user in others
    }


def _has_settled(
    authorization_request: AuthorizationRequest, authentication: Authentication | None
) -> bool:
    """Whether this account was chosen for this very request, or signed in to since it came."""
    return authentication is not None and (
        authorization_request.chosen_in == authentication.session_id
        or authentication.authenticated_at >= authorization_request.arrived_at
    )


@upholds("OIDC Core §3.1.2.6")
def _account_may_be_asked(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.1.2.6: choosing an account takes a page, which prompt=none forbids."""
    if "none" in authorization_request.prompts:
        raise AccountSelectionRequired(
            "Several users are signed in at this browser, and prompt=none forbids asking which."
        )


@upholds("OIDC Core §3.1.2.4")
def _consent_may_be_asked(authorization_request: AuthorizationRequest) -> None:
    """OIDC Core §3.1.2.4: agreeing takes a page, which prompt=none forbids."""
    if "none" in authorization_request.prompts:
        raise ConsentRequired(
            "The user has not agreed to this yet, and prompt=none forbids asking."
        )


@upholds("RFC 6749 §4.1.2.1")
def _refusal_may_be_shown(authorization_request: AuthorizationRequest) -> None:
    """RFC 6749 §4.1.2.1: telling the user takes a page, which prompt=none forbids."""
    if "none" in authorization_request.prompts:
        raise AccessDenied(NOT_ALLOWED)


@upholds("OIDC Core §3.1.2.1")
def _hinted_subject(authorization_request: AuthorizationRequest) -> str | None:
    """Return the subject that the client expects, from its id_token_hint. OIDC Core §3.1.2.1."""
    if authorization_request.id_token_hint is None:
        return None
    hint_is_readable(authorization_request.id_token_hint)
    hint = read_hint(authorization_request.id_token_hint)
    if hint is None or hint.client_id != authorization_request.client.client_id:
        raise InvalidRequest(
            "The id_token_hint is not an ID token that was issued here to this client."
        )
    return hint.sub


def _is_fresh(authorization_request: AuthorizationRequest, authentication: Authentication) -> bool:
    """Whether the sign-in was recent at the request's arrival: one sign-in suffices."""
    max_age = authorization_request.max_age
    if "login" in authorization_request.prompts:
        max_age = 0
    if max_age is None:
        return True
    return authentication.authenticated_at >= authorization_request.arrived_at - timedelta(
        seconds=max_age
    )


def _has_agreed(
    authorization_request: AuthorizationRequest,
    authentication: Authentication,
    agreed: Agreed,
) -> bool:
    """Whether the user has agreed to scopes, claims, APIs, and the port of a native app.

    `prompt=consent` requires the consent of this session on the request's own page; so does a
    redirect URI that any program may have claimed.
    """
    agreed_now = authorization_request.consented_in == authentication.session_id
    if "consent" in authorization_request.prompts:
        return agreed_now
    if authorization_request.client.skip_authorization:
        return True
    if authorization_request.returns_to_any_program and not agreed_now:
        return False
    details = authorization_request.authorization_details
    if details and not (agreed_now or _are_remembered(details, agreed)):
        return False
    return (
        authorization_request.scopes <= agreed.scopes
        and authorization_request.claims.beyond(agreed.scopes) <= agreed.claims
        and agreed.resources.issuperset(authorization_request.resource)
        and authorization_request.loopback_port in {None, *agreed.loopback_ports}
    )


@upholds("RFC 9396 §7")
def _are_remembered(details: Sequence[Detail], agreed: Agreed) -> bool:
    """Whether the user has agreed to exactly these details, and none of them is asked each time."""
    return texts_of(details) <= agreed.authorization_details and not ask_each_time(details)
