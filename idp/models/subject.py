"""Pairwise subject identifiers, for clients that must not correlate users."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models import new_subject


class PairwiseSubject(models.Model):
    """A user's subject in one sector, created once and stored (OIDC Core §8.1).

    It is random, so changing a key does not change it and it can't be reversed.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False)
    sector = models.CharField(max_length=255)
    sub = models.CharField(max_length=255, default=new_subject, unique=True, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "sector"], name="one_subject_per_sector")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.sector}"
