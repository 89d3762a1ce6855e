"""The idp app: the OpenID provider."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

_ADMIN_PAGES = (
    *("grants", "clients.page", "deliveries", "events", "groups", "keys", "users"),
    *(
        "appearance",
        "resource_servers",
        "authorization_details_types",
        "roles",
        "sessions",
        "attributes",
    ),
    *("trusted_issuers", "upstreams"),
)


class IdpConfig(AppConfig):
    """Registers deployment checks, the CORS policy, and signal receivers."""

    name = "idp"
    verbose_name = _("Apps and what happens here")

    def ready(self) -> None:
        """Import modules that register themselves with Django."""
        from accounts.upstream import own_attributes
        from idp import attributes, deploy_checks, listeners, staff_groups
        from idp.admin import added_apps
        from idp.endpoints import cors
        from idp.upstream import kinds
        from idp.upstream.saml import kind as saml

        deploy_checks.register()
        cors.connect()
        kinds.register()
        saml.register()
        own_attributes.register(attributes.cleaners)
        listeners.connect()
        staff_groups.connect(self)
        for page in _ADMIN_PAGES:
            import_module(f"idp.admin.{page}")
        added_apps.discover()  # after ours, which they may replace
