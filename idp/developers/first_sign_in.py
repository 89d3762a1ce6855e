"""Whether users sign in to an app, for the page that waits for the first one."""

from datetime import datetime

from django.db.models import Exists, OuterRef

from idp.models import AccessToken, Client, Grant

#: How many of an app's last authorizations are looked at.
_LOOKED_AT = 50


def last_sign_in(client: Client) -> datetime | None:
    """Return when a user last allowed the app in, of sign-ins for which it fetched the tokens.

    None if there is none that is still stored. Test sign-ins are revoked, and don't count.
    """
    latest = Grant.objects.filter(client=client).order_by("-id")[:_LOOKED_AT]
    fetched = Exists(AccessToken.objects.filter(grant=OuterRef("pk")))
    grants = Grant.objects.filter(fetched, pk__in=[grant.pk for grant in latest], revoked_at=None)
    newest = grants.order_by("-id").first()
    return newest.created_at if newest else None
