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
    claims_consented: frozenset[str] = frozenset(),
) -> Step:
    """Return the next step. OIDC Core §3.1.2.3, §3.1.2.4.

    `consented` are the scopes that the person has allowed this client before, `claims_consented`
    the claims beyond them. Raises LoginRequired,
    ConsentRequired where the request forbids a page or names another person.
    """
    silent = "none" in request.prompts
    hinted = _hinted_subject(request)
    if authentication is None:
        if silent:
            raise LoginRequired(
                "Nobody is signed in at this browser, and prompt=none forbids asking."
            )
        return SignIn()
    if hinted not in {None, str(authentication.user.sub)}:
        raise LoginRequired("Somebody else is signed in than the id_token_hint says.")
    if not request.claims.is_about(str(authentication.user.sub)):
        raise LoginRequired("Somebody else is signed in than the claims request has in sub.")
    if not _is_fresh(request, authentication):
        if silent:
            message = f"The sign-in is older than the {request.max_age} seconds of max_age."
            raise LoginRequired(message)
        return SignIn(fresh=True)
    if not _has_agreed(request, authentication, consented, claims_consented):
        _consent_may_be_asked(request)
        return AskConsent()
    return Answer(authentication)


def _consent_may_be_asked(request: AuthorizationRequest) -> None:
    """OIDC Core §3.1.2.4: agreeing takes a page, which prompt=none forbids."""
    if "none" in request.prompts:
        raise ConsentRequired(
            "The person has not agreed to this yet, and prompt=none forbids asking."
        )


def _hinted_subject(request: AuthorizationRequest) -> str | None:
    """Return whom the client expects, by an ID token of theirs. OIDC Core §3.1.2.1."""
    if request.id_token_hint is None:
        return None
    hint = read_hint(request.id_token_hint)
    if hint is None or hint.client_id != request.client.client_id:
        raise InvalidRequest(
            "The id_token_hint is not an ID token that was issued here to this client."
        )
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
    request: AuthorizationRequest,
    authentication: Authentication,
    consented: frozenset[str],
    claims_consented: frozenset[str],
) -> bool:
    """Consent given on this request's own page counts only for the session that gave it."""
    if "consent" in request.prompts:
        return request.consented_in == authentication.session_id
    if request.client.skip_authorization:
        return True
    return request.scopes <= consented and request.claims.beyond(consented) <= claims_consented
