"""What is still missing before a client can be answered. The one place that decides it."""

from dataclasses import dataclass
from datetime import timedelta

from accounts.authentication import Authentication
from idp.authorization.request import AuthorizationRequest
from idp.protocol.errors import ConsentRequired, InvalidRequest, LoginRequired
from idp.tokens.id_token import read_hint


@dataclass(frozen=True)
class SignIn:
    """The person has to sign in, or (`fresh`) once more although they are signed in."""

    fresh: bool = False


@dataclass(frozen=True)
class AskConsent:
    """The person has to agree."""


@dataclass(frozen=True)
class Answer:
    """Nothing is missing."""

    authentication: Authentication


Step = SignIn | AskConsent | Answer


def next_step(
    request: AuthorizationRequest,
    authentication: Authentication | None,
    consented: frozenset[str],
) -> Step:
    """Return the next step. OIDC Core §3.1.2.3, §3.1.2.4.

    `consented` is what the person has allowed this client before. Raises LoginRequired,
    ConsentRequired where the request forbids a page or names another person.
    """
    silent = "none" in request.prompts
    hinted = _hinted_subject(request)
    if authentication is None:
        if silent:
            raise LoginRequired("Nobody is signed in at this browser.")
        return SignIn()
    if hinted not in {None, str(authentication.user.sub)}:
        raise LoginRequired("Somebody else than the id_token_hint says is signed in.")
    if not _is_fresh(request, authentication):
        if silent:
            raise LoginRequired("The sign-in is older than max_age allows.")
        return SignIn(fresh=True)
    if not _has_agreed(request, authentication, consented):
        if silent:
            raise ConsentRequired("The person has not agreed to this yet.")
        return AskConsent()
    return Answer(authentication)


def _hinted_subject(request: AuthorizationRequest) -> str | None:
    if request.id_token_hint is None:
        return None
    hint = read_hint(request.id_token_hint)
    if hint is None or hint.client_id != request.client.client_id:
        raise InvalidRequest("The id_token_hint is not an ID token that we issued to this client.")
    return hint.sub


def _is_fresh(request: AuthorizationRequest, authentication: Authentication) -> bool:
    """Judged against the request's arrival, so that signing in once satisfies it for good."""
    max_age = request.max_age
    if {"login", "select_account"} & request.prompts:
        max_age = 0
    if max_age is None:
        return True
    return authentication.authenticated_at >= request.arrived_at - timedelta(seconds=max_age)


def _has_agreed(
    request: AuthorizationRequest, authentication: Authentication, consented: frozenset[str]
) -> bool:
    """Consent given on this request's own page counts only for the session that gave it."""
    if "consent" in request.prompts:
        return request.consented_in == authentication.session_id
    return request.client.skip_authorization or request.scopes <= consented
