"""What a client registers that asks users to sign in on another device. OIDC CIBA §4."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog


def answers_can_be_told(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC CIBA §4: with ping there is an address that is told."""
    tells = client.backchannel_token_delivery_mode == "ping"
    if tells and not client.backchannel_client_notification_endpoint:
        yield Problem(
            "backchannel_client_notification_endpoint",
            _("With ping it needs the address that is told."),
        )


def signed_requests_can_be_verified(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC CIBA §4: signed requests are verified with the client's public keys."""
    algorithm = client.backchannel_authentication_request_signing_alg
    if algorithm and client.jwks is None and not client.jwks_uri:
        yield Problem(
            "backchannel_authentication_request_signing_alg",
            _("It needs public keys: jwks or jwks_uri."),
        )
