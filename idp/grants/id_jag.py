"""ID-JAGs for connected applications. OAuth Identity Assertion Authorization Grant §4.3.

An operator connects an application: which client gets ID-JAGs for it, by which client_id that is
known there, and with which scopes. The user's sign-in here stands for one there.
"""

from datetime import datetime
from functools import partial

from foundation.statements import hash_of
from foundation.validity import TokenFacts, facts_of, grant_facts, why_invalid
from idp import events, policy
from idp.grants.exchanged_id_token import newest_grant
from idp.models import Client, Grant, RefreshToken
from idp.models.connection import Connection
from idp.protocol.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
)
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import TokenType
from idp.tokens.entitlement import Entitlement
from idp.tokens.id_token import read_subject

_SECTION = "OAuth Identity Assertion Authorization Grant §4.3"


def entitle(client: Client, parameters: Parameters, now: datetime) -> Entitlement:
    """Return the entitlement to an ID-JAG, for an ID token or a refresh token of the client.

    Raises InvalidGrant for the token, InvalidTarget for an application that is not connected.
    """
    _client_has_a_secret(client)
    if parameters.get("actor_token") is not None:
        raise InvalidRequest("An ID-JAG is of the user alone; there is no actor_token.")
    connection = _connection(client, parameters)
    scopes = _scopes(connection, parameters)
    resource = _resource(connection, parameters)
    grant, expires = _subject(client, parameters, now)
    left = max(1, int((expires - now).total_seconds()))
    record = partial(
        events.record,
        events.Kind.EXCHANGED,
        user=grant.user,
        client_id=client.client_id,
        reason=f"An ID-JAG for {connection.audience}.",
        audience=connection.audience,
        scope=" ".join(sorted(scopes)),
    )
    return Entitlement(
        client,
        grant,
        scopes,
        resource,
        record=lambda _issued: record(),
        issued_token_type=TokenType.ID_JAG,
        connection=connection,
        lifetime=min(left, int(policy.ID_JAG_LIFETIME.total_seconds())),
    )


@upholds(_SECTION)
def _client_has_a_secret(client: Client) -> None:
    """Identity Assertion Authorization Grant §8: for confidential clients alone."""
    if client.is_public:
        raise UnauthorizedClient("A client without a secret gets no ID-JAG.")


@upholds(_SECTION)
def _connection(client: Client, parameters: Parameters) -> Connection:
    """§4.3: the audience is the issuer of an authorization server that an operator connected."""
    parameters.require("audience")
    if len(set(parameters.audiences)) > 1:
        raise InvalidTarget("Ask for an ID-JAG for one audience at a time.")
    audience = parameters.audiences[0]
    connection = Connection.of(client.connected_applications, audience)
    if connection is None:
        raise InvalidTarget(f"The audience {audience} is not connected with this client.")
    return connection


@upholds(_SECTION)
def _scopes(connection: Connection, parameters: Parameters) -> frozenset[str]:
    """§4.3: the scopes asked for, within those that the operator allowed; all by default."""
    asked = frozenset((parameters.get("scope") or "").split())
    if refused := asked - connection.scopes:
        raise InvalidScope(
            f"This client cannot have these scopes there: {', '.join(sorted(refused))}."
        )
    return asked or connection.scopes


@upholds(_SECTION)
def _resource(connection: Connection, parameters: Parameters) -> tuple[str, ...]:
    """§4.3: the APIs asked for, of those that the operator allowed; all by default."""
    asked = tuple(dict.fromkeys(parameters.resources))
    if refused := set(asked) - set(connection.resources):
        raise InvalidTarget(f"The resource {min(refused)} is not connected with this client.")
    return asked or connection.resources


def _subject(client: Client, parameters: Parameters, now: datetime) -> tuple[Grant, datetime]:
    """Return the grant of the subject token, and when that expires. Raises InvalidGrant."""
    token, kind = parameters.require("subject_token"), parameters.require("subject_token_type")
    match kind:
        case TokenType.ID_TOKEN:
            return _of_id_token(client, token, now)
        case TokenType.REFRESH_TOKEN:
            return _of_refresh_token(client, token, now)
    raise InvalidRequest(
        "The subject_token_type is not offered for an ID-JAG; it can be "
        f"{TokenType.ID_TOKEN} or {TokenType.REFRESH_TOKEN}."
    )


@upholds(_SECTION)
def _of_id_token(client: Client, token: str, now: datetime) -> tuple[Grant, datetime]:
    """§4.3.1: the ID token is for this client, and its session goes on."""
    claims = read_subject(token, now, InvalidGrant)
    if claims.client_id != client.client_id:
        raise InvalidGrant("The subject_token is an ID token for another client (aud).")
    grant = newest_grant(claims, InvalidGrant)
    expires = datetime.fromtimestamp(claims.expires, now.tzinfo)
    facts = TokenFacts(expires, client.enabled, grant_facts(grant)._replace(offline=False))
    if reason := why_invalid(facts, now):
        raise InvalidGrant(f"The subject_token {reason}.")
    return grant, expires


@upholds(_SECTION)
def _of_refresh_token(client: Client, token: str, now: datetime) -> tuple[Grant, datetime]:
    """§4.3.1: the refresh token is this client's and valid; it is not used up."""
    of_grant = (f"grant__{name}" for name in ("user", "session", "client_session"))
    rows = RefreshToken.objects.filter(token_checksum=hash_of(token), application=client)
    found = rows.select_related(*of_grant).first()
    if found is None:
        raise InvalidGrant("The subject_token is no refresh token that was given to this client.")
    found.application = client
    if reason := why_invalid(facts_of(found, used_at=found.revoked), now):
        raise InvalidGrant(f"The subject_token {reason}.")
    return found.grant, found.expires
