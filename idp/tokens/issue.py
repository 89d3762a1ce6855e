"""The token response: the one place where tokens are issued. RFC 6749 §5.1, OIDC Core §3.1.3.3."""

from collections.abc import Container
from datetime import datetime
from typing import Any, NoReturn

from accounts.levels import reaches
from idp.clients.access_policy import NOT_ALLOWED, allows
from idp.models import Grant
from idp.possession.presenter import (
    UNPROVEN,
    Presenter,
    confirmation_of,
    is_the_one,
    token_type,
)
from idp.protocol.errors import InvalidAuthorizationDetails, InvalidGrant, InvalidScope
from idp.protocol.response_types import ID_TOKEN, TOKEN
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import DEVICE_SSO
from idp.statements.tokens import store_access_token, store_tokens
from idp.subjects import subject_of
from idp.tokens import (
    access_token,
    authorization_details,
    device_secret,
    exchanged,
    id_jag,
    id_token,
    refresh_token,
)
from idp.tokens.access_token import Audience
from idp.tokens.entitlement import Entitlement


def issue(
    entitlement: Entitlement, now: datetime, presenter: Presenter = UNPROVEN
) -> dict[str, Any]:
    """Issue the tokens of an entitlement, and return the members of the token response.

    They are bound to the presenter, who asks for them.

    If it raises, nothing is stored, and the calling module undoes the redemption. Raises
    InvalidGrant, InvalidScope, InvalidTarget and others.
    """
    client, grant = entitlement.client, entitlement.grant
    if client.allowed_groups:
        _user_is_allowed(entitlement)
    cnf = None
    if entitlement.bound_to or presenter is not UNPROVEN:
        cnf = _confirmation(entitlement, presenter)
    if entitlement.issued_token_type and (issued := _by_exchange(entitlement, now, cnf)):
        return issued
    scopes = _narrowed(entitlement) if entitlement.asked_scopes else entitlement.scopes
    audience = access_token.audience_of(entitlement, scopes)
    if entitlement.asked_details is not None or (grant and grant.authorization_details):
        audience = authorization_details.given(entitlement, audience)
    # A pairwise one is made with the first token, so that introspection and UserInfo find it.
    subject = client.client_id if grant is None else grant.subject or subject_of(client, grant.user)
    token, access = access_token.make(client, grant, subject, audience, now, cnf=cnf)
    response = _response(entitlement, audience, token, cnf)
    if DEVICE_SSO in scopes and (secret := device_secret.of(entitlement, now)):
        response["device_secret"] = secret
    refresh = None
    if grant is not None and not entitlement.access_token_only:
        if _gets_refresh_token(entitlement, grant):
            response["refresh_token"], refresh = refresh_token.make(entitlement, grant, now, cnf)
        if "openid" in scopes:
            response["id_token"] = id_token.issue(
                client,
                grant,
                subject,
                token,
                now,
                shown=scopes if client.id_token_claims == "scopes" else frozenset(),
                refreshed=entitlement.predecessor_id is not None,
                device_secret=response.get("device_secret"),
            )
    if refresh is None:
        store_access_token(access, waits=entitlement.uses_up)
    else:
        store_tokens(access, refresh)
    return response


def _response(
    entitlement: Entitlement, audience: Audience, token: str, cnf: dict[str, str] | None
) -> dict[str, Any]:
    """Return the members of the response about its access token."""
    response: dict[str, Any] = {
        "access_token": token,
        "token_type": token_type(cnf) if cnf else "Bearer",
        "expires_in": audience.lifetime,
    }
    described = (
        ("scope", " ".join(sorted(audience.scopes))),
        ("authorization_details", audience.authorization_details),
        ("issued_token_type", entitlement.issued_token_type),
    )
    return response | {name: value for name, value in described if value}


@upholds("RFC 6749 §5.2")
def _user_is_allowed(entitlement: Entitlement) -> None:
    """RFC 6749 §5.2: a client that names groups gets tokens of their members alone."""
    grant = entitlement.grant
    if grant is not None and not allows(entitlement.client, grant.user):
        raise InvalidGrant(NOT_ALLOWED)


