"""Django's browser sessions in the database, read by hand-written SQL on each page."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.utils import timezone

from foundation.statements import one


class SessionStore(DatabaseSessions):
    """Django's session store with another statement for reading."""

    def load(self) -> dict[str, Any]:
        """Return the session's content; empty for an expired or unknown one."""
        row = one(
            "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s",
            [self.session_key, timezone.now()],
        )
        if row is None:
            self._session_key = None
            return {}
        return self.decode(row[0])
