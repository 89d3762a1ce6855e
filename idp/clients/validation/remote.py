"""Checks that fetch documents of the client: its sector identifier document.

OIDC Core §8.1, OIDC Dynamic Client Registration §5. Public keys at a jwks_uri are fetched when they
are needed, since they change; `idp.linter.remote_checks` fetches them for operators.
"""

import json

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from idp import fetching, outbound
from idp.models import Client
from idp.models.client_derived import backchannel_addresses

_COLUMNS = (
    *("sector_identifier_uri", "redirect_uris", "grant_types", "jwks_uri"),
    *("backchannel_token_delivery_mode", "backchannel_client_notification_endpoint"),
)
_CONTENT_TYPES = ("application/json",)


def sector_document_lists_redirect_uris(client: Client) -> None:
    """OIDC Dynamic Client Registration §5: the sector identifier document lists all redirect URIs.

    It is fetched if its address or the redirect URIs differ from those stored. Raises
    ValidationError, and TemporarilyUnavailable if nothing can be fetched now.
    """
    if client.sector_identifier_uri and not _is_as_stored(client):
        fetch_sector_document(client)


def fetch_sector_document(client: Client) -> None:
    """Fetch the document in any case. Raises as `sector_document_lists_redirect_uris` does."""
    uri, party = client.sector_identifier_uri, fetching.party_of(client)
    try:
        listed = json.loads(fetching.ask(uri, _CONTENT_TYPES, party).body)
    except outbound.OutboundError as problem:
        raise ValidationError({"sector_identifier_uri": [str(problem)]}) from None
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        raise ValidationError({"sector_identifier_uri": [_("What is there is not a JSON list.")]})
    needed = client.redirect_uris or backchannel_addresses(client)
    lacking = [address for address in needed if address not in listed]
    if lacking:
        said = _("What is there lacks %(redirect_uri)s.") % {"redirect_uri": lacking[0]}
        raise ValidationError({"sector_identifier_uri": [said]})


def _is_as_stored(client: Client) -> bool:
    stored = Client.objects.filter(pk=client.pk).values(*_COLUMNS).first()
    return bool(stored == {column: getattr(client, column) for column in _COLUMNS})
