"""Client assertions, and JWTs of trusted issuers, that were used."""

from datetime import datetime

from foundation.statements import changed


def use_assertion(client_id: int, jti_hash: str, expires_at: datetime) -> bool:
    """Store the use of a client assertion; return False if it was used before.

    Hand-written for ON CONFLICT: of many at once exactly one succeeds, in one statement.
    """
    inserted = changed(
        """
        INSERT INTO idp_usedassertion (client_id, jti_hash, expires_at) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        [client_id, jti_hash, expires_at],
    )
    return inserted == 1


def use_issuer_jwt(issuer_id: int, jti_hash: str, expires_at: datetime) -> bool:
    """Store the use of a trusted issuer's JWT; return False if it was used before, by any client.

    Hand-written as `use_assertion`.
    """
    inserted = changed(
        """
        INSERT INTO idp_usedissuerjwt (issuer_id, jti_hash, expires_at) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        [issuer_id, jti_hash, expires_at],
    )
    return inserted == 1
