"""The Django app `foundation`."""

from django.apps import AppConfig


class FoundationConfig(AppConfig):
    """Has two tables: of rate limits, and of mail."""

    name = "foundation"
