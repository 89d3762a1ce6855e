"""Texts of a client that users read. UTS #39, OIDC Dynamic Client Registration §2.1."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from foundation import plain_text
from idp.client_metadata import LOCALIZED
from idp.clients.validation.addresses import problem_with_page
from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog

_MOST_LOCALIZED = 100
_LONGEST_NAME, _LONGEST_ADDRESS = 255, 200


def texts_can_be_seen(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """UTS #39: no text has characters that cannot be seen."""
    texts = {
        "name": [client.name],
        "contacts": client.contacts,
        "software_id": [client.software_id],
        "software_version": [client.software_version],
    }
    for column, values in texts.items():
        for text in filter(None, map(plain_text.problem_with, values)):
            yield Problem(column, text)


def localized_texts_can_be_shown(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Dynamic Client Registration §2.1: as sound as the texts without a language."""
    if len(client.localized) > _MOST_LOCALIZED:
        yield Problem(LOCALIZED, _("There are too many."))
    for name, value in client.localized.items():
        text = _problem_with_localized(name, value)
        if text:
            yield Problem(LOCALIZED, f"{name}: {text}")


def _problem_with_localized(name: str, value: str) -> str | None:
    is_name = name.startswith("client_name#")
    longest = _LONGEST_NAME if is_name else _LONGEST_ADDRESS
    if len(value) > longest:
        return _("It is longer than %(most)d characters.") % {"most": longest}
    return plain_text.problem_with(value) if is_name else problem_with_page(value)
