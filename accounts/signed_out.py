"""Redirect to a page that lists the sessions that were just signed out."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import islice

from django.core import signing
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import Session

#: Seconds for which the page can be opened again.
_LASTS = timedelta(minutes=10)
_SALT = "accounts.signed_out"
#: Maximum number of sessions in one address.
_MOST = 50


def about(sessions: Iterable[Session], page: str = "account_signed_out") -> str:
    """Return the address of the page about these sessions, which end now; of the first of many."""
    note = note_of(sessions)
    return reverse(page) + (f"?{urlencode({'of': note})}" if note else "")


def note_of(sessions: Iterable[Session]) -> str:
    """Return the signed note of such an address; empty without sessions."""
    ended = [session.pk for session in islice(sessions, _MOST)]
    return signing.dumps(ended, salt=_SALT) if ended else ""


def sessions_of(note: str) -> list[Session]:
    """Return the ended sessions of such an address in their order; empty for any other."""
    try:
        keys = signing.loads(note, salt=_SALT, max_age=_LASTS)
    except signing.BadSignature:
        return []
    ended = Session.objects.select_related("user").filter(pk__in=keys).exclude(ended_at=None)
    return sorted(ended, key=lambda session: keys.index(session.pk))
