"""The bakery's app."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """Its models and admin pages."""

    name = "customers"
    verbose_name = "Bakery"
    default_auto_field = "django.db.models.BigAutoField"
