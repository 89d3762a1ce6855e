"""The Django app `foundation`."""

from django.apps import AppConfig


class FoundationConfig(AppConfig):
    """Has one table, that of rate limits."""

    name = "foundation"
