"""The statement of a token exchange: the tokens that came, their grants, and the API asked for.

Hand-written so that an exchange costs as few statements as a refresh.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.models import Session, User
from foundation.statements import Columns, datetime_of, instances, json_of, rows
from foundation.validity import DELETED_GRANT, TokenFacts, grant_facts
from idp.models import Client, ClientSession, Grant, ResourceServer

_PARTS: tuple[Columns[Any], ...] = (
    Columns(Grant, "a"),
    Columns(User, "u", "id", "sub", "is_active"),
    Columns(Session, "s", "id", "ended_at", "last_seen_at", "authenticated_at", "until_closed"),
    Columns(ClientSession, "x"),
    Columns(ResourceServer, "r"),
)
_OWN = (
    *("t.token_checksum", "t.scope", "t.resource", "t.expires", "t.act", "t.cnf", "t.grant_id"),
    *("c.client_id", "c.enabled AND COALESCE(g.enabled, TRUE)", "c.may_act"),
)
#: A token belongs to a client, and its grant may be of another, which it got it from by exchange.
#: Beside them: the APIs that the exchanging client introspects for, and whether it has a token of
#: this grant for the API already. Tokens are found by their hash, and the others from them:
#: clients are compared in a way that no plan can begin with, as in `tokens.Redeemable`.
_FIND = """
    SELECT {own}, {parts},
        (SELECT {aggregate}((SELECT i.identifier FROM idp_resourceserver i
                             WHERE i.id = m.resourceserver_id))
         FROM idp_resourceserver_introspection_clients m WHERE m.client_id = %s),
        EXISTS (SELECT 1 FROM idp_accesstoken e WHERE e.grant_id = t.grant_id
                AND e.application_id + 0 = %s AND e.resource = %s)
    FROM idp_accesstoken t
    JOIN idp_client c ON c.id = t.application_id + 0
    LEFT JOIN idp_grant a ON a.id = t.grant_id
    LEFT JOIN idp_client g ON g.id = a.client_id
    LEFT JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN idp_clientsession x ON x.id = a.client_session_id
    LEFT JOIN idp_resourceserver r ON r.identifier = %s
    WHERE t.token_checksum IN (%s, %s)
"""


@dataclass(frozen=True)
class Exchangeable:
    """A token that came in an exchange, with all that decides about it."""

    scopes: frozenset[str]
    resource: tuple[str, ...]
    expires: datetime
    #: The party that acts with it already, with those before (RFC 8693 §4.1).
    act: dict[str, Any] | None
    #: The client that it was issued to, and which one that lets act.
    client_id: str
    may_act: str
    #: What it is bound to (`idp.possession`); None for a bearer token.
    cnf: dict[str, str] | None
    facts: TokenFacts
    #: None for a token that a client got for itself.
    grant: Grant | None
    #: The API that was asked for, if it is one.
    server: ResourceServer | None
    #: Identifiers of the APIs that the exchanging client introspects for.
    own_apis: frozenset[str]
    #: Whether the exchanging client has a token of this grant for that API already.
    is_known_there: bool


def statement(aggregate: str) -> str:
    """Return the statement, which makes JSON arrays by this function of the database."""
    parts = ", ".join(part.sql for part in _PARTS)
    return _FIND.format(own=", ".join(_OWN), parts=parts, aggregate=aggregate)


#: By the kind of database.
_STATEMENTS = {
    "postgresql": statement("json_agg"),
    "sqlite": statement("json_group_array"),
}


def find(hashes: tuple[str, str], client: Client, resource: str) -> dict[str, Exchangeable]:
    """Return the access tokens with these hashes, by hash, and the API with this identifier."""
    found = rows(
        _STATEMENTS[connection.vendor],
        [client.pk, client.pk, json.dumps([resource]), resource, *hashes],
    )
    return {row[0]: _exchangeable(row) for row in found}


def _exchangeable(row: Any) -> Exchangeable:
    _hash, scope, resource, expires, act, cnf, grant_id, *rest = row
    client_id, enabled, may_act, *rest = rest
    own_apis, is_known_there = rest[-2:]
    grant, user, session, client_session, server = instances(rest, *_PARTS)
    if grant is not None:
        grant._state.fields_cache.update(user=user, session=session, client_session=client_session)
    facts = None if grant_id is None else DELETED_GRANT if grant is None else grant_facts(grant)
    return Exchangeable(
        scopes=frozenset(scope.split()),
        resource=tuple(json_of(resource)),
        expires=datetime_of(expires),
        act=json_of(act),
        client_id=client_id,
        may_act=may_act,
        cnf=json_of(cnf),
        facts=TokenFacts(datetime_of(expires), bool(enabled), facts),
        grant=grant,
        server=server,
        own_apis=frozenset(json_of(own_apis) or ()),
        is_known_there=bool(is_known_there),
    )
