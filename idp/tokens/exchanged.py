"""The response of a token exchange: an access token alone. RFC 8693 §2.2."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from idp.clients import fapi2
from idp.possession.presenter import token_type
from idp.protocol.errors import InvalidRequest, InvalidScope
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import TokenType
from idp.statements.tokens import store_access_token
from idp.subjects import subject_of
from idp.tokens import access_token
from idp.tokens.access_token import Audience
from idp.tokens.entitlement import Entitlement, Exchange


def issue(
    entitlement: Entitlement,
    exchange: Exchange,
    now: datetime,
    cnf: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Issue the access token of an exchange, and return the members of the response.

    It belongs to the grant of the exchanged token, so that it ends with that and its session. There
    is no refresh token: the client exchanges a newer token. `cnf` is what it is bound to. Raises
    InvalidScope and others.
    """
    client, grant = entitlement.client, entitlement.grant
    audience = _audience(entitlement, exchange)
    _is_of_the_type(entitlement.issued_token_type, audience)
    subject = client.client_id if grant is None else subject_of(client, grant.user)
    token, row = access_token.make(client, grant, subject, audience, now, exchange.act, cnf)
    store_access_token(row, waits=False)
    return {
        "access_token": token,
        "issued_token_type": entitlement.issued_token_type,
        "token_type": token_type(cnf),
        "expires_in": audience.lifetime,
        # RFC 8693 §2.2.1: the scopes may differ from those of the request.
        **({"scope": " ".join(sorted(audience.scopes))} if audience.scopes else {}),
    }


def _audience(entitlement: Entitlement, exchange: Exchange) -> Audience:
    """Return the audience: the scopes asked for, no longer than the exchanged token lives."""
    client, servers = entitlement.client, exchange.servers
    scopes = _asked(entitlement)
    if servers:
        access_token.one_token_fits(servers)
        fapi2.access_tokens_are_well_signed(client, servers)
        scopes = access_token.scopes_at(servers, client, scopes)
        audience = access_token.for_apis(servers, scopes)
        _nothing_is_left_out(entitlement, scopes)
    else:
        audience = access_token.audience_of(entitlement, scopes)
    return replace(audience, lifetime=min(audience.lifetime, exchange.lifetime))


@upholds("RFC 8693 §2.1")
def _asked(entitlement: Entitlement) -> frozenset[str]:
    """Return the scopes asked for, or all that there are; never more. RFC 8693 §2.1."""
    refused = entitlement.asked_scopes - entitlement.scopes
    if refused:
        raise InvalidScope(
            f"The subject_token gives no such scopes here: {', '.join(sorted(refused))}."
        )
    return entitlement.asked_scopes or entitlement.scopes


@upholds("RFC 8693 §2.1")
def _nothing_is_left_out(entitlement: Entitlement, scopes: frozenset[str]) -> None:
    """RFC 6749 §3.3: a scope that was asked for is granted, or the client is told."""
    if missing := entitlement.asked_scopes - scopes:
        raise InvalidScope(
            f"This client cannot have these scopes at this API: {', '.join(sorted(missing))}."
        )


@upholds("RFC 8693 §2.1")
def _is_of_the_type(issued_token_type: str, audience: Audience) -> None:
    """RFC 8693 §2.1: who asks for a JWT gets one."""
    if issued_token_type == TokenType.JWT and audience.signing_alg is None:
        raise InvalidRequest(
            "The access tokens of this API are no JWTs; ask for "
            f"requested_token_type={TokenType.ACCESS_TOKEN}."
        )
