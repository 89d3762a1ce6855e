"""Sign-outs that upstreams tell of while a sign-in still waits here for another step.

A second factor or a mailed code may take half an hour, and there is no session yet to end. So what
was told is remembered for as long, in the cache: one that has lost it lets the sign-in go on.
"""

import json
from datetime import datetime

from django.core.cache import cache

from accounts.upstream.model import Upstream
from accounts.upstream.pending import SECONDS, Waiting
from foundation.statements import hash_of


def note(upstream: Upstream, subject: str | None, sid: str | None, at: datetime) -> None:
    """Note that sign-ins there until this moment are over: a user's, or those of one session.

    With both, also those of the user that are known to belong to no session.
    """
    told = {(subject, sid)}
    if subject is not None and sid is not None:
        told.add((subject, ""))
    keys = [_key(upstream, *names) for names in told]
    cache.set_many(dict.fromkeys(keys, at.timestamp()), SECONDS)


def is_over(waiting: Waiting) -> bool:
    """Whether the upstream has told of a sign-out since an identity began to wait."""
    identity = waiting.identity
    subject, sid = identity.subject, identity.session_id
    named = ((subject, None), (subject, sid), (None, sid))
    found = cache.get_many([_key(identity.upstream, *names) for names in named])
    return any(waiting.since <= at for at in found.values())


def _key(upstream: Upstream, subject: str | None, sid: str | None) -> str:
    return f"upstream-sign-out:{hash_of(json.dumps([upstream.pk, subject, sid]))}"
