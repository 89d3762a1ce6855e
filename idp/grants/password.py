"""The resource owner password credentials grant, for legacy clients. RFC 6749 §4.3.

Off by default: RFC 9700 §2.4 advises against it, since the client sees the password. Wrong ones are
counted apart from the sign-in page's (`accounts.password_limits`), and its tokens belong to a
session of their own, so that ending a user's sessions revokes them.
"""

from datetime import datetime

from django.db import transaction
from django.http import HttpRequest

from accounts import password_limits, password_only
from accounts.authentication import authentication_in
from accounts.models import Session, User
from accounts.sessions import begin_without_browser
from foundation.outages import RETRY_AFTER
from foundation.rate_limits import RateLimitExceededError
from foundation.slots import NoPlaceError, place
from idp import events
from idp.clients.access_policy import NOT_ALLOWED, allows
from idp.models import Client, ClientSession, Grant
from idp.protocol.errors import (
    InvalidGrant,
    InvalidScope,
    TemporarilyUnavailable,
    TooManyWrongPasswords,
)
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.tokens.entitlement import Entitlement


def entitle(
    client: Client, parameters: Parameters, now: datetime, request: HttpRequest
) -> Entitlement:
    """Return the requested scopes for a client that has the user's password.

    Raises InvalidGrant, with one description for all problems of account and password;
    InvalidScope, TemporarilyUnavailable.
    """
    username, password = parameters.require("username"), parameters.require("password")
    scopes = _scopes(client, parameters)
    user = _user(request, client, username, password)
    with transaction.atomic():
        session = begin_without_browser(request, user, now)
        grant = _authorization(client, session, scopes, parameters)
    events.record(
        events.Kind.SIGNED_IN,
        request,
        user=user,
        client_id=client.client_id,
        reason="The app sent the password (grant type password).",
        methods=grant.amr,
    )
    return Entitlement(
        client,
        grant,
        scopes,
        tuple(grant.resource),
        undo=session.delete,
    )


@upholds("RFC 6749 §3.3")
def _scopes(client: Client, parameters: Parameters) -> frozenset[str]:
    """Return the scopes asked for, or all that the client may have. RFC 6749 §3.3.

    Offline access takes the user's consent, which is not asked for here.
    """
    available = client.allowed_scopes - {OFFLINE_ACCESS}
    asked = frozenset((parameters.get("scope") or "").split())
    if not asked <= available:
        refused = ", ".join(sorted(asked - available))
        raise InvalidScope(f"This client cannot have these scopes by a password: {refused}.")
    return asked or available


@upholds("RFC 6749 §4.3.2")
def _user(request: HttpRequest, client: Client, username: str, password: str) -> User:
    """RFC 6749 §4.3.2: the password authenticates the user, within rate limits."""
    try:
        with place():  # before anything is counted
            attempt = password_only.begin(request, username)
            user = password_only.user_of(request, username, password)
    except NoPlaceError:
        raise TemporarilyUnavailable(
            "Too many passwords wait to be checked.", retry_after=RETRY_AFTER
        ) from None
    except RateLimitExceededError as exceeded:
        raise TooManyWrongPasswords.for_now(
            "Too many wrong passwords came for this username or from this IP address. "
            "Users can sign in on our page meanwhile.",
            exceeded.retry_after,
        ) from None
    problem = _problem_with(client, user) if user else None
    if user is not None and problem is None:
        password_limits.succeeded(attempt)
        return user
    if user is not None:
        events.record(
            events.Kind.SIGN_IN_FAILED,
            request,
            user=user,
            client_id=client.client_id,
            reason=f"The password is right, but not enough: {problem}",
        )
    raise InvalidGrant(
        "Username and password do not match, or the account needs more than a password or is not "
        "allowed to this client; the user can sign in on our page instead."
    )


def _problem_with(client: Client, user: User) -> str | None:
    needed = password_only.what_else_is_needed(user)
    return needed or (None if allows(client, user) else NOT_ALLOWED)


def _authorization(
    client: Client, session: Session, scopes: frozenset[str], parameters: Parameters
) -> Grant:
    """Store a grant of its own in a session that no browser has."""
    authentication = authentication_in(session)
    return Grant.objects.create(
        client=client,
        user=session.user,
        session=session,
        client_session=ClientSession.objects.create(client=client, session=session),
        scope=" ".join(sorted(scopes)),
        resource=list(dict.fromkeys(parameters.resources)),
        auth_time=authentication.authenticated_at,
        acr=authentication.acr,
        amr=list(authentication.amr),
    )
