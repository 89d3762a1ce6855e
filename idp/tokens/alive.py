"""Access tokens that are alive and a key of ours has signed, as far as rows can tell. RFC 9068."""

from dataclasses import dataclass
from datetime import datetime

from idp.models import AccessToken, ResourceServer, SigningKey
from idp.tokens.audience import algorithm_for

#: Of tokens that are alive, those that live longest are looked at; this many at the most.
LOOKED_AT_MOST = 10_000
_JWT = "jwt"


@dataclass(frozen=True)
class Alive:
    """How many JWT access tokens that are alive a key has signed, of how many looked at."""

    signed: int
    #: Whether all that are alive were looked at.
    complete: bool


def alive_under(key: SigningKey, now: datetime) -> Alive:
    """Count the access tokens that a key has signed and that have not expired.

    A token's row names no key: what counts is that it was made while the key signed, for an app or
    API that has JWTs of this algorithm today. Withdrawn ones that an API may still believe count,
    too.
    """
    rows = AccessToken.objects.filter(expires__gt=now).order_by("-expires")
    columns = (
        *("created", "resource"),
        *("application__access_token_format", "application__id_token_signed_response_alg"),
    )
    looked_at = list(rows.values_list(*columns)[: LOOKED_AT_MOST + 1])
    servers = set(
        ResourceServer.objects.filter(
            access_token_format=_JWT, access_token_signing_alg=key.algorithm
        ).values_list("identifier", flat=True)
    )
    since, until = key.activated_at or key.created_at, key.retired_at or now
    signed = 0
    for created, resource, form, algorithm in looked_at[:LOOKED_AT_MOST]:
        own = not resource and form == _JWT and algorithm_for(algorithm) == key.algorithm
        signed += since <= created <= until and (own or not servers.isdisjoint(resource))
    return Alive(signed, complete=len(looked_at) <= LOOKED_AT_MOST)