@upholds("RFC 9449 §5")
def _confirmation(entitlement: Entitlement, presenter: Presenter) -> dict[str, str] | None:
    """Return what the tokens are bound to: the presenter, where the client or a proof wants that.

    RFC 9449 §5, §10; RFC 8705 §4: what is bound to a key is redeemed with that key alone.
    """
    if not all(is_the_one(presenter, bound_to) for bound_to in entitlement.bound_to):
        raise InvalidGrant(
            "It is bound to another key than the one that this request proves, or the request "
            "proves none."
        )
    by_certificate = entitlement.client.tls_client_certificate_bound_access_tokens
    return confirmation_of(presenter, by_certificate=by_certificate)


def _by_exchange(
    entitlement: Entitlement, now: datetime, cnf: dict[str, str] | None
) -> dict[str, Any] | None:
    """Return the response of an exchange; None if it is that of a sign-in (OIDC Native SSO)."""
    if entitlement.client.required_acr:
        _sign_in_suffices(entitlement)
    if entitlement.asked_details is not None:
        _exchange_has_no_details()
    if entitlement.connection is not None:
        return id_jag.issue(entitlement, entitlement.connection, now)
    if entitlement.exchange is not None:
        return exchanged.issue(entitlement, entitlement.exchange, now, cnf)
    return None


@upholds("RFC 9396 §6")
def _exchange_has_no_details() -> NoReturn:
    """RFC 9396 §6: details are of what a user agreed to, which an exchange does not ask for."""
    raise InvalidAuthorizationDetails("A token exchange gives no authorization_details.")


@upholds("RFC 9470 §3")
def _sign_in_suffices(entitlement: Entitlement) -> None:
    """RFC 9470 §3: by an exchange, no client gets a user who signed in below its level."""
    grant, wanted = entitlement.grant, entitlement.client.required_acr
    if grant is not None and not reaches(grant.acr, wanted):
        raise InvalidGrant(f"This client requires that the user signs in with {wanted}.")


@upholds("RFC 6749 §6")
def _narrowed(entitlement: Entitlement) -> frozenset[str]:
    """Return the scopes asked for, which can be fewer than were granted. RFC 6749 §6."""
    if not entitlement.asked_scopes <= entitlement.scopes:
        refused = ", ".join(sorted(entitlement.asked_scopes - entitlement.scopes))
        raise InvalidScope(f"These scopes were not granted with this refresh token: {refused}.")
    return entitlement.asked_scopes


def _gets_refresh_token(entitlement: Entitlement, grant: Grant) -> bool:
    """Whether a sign-in gets a refresh token: with offline_access, or by its client's policy.

    OIDC Core §11.
    """
    client = entitlement.client
    if entitlement.keeps_refresh_token or "refresh_token" not in client.grant_types:
        return False
    return grant.offline or client.refreshes_in_session


def issue_front_channel(
    entitlement: Entitlement,
    grant: Grant,
    wanted: Container[str],
    code: str | None,
    now: datetime,
) -> dict[str, str]:
    """Issue tokens at the authorization endpoint: never a refresh token.

    `wanted` has the parts of the response type. Call it inside the transaction that makes the
    grant. OIDC Core §3.2.2.5, §3.3.2.5; RFC 6749 §4.2.2.
    """
    members: dict[str, str] = {}
    client, token = entitlement.client, None
    subject = subject_of(client, grant.user)
    if TOKEN in wanted:
        audience = access_token.audience_of(entitlement, entitlement.scopes)
        token, access = access_token.make(client, grant, subject, audience, now)
        store_access_token(access, waits=False)
        members |= {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": str(audience.lifetime),
            "scope": " ".join(sorted(audience.scopes)),
        }
    if ID_TOKEN in wanted:
        # Without any access token, now or for a code, there is no UserInfo (OIDC Core §5.4).
        alone = token is None and code is None
        members["id_token"] = id_token.issue(
            client,
            grant,
            subject,
            token,
            now,
            code=code,
            shown=entitlement.scopes if alone else frozenset(),
        )
    return members
