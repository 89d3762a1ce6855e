"""ID tokens that come in an exchange: the grant that they are of. RFC 8693 §2.1."""

from datetime import UTC, datetime

from foundation.validity import TokenFacts, grant_facts
from idp.models import Grant, ResourceServer
from idp.protocol.errors import InvalidRequest, ProtocolError
from idp.protocol.rules import upholds
from idp.statements.exchange import Exchangeable
from idp.tokens.id_token import SubjectToken, read_subject


def exchangeable(id_token: str, resource: str, now: datetime) -> Exchangeable:
    """Return an ID token as an access token with all scopes of its grant would be.

    Raises InvalidRequest.
    """
    claims = read_subject(id_token, now, InvalidRequest)
    grant = newest_grant(claims, InvalidRequest)
    client = grant.client
    expires = datetime.fromtimestamp(claims.expires, UTC)
    return Exchangeable(
        scopes=frozenset(grant.scope.split()),
        resource=(),
        expires=expires,
        act=None,
        client_id=client.client_id,
        may_act=client.may_act,
        cnf=None,
        # It is of the sign-in, and ends with it, whatever refresh tokens its client has.
        facts=TokenFacts(expires, client.enabled, grant_facts(grant)._replace(offline=False)),
        grant=grant,
        server=ResourceServer.objects.filter(identifier=resource).first(),
        own_apis=frozenset(),
        is_known_there=False,
    )


@upholds("RFC 8693 §2.2.2")
def newest_grant(claims: SubjectToken, error: type[ProtocolError]) -> Grant:
    """Return the newest grant of an ID token's client in its session that was not revoked.

    RFC 8693 §2.2.2: raises `error` if there is none, so that removing an app ends its ID tokens.
    """
    of_grant = ("user", "session", "client", "client_session")
    grants = Grant.objects.filter(
        client_session__sid=claims.sid,
        client_session__ended_at=None,
        client__client_id=claims.client_id,
        revoked_at=None,
    )
    grant = grants.select_related(*of_grant).order_by("-pk").first()
    if grant is None:
        raise error("The subject_token is of a session that has ended, or was revoked.")
    return grant
