"""The way to a page that says what was signed out, just now."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import islice

from django.core import signing
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import Session

#: For how long the page can be opened again.
_LASTS = timedelta(minutes=10)
_SALT = "accounts.signed_out"
#: How many sessions an address has room for.
_MOST = 50


def page_about(sessions: Iterable[Session], page: str = "account_signed_out") -> str:
    """Return the address of the page about these sessions, which end now; of the first of many."""
    ended = [session.pk for session in islice(sessions, _MOST)]
    query = urlencode({"of": signing.dumps(ended, salt=_SALT)}) if ended else ""
    return reverse(page) + (f"?{query}" if query else "")


def sessions_of(note: str) -> list[Session]:
    """Return the ended sessions that such an address is about; none for any other."""
    try:
        keys = signing.loads(note, salt=_SALT, max_age=_LASTS)
    except signing.BadSignature:
        return []
    ended = Session.objects.select_related("user").filter(pk__in=keys)
    return list(ended.exclude(ended_at=None))
