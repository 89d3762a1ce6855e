"""Refuse what has ended or was used before. RFC 6749 §5.2, RFC 9700 §4.14."""

from datetime import datetime
from typing import Any, NoReturn

from django.db.models import QuerySet

from foundation.validity import Invalid
from idp import events
from idp.models import Client, Grant
from idp.protocol.errors import InvalidGrant
from idp.protocol.rules import upholds
from idp.tokens.revocation import revoke_grants


@upholds("RFC 6749 §5.2")
def refuse_ended(what: str, reason: Invalid) -> NoReturn:
    """RFC 6749 §5.2, OIDC Core §11: an invalid grant gives no tokens."""
    raise InvalidGrant(f"The {what} {reason}.")


def end_reused(replayed: QuerySet[Any], client: Client, reason: str, now: datetime) -> bool:
    """Revoke the grants of reused codes or tokens, and record it; return whether there are any.

    `reason` describes the reuse in a sentence. RFC 9700 §4.14.2.
    """
    grant_ids = list(replayed.values_list("grant_id", flat=True))
    revoke_grants(grant_ids, now)
    for grant in Grant.objects.filter(pk__in=grant_ids).select_related("user"):
        events.record(
            events.Kind.REUSED, user=grant.user, client_id=client.client_id, reason=reason
        )
    return bool(grant_ids)
