"""Sector identifiers: which clients may know a person by the same subject.

OIDC Core §8.1, OIDC Dynamic Client Registration §5.
"""

import json

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from idp import fetching, outbound
from idp.models import Client

_COLUMNS = ("sector_identifier_uri", "redirect_uris")
_CONTENT_TYPES = ("application/json",)


def vouches_for(client: Client) -> None:
    """Fetch what is at a client's sector_identifier_uri, where that or what it lists is new.

    Raises ValidationError where it is not there, or lacks one of the client's redirect URIs, and
    TemporarilyUnavailable where nothing can be fetched just now.
    """
    if client.sector_identifier_uri and not _is_as_before(client):
        look(client)


def look(client: Client) -> None:
    """Fetch what is at a client's sector_identifier_uri. Raises as `vouches_for` does."""
    uri, party = client.sector_identifier_uri, fetching.party_of(client)
    try:
        listed = json.loads(fetching.ask(uri, _CONTENT_TYPES, party).body)
    except outbound.OutboundError as problem:
        raise ValidationError({"sector_identifier_uri": [str(problem)]}) from None
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list):
        raise ValidationError({"sector_identifier_uri": [_("What is there is not a JSON list.")]})
    lacking = [redirect_uri for redirect_uri in client.redirect_uris if redirect_uri not in listed]
    if lacking:
        said = _("What is there lacks %(redirect_uri)s.") % {"redirect_uri": lacking[0]}
        raise ValidationError({"sector_identifier_uri": [said]})


def _is_as_before(client: Client) -> bool:
    before = Client.objects.filter(pk=client.pk).values(*_COLUMNS).first()
    return bool(before == {column: getattr(client, column) for column in _COLUMNS})
