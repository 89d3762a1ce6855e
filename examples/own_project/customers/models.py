"""Profiles of customers."""

from django.conf import settings
from django.db import models


class Profile(models.Model):
    """What the bakery knows of a user: `user.profile`."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    favourite_bread = models.CharField(max_length=50, blank=True)

    def __str__(self):
        """Return the name that the admin shows."""
        return f"Profile of {self.user}"
