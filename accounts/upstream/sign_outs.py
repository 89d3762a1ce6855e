"""Sign-outs that upstreams send while a sign-in is not finished here.

A second factor or a mailed code may take half an hour, and there is no session yet to end. So a
sign-out is remembered for as long, in the cache: one that has lost it lets the sign-in go on.
"""

import json
from datetime import datetime

from django.core.cache import cache

from accounts.upstream.kept_identity import SECONDS, KeptIdentity
from accounts.upstream.model import Upstream
from foundation.statements import hash_of


def note(upstream: Upstream, subject: str | None, sid: str | None, at: datetime) -> None:
    """Note that sign-ins there until this moment are over: a user's, or those of one session.

    With both, also those of the user that are known to belong to no session.
    """
    over = {(subject, sid)}
    if subject is not None and sid is not None:
        over.add((subject, ""))
    keys = [_key(upstream, *names) for names in over]
    cache.set_many(dict.fromkeys(keys, at.timestamp()), SECONDS)


def is_over(kept: KeptIdentity) -> bool:
    """Whether the upstream has sent a sign-out since an identity came."""
    identity = kept.identity
    subject, sid = identity.subject, identity.session_id
    named = ((subject, None), (subject, sid), (None, sid))
    found = cache.get_many([_key(identity.upstream, *names) for names in named])
    return any(kept.since <= at for at in found.values())


def _key(upstream: Upstream, subject: str | None, sid: str | None) -> str:
    return f"upstream-sign-out:{hash_of(json.dumps([upstream.pk, subject, sid]))}"
