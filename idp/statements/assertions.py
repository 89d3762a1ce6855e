"""Client assertions that were used."""

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
