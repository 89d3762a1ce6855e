"""Grant families: what has happened to an authorization, and what it may be used for."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from idp import events
from idp.clients.admission import NOT_ADMITTED, admits
from idp.models import Authorization, Client
from idp.protocol.errors import InvalidGrant, InvalidTarget
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.tokens.revocation import revoke_families


@upholds("RFC 6749 §5.2")
def still_holds(authorization: Authorization) -> None:
    """Raise InvalidGrant if something has ended the authorization since it was given.

    RFC 6749 §5.2, OIDC Core §11.
    """
    if authorization.revoked_at is not None:
        raise InvalidGrant("The authorization has been revoked since it was given.")
    if authorization.has_ended_with_session(timezone.now()):
        raise InvalidGrant(
            "The person has signed out since, or the session has expired, and offline_access was "
            "not granted."
        )
    if not authorization.user.is_active:
        raise InvalidGrant("The person's account has been disabled since.")


@upholds("RFC 6749 §5.2")
def person_is_admitted(authorization: Authorization, client: Client) -> None:
    """Raise InvalidGrant if the client is no longer for this person. RFC 6749 §5.2.

    They may be admitted again, and the client may be newer than the caller knows it: so raise it
    where what was presented is not used up.
    """
    if not admits(client, authorization.user):
        raise InvalidGrant(NOT_ADMITTED)


def end_reused(replayed: QuerySet[Any], client: Client, what: str, now: datetime) -> bool:
    """End the families of codes or tokens that came again, and record it; whether there are any.

    `what` came is said in a sentence. Call it outside of the transaction that is given up.
    RFC 9700 §4.14.2.
    """
    family_ids = list(replayed.values_list("authorization_id", flat=True))
    revoke_families(family_ids, now)
    for family in Authorization.objects.filter(pk__in=family_ids).select_related("user"):
        events.record(events.Kind.REUSED, user=family.user, client_id=client.client_id, reason=what)
    return bool(family_ids)


@upholds("RFC 8707 §2.2")
def resource_for(authorization: Authorization, parameters: Parameters) -> tuple[str, ...]:
    """Return the APIs that this token request's access token is for. RFC 8707 §2.2.

    Those it names, which have to be of those that the authorization named, if it named any; else
    the authorization's.
    """
    allowed = tuple(authorization.resource)
    asked = tuple(dict.fromkeys(parameters.resources))
    if allowed and not set(asked) <= set(allowed):
        other = min(set(asked) - set(allowed))
        raise InvalidTarget(f"The resource {other} was not part of the authorization request.")
    return asked or allowed
