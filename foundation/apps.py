"""The Django app `foundation`."""

from django.apps import AppConfig


class FoundationConfig(AppConfig):
    """Has three tables: of rate limits, of mail, and of the brand."""

    name = "foundation"
