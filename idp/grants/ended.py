"""What grants refuse: what has ended, and what was used before. RFC 6749 §5.2, RFC 9700 §4.14."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from idp import events, validity
from idp.models import Authorization, Client
from idp.protocol.errors import InvalidGrant
from idp.protocol.rules import upholds
from idp.tokens.revocation import revoke_families


@upholds("RFC 6749 §5.2")
def grant_is_valid(what: str, authorization: Authorization, now: datetime) -> None:
    """RFC 6749 §5.2, OIDC Core §11: `what` gives nothing once its grant has ended."""
    reason = validity.why_grant_is_invalid(authorization.facts, now)
    if reason is not None:
        raise InvalidGrant(f"The {what} {reason}.")


def end_reused(replayed: QuerySet[Any], client: Client, reason: str, now: datetime) -> bool:
    """End the grants of codes or tokens that came again, and record it; whether there are any.

    `reason` says what came, in a sentence. RFC 9700 §4.14.2.
    """
    grant_ids = list(replayed.values_list("authorization_id", flat=True))
    revoke_families(grant_ids, now)
    for grant in Authorization.objects.filter(pk__in=grant_ids).select_related("user"):
        events.record(
            events.Kind.REUSED, user=grant.user, client_id=client.client_id, reason=reason
        )
    return bool(grant_ids)
