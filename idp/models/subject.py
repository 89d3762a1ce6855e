"""Who a person is to the clients that must not compare notes."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models


class PairwiseSubject(models.Model):
    """A person's identifier in one sector, made once and kept (OIDC Core §8.1).

    It is random and follows from nothing, so no key can change it and nothing leads back from it.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False)
    sector = models.CharField(max_length=255)
    sub = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "sector"], name="one_subject_per_sector")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.sector}"
