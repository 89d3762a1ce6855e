"""The idp app: the OpenID provider."""

from django.apps import AppConfig


class IdpConfig(AppConfig):
    """Registers our deployment checks, the cross-origin policy, and what we listen to."""

    name = "idp"

    def ready(self) -> None:
        """Import what registers itself with Django."""
        from idp import deploy_checks, listeners, roles
        from idp.endpoints import cors

        deploy_checks.register()
        cors.connect()
        listeners.connect()
        roles.connect(self)
