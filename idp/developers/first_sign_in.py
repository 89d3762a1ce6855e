"""Whether users sign in to an app, for the page that waits for the first one."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from idp.models import AuthorizationCode, Client, Grant

#: How many of an app's last authorizations are looked at.
_LOOKED_AT = 50


def last_sign_in(client: Client) -> datetime | None:
    """Return when the app last got a code that it exchanged for tokens.

    None if none is stored any more. Test sign-ins are revoked, and don't count.
    """
    latest = Grant.objects.filter(client=client).order_by("-id")[:_LOOKED_AT]
    codes = AuthorizationCode.objects.filter(grant=OuterRef("pk"))
    exchanged = Exists(codes.exclude(redeemed_at=None))
    grants = Grant.objects.filter(exchanged, pk__in=[grant.pk for grant in latest], revoked_at=None)
    newest = grants.order_by("-id").first()
    return newest.created_at if newest else None
