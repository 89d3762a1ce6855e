"""Access tokens that are alive and a key of ours has signed. RFC 9068."""

from datetime import datetime

from django.db.models import QuerySet

from idp.models import AccessToken, SigningKey


def alive_under(key: SigningKey, now: datetime) -> QuerySet[AccessToken]:
    """Return the access tokens that a key has signed and that have not expired.

    Withdrawn ones that an API may still believe are among them.
    """
    return AccessToken.objects.filter(signed_with=key.kid, expires__gt=now)  # type: ignore[no-any-return]
