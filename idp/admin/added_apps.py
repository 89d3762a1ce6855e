"""Apps that an operator's own Django project adds, with their admin pages (docs/own-project.md)."""

from importlib import import_module

from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.module_loading import module_has_submodule

#: The names of the apps of Signet's own settings; the first of these is the admin's.
_OURS = frozenset({"django.contrib.admin", *settings.IDP_APPS})


def added() -> list[AppConfig]:
    """Return the apps that are installed beside those of Signet's own settings."""
    return [config for config in apps.get_app_configs() if config.name not in _OURS]


def discover() -> None:
    """Import the `admin` modules of added apps, as Django does for every app.

    Those of the libraries here are never loaded: their pages know nothing of sessions and events.
    """
    for config in added():
        if module_has_submodule(config.module, "admin"):
            import_module(f"{config.name}.admin")
