"""The idp app: the OpenID provider."""

from django.apps import AppConfig


class IdpConfig(AppConfig):
    """Registers our deployment checks and the cross-origin policy."""

    name = "idp"

    def ready(self) -> None:
        """Import what registers itself with Django."""
        from idp import deploy_checks
        from idp.endpoints import cors

        deploy_checks.register()
        cors.connect()
