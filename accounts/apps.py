"""The accounts app: users, their sessions and how they signed in."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Connects the signals that begin and end sessions once every model is loaded."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Listen to Django's and allauth's signals of signing in and out."""
        from accounts import sessions
        from accounts.upstream import sessions as upstream_sessions
        from accounts.upstream.directory import kind as directory

        sessions.connect()
        upstream_sessions.connect()
        directory.register()
