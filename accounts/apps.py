"""The accounts app: people, and how and where they are signed in."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Connects what ends and begins sessions once every model is loaded."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Listen to Django's and allauth's signals of signing in and out."""
        from accounts import sessions

        sessions.connect()
