"""Access tokens that are alive and a key of ours has signed. RFC 9068."""

from datetime import datetime

from idp.models import AccessToken, SigningKey

#: So many are counted at the most.
COUNTED_AT_MOST = 10_000


def alive_under(key: SigningKey, now: datetime) -> int:
    """Count the access tokens that a key has signed and that have not expired.

    Withdrawn ones that an API may still believe count, too.
    """
    rows = AccessToken.objects.filter(signed_with=key.kid, expires__gt=now)
    return int(rows.values("pk")[:COUNTED_AT_MOST].count())
