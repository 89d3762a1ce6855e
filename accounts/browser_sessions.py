"""Django's browser sessions in the database, found by hand-written SQL: each page asks for one."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.utils import timezone

from foundation.statements import one


class SessionStore(DatabaseSessions):
    """As Django's own; only how one is read differs."""

    def load(self) -> dict[str, Any]:
        """Return what the session holds; nothing for one that has expired, or never was."""
        row = one(
            "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s",
            [self.session_key, timezone.now()],
        )
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row[0])
