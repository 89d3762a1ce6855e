"""The accounts app: people, and how and where they are signed in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Connects what ends and begins sessions once every model is loaded."""

    name = "accounts"

    def ready(self) -> None:
        """Listen to Django's and allauth's signals of signing in and out."""
        from accounts import sessions

        sessions.connect()
