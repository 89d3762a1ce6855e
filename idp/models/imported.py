"""What was imported of a server before this one, so that nothing of it is imported twice."""

from django.db import models


class ImportedToken(models.Model):
    """A code or token that was imported, by its SHA-256, as long as that could be done again.

    What was used or revoked here meanwhile has left no other trace, and stays ended.
    """

    hashed = models.CharField(primary_key=True, max_length=64)
    #: The server and database that it is of (`importers.live_tokens`).
    source = models.CharField(max_length=300)
    #: The beginning of the last import that found it there.
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.source} until {self.expires_at:%Y-%m-%d %H:%M}"
