"""The identity of a sign-in that is not finished, kept in the browser's session, encrypted.

It is needed when the sign-in ends: for a link, which is made once the account is proved, and for
the new session, which notes where it began.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.fernet import InvalidToken
from django.http import HttpRequest

from accounts.models import User
from accounts.upstream import mappings
from accounts.upstream.identity import Identity
from accounts.upstream.model import Upstream
from foundation import server_keys

KEY = "accounts_upstream_identity"
_PURPOSE = "upstream identity"
#: How long one is kept.
SECONDS = 1800
#: Characters of claims that are kept; of more, only `_SHORT` and what the mapping reads, each of
#: as many at most.
_MOST = 20_000
_SHORT = ("email", "email_verified", "name", "given_name", "family_name", "preferred_username")


@dataclass(frozen=True)
class KeptIdentity:
    """An identity that is kept until its user has signed in."""

    identity: Identity
    user_id: int
    #: Whether it is linked with the user once they are signed in.
    links: bool
    #: Whether it is what signs the user in, not only to be linked.
    signs_in: bool
    #: Seconds since 1970.
    since: float


def keep(
    request: HttpRequest, identity: Identity, user: User, *, links: bool, signs_in: bool
) -> None:
    """Keep an identity until this user has signed in; it replaces another one."""
    at = identity.authenticated_at
    text = json.dumps(
        {
            "upstream": identity.upstream.pk,
            "subject": identity.subject,
            "claims": _bounded(identity),
            "amr": identity.amr,
            "acr": identity.acr,
            "authenticated_at": at.timestamp() if at else None,
            "session_id": identity.session_id,
            "id_token": identity.id_token,
            "user": user.pk,
            "links": links,
            "signs_in": signs_in,
            "at": time.time(),
        }
    )
    request.session[KEY] = server_keys.seal(text.encode(), _PURPOSE)
    vars(request)[KEY] = True


def came_now(request: HttpRequest) -> bool:
    """Whether it is this very request that an identity came with, so that none was kept."""
    return KEY in vars(request)


def of(request: HttpRequest) -> KeptIdentity | None:
    """Return the identity that this browser keeps, if its upstream is enabled still."""
    try:
        kept = json.loads(server_keys.unseal(request.session.get(KEY, ""), _PURPOSE))
    except InvalidToken:
        return None
    upstream = Upstream.objects.filter(pk=kept["upstream"], enabled=True).first()
    if upstream is None or kept["at"] < time.time() - SECONDS:
        return None
    at = kept["authenticated_at"]
    identity = Identity(
        upstream=upstream,
        subject=kept["subject"],
        claims=kept["claims"],
        amr=tuple(kept["amr"]),
        acr=kept["acr"],
        authenticated_at=datetime.fromtimestamp(at, UTC) if at else None,
        session_id=kept["session_id"],
        id_token=kept["id_token"],
    )
    return KeptIdentity(identity, kept["user"], kept["links"], kept["signs_in"], kept["at"])


def forget(request: HttpRequest) -> None:
    """Forget the identity."""
    request.session.pop(KEY, None)


def _bounded(identity: Identity) -> dict[str, object]:
    claims = dict(identity.claims)
    if len(json.dumps(claims)) <= _MOST:
        return claims
    short = {name: claims[name] for name in _SHORT if name in claims}
    kept = {**short, **mappings.claims_read(identity.upstream.mapping, claims)}
    return {name: said for name, said in kept.items() if len(json.dumps(said)) <= _MOST}
