"""Tokens of upstreams that work once: which were used, for all processes."""

import hashlib
from datetime import datetime

from accounts.upstream.model import Upstream
from foundation.statements import changed


def use(upstream: Upstream, identifier: str, expires_at: datetime) -> bool:
    """Store that a token with this identifier was used; return False if it was before.

    Hand-written for ON CONFLICT: of many at once exactly one succeeds, in one statement. The
    identifier is remembered until `expires_at`, when the token works no more by itself.
    """
    hashed = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
    inserted = changed(
        """
        INSERT INTO accounts_usedupstreamtoken (upstream_id, identifier_hash, expires_at)
        VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [upstream.pk, hashed, expires_at],
    )
    return inserted == 1
