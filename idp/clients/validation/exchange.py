"""What operators write about token exchange and connected applications. RFC 8693 §2.1."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from idp import policy
from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog
from idp.models.connection import MEMBERS
from idp.models.scope import problem_with_scope
from idp.protocol.redirect_uris import problem_with

_TARGETS, _CONNECTED = "token_exchange_resources", "connected_applications"
#: What lets a client act with tokens that others have.
_OF_OTHERS = ("token_exchange_clients", "token_exchange_id_tokens", _TARGETS, _CONNECTED)


def exchange_needs_a_secret(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 8693 §2.1: without client authentication, every user of a token could exchange it."""
    for column in _OF_OTHERS:
        if client.is_public and getattr(client, column):
            yield Problem(column, _("A client without a secret cannot exchange others’ tokens."))


def exchange_targets_exist(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 8693 §2.1.1: tokens are exchanged for APIs that there are, and scopes that they have."""
    for api, scopes in _entries(client.token_exchange_resources):
        if api not in catalog.scopes:
            yield Problem(_TARGETS, _("There is no API %(api)s.") % {"api": api})
        elif not _is_mapping_of_texts(scopes):
            text = _("%(api)s: Write for each scope there which scope the token has to have.")
            yield Problem(_TARGETS, text % {"api": api})
        elif unknown := sorted(set(scopes) - catalog.scopes[api]):
            text = _("The API %(api)s has no scope %(scope)s.")
            yield Problem(_TARGETS, text % {"api": api, "scope": unknown[0]})
        elif missing := [name for name in scopes.values() if not catalog.offers(name)]:
            text = _("%(api)s: There is no scope %(scope)s.")
            yield Problem(_TARGETS, text % {"api": api, "scope": missing[0]})


def connected_applications_can_be_named(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OAuth Identity Assertion Authorization Grant §4.3: an issuer, and what is allowed there."""
    for issuer, entry in _entries(client.connected_applications):
        if problem := problem_with(issuer, application_type="web"):
            yield Problem(_CONNECTED, f"{issuer}: {problem}")
        elif issuer == policy.ISSUER:
            yield Problem(_CONNECTED, _("An application that is connected has another issuer."))
        elif problem := _problem_with_connection(entry):
            yield Problem(_CONNECTED, f"{issuer}: {problem}")


def shared_sign_ins_are_of_ones_own(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Native SSO §1: the apps are of one company, and no page asks users between them."""
    if client.native_sso_group and not client.skip_authorization:
        text = _("Only your own apps (first_party) can share sign-ins on a device.")
        yield Problem("native_sso_group", text)


def _entries(column: Any) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a mapping; the checks of types refuse anything else."""
    if isinstance(column, dict):
        yield from column.items()


def _is_mapping_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _problem_with_connection(entry: Any) -> str | None:
    """Return what is wrong with what is written about an application, or None."""
    if not isinstance(entry, dict):
        return _("Write client_id, and if wanted scopes, resources and email.")
    if unknown := sorted(set(entry) - set(MEMBERS)):
        return _("Unknown: %(names)s.") % {"names": ", ".join(unknown)}
    wrong = [name for name, value in entry.items() if not _is_of_type(name, value)]
    if wrong:
        return _("%(name)s has another type.") % {"name": wrong[0]}
    if not entry.get("client_id"):
        return _("The client_id is missing by which the application knows this app.")
    problems = [
        problem for scope in entry.get("scopes", []) if (problem := problem_with_scope(scope))
    ]
    return problems[0] if problems else None


def _is_of_type(name: str, value: Any) -> bool:
    if MEMBERS[name] is list:
        return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
    return isinstance(value, MEMBERS[name])
