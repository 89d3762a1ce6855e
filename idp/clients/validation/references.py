"""References in client metadata: scopes, groups, and offered values. RFC 7591 §2."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts.models import User
from idp import policy
from idp.clients.validation.problem import Problem
from idp.integrations.catalogue import catalogue
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol import response_types

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_MOST_UPSTREAMS = 50


def groups_exist(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """Groups that may use the client exist: a missing one would admit no user."""
    unknown = catalog.unknown_groups(client.allowed_groups)
    if unknown:
        yield Problem("allowed_groups", _("There is no group %(name)s.") % {"name": unknown[0]})


def upstreams_can_be_named(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """Upstreams are named by their short names. One that there is not (yet) is not offered."""
    odd = [name for name in client.upstreams if _SLUG.fullmatch(name) is None]
    if odd or len(client.upstreams) > _MOST_UPSTREAMS:
        text = _("These have to be short names of identity providers, at most %(most)d.")
        yield Problem("upstreams", text % {"most": _MOST_UPSTREAMS})


def details_types_exist(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 9396 §10: types of authorization details are ones that an operator registered."""
    if unknown := sorted(set(client.authorization_details_types) - catalog.details_types):
        text = _("There are no authorization details of the type %(type)s.")
        yield Problem("authorization_details_types", text % {"type": unknown[0]})


def client_id_is_no_apis(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 9068 §5: an ID token of the client does not pass for an access token of an API."""
    if client.client_id in catalog.typed_as_id_tokens:
        yield Problem(
            "client_id",
            _("An API has this identifier, and its access tokens have the type of ID tokens."),
        )


def client_id_is_no_subject(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 9068 §5: the subject of a new client's own tokens is no user's.

    `idp.subjects` refuses the other direction. The client_id of a stored client never changes.
    """
    if not client._state.adding:
        return
    is_new_users = client.client_id in catalog.new_subjects
    if is_new_users or User.objects.filter(sub=client.client_id).exists():
        yield Problem("client_id", _("A user has this subject, which apps know them by."))


def integration_exists(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """The integration is one of the catalogue, whose settings can be shown."""
    if client.integration and client.integration not in catalogue():
        yield Problem(
            "integration", _("There is no integration %(name)s.") % {"name": client.integration}
        )


def values_are_offered(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 7591 §2: grants, response types, scopes and levels of sign-in are ones that there are."""
    for column, offered in {
        "grant_types": policy.GRANT_TYPES,
        "response_types": _known_response_types(client),
        # An open scope whose API is gone is of no effect, and need not be removed.
        "scopes": [*filter(catalog.offers, client.scopes), *client.open_scopes],
        "default_acr_values": policy.ACR_VALUES,
    }.items():
        unknown = sorted(set(getattr(client, column)) - set(offered))
        if unknown:
            text = _("Not offered here: %(values)s.") % {"values": ", ".join(unknown)}
            yield Problem(column, text)


def _known_response_types(client: Client) -> list[str]:
    """Return those of its response types that exist, in any order of their parts."""
    known = set(map(response_types.parts, policy.RESPONSE_TYPES))
    return [kind for kind in client.response_types if response_types.parts(kind) in known]
