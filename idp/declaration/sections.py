"""The lists of a file: their rows, entries and keys."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Model, QuerySet

from accounts.models import Upstream, User
from accounts.upstream import removal
from foundation.models import Brand
from idp import attributes as user_attributes
from idp.clients import deletion
from idp.declaration import (
    attributes,
    authorization_details_types,
    brand,
    clients,
    initial_access_tokens,
    resource_servers,
    scopes,
    trusted_issuers,
    upstreams,
    users,
)
from idp.declaration.change import Change, Outcome, differences
from idp.declaration.steps import Step, check_unchanged
from idp.models import (
    Attribute,
    AuthorizationDetailsType,
    Client,
    InitialAccessToken,
    ResourceServer,
    Scope,
    TrustedIssuer,
)

_BATCH = 500


@dataclass(frozen=True)
class Section:
    """One of the lists."""

    model: type[Model]
    #: The noun for one row, in diffs and events.
    noun: str
    #: The member and the column of the key.
    key: str
    state: Callable[[Any], dict[str, Any]]
    defaults: Callable[[Any], dict[str, Any]]
    #: Rows to export and prune, in order, with all related rows that `state` needs.
    rows: Callable[[], QuerySet[Any]]
    delete: Callable[[Any], object] = Model.delete
    #: Deletes in batches, before the row, what it may have very much of.
    clear: Callable[[Any], object] | None = None
    #: Takes the place of deleting all but those with these keys.
    prune: Callable[[Collection[str]], Iterator[tuple[str, Step]]] | None = None
    #: Members as a file has them, where diffs and events show less.
    exported: Callable[[Any], dict[str, Any]] | None = None
    #: Whether there is one row at most, which a file has as a mapping instead of a list.
    is_single: bool = False

    def stored(self) -> Iterator[Any]:
        """Return all rows, read in batches."""
        return self.rows().iterator(chunk_size=_BATCH)

    def pruned(self, declared: Collection[str]) -> Iterator[tuple[str, Step]]:
        """Return the keys that are not among these, and the steps that take them away."""
        if self.prune is not None:
            yield from self.prune(declared)
            return
        for row in self.stored():
            key = getattr(row, self.key)
            if key not in declared:
                fields = differences(self.state(row), {})
                change = Change(f"{self.noun} {key}", Outcome.REMOVED, fields)
                prepare = partial(self._clear, row, fields)
                yield key, Step(change, partial(self._delete, row), prepare)

    def _clear(self, row: Model, fields: dict[str, tuple[Any, Any]]) -> None:
        check_unchanged(self.rows().get(pk=row.pk), fields, self.state)
        if self.clear is not None:
            self.clear(row)

    def _delete(self, row: Model) -> Model:
        self.delete(row)
        return row


#: In the order in which they are exported.
SECTIONS = {
    "brand": Section(
        Brand,
        "brand",
        "name",
        brand.state,
        brand.defaults,
        brand.rows,
        prune=brand.pruned,
        exported=brand.exported,
        is_single=True,
    ),
    "attributes": Section(
        Attribute,
        "attribute",
        "name",
        attributes.state,
        attributes.defaults,
        attributes.rows,
        clear=user_attributes.forget,
    ),
    "users": Section(
        User, "user", "email", users.state, users.defaults, users.rows, prune=users.prune_users
    ),
    "trusted_issuers": Section(
        TrustedIssuer,
        "trusted issuer",
        "issuer",
        trusted_issuers.state,
        trusted_issuers.defaults,
        trusted_issuers.rows,
        exported=trusted_issuers.exported,
    ),
    "upstreams": Section(
        Upstream,
        "upstream",
        "slug",
        upstreams.state,
        upstreams.defaults,
        upstreams.rows,
        delete=removal.remove,
        clear=removal.clear,
        exported=upstreams.exported,
    ),
    "clients": Section(
        Client,
        "client",
        "client_id",
        clients.state,
        clients.defaults,
        clients.rows,
        delete=deletion.delete,
        clear=deletion.clear,
    ),
    "resource_servers": Section(
        ResourceServer,
        "resource server",
        "identifier",
        resource_servers.state,
        resource_servers.defaults,
        resource_servers.rows,
    ),
    "authorization_details_types": Section(
        AuthorizationDetailsType,
        "authorization details type",
        "type",
        authorization_details_types.state,
        authorization_details_types.defaults,
        authorization_details_types.rows,
    ),
    "scopes": Section(Scope, "scope", "name", scopes.state, scopes.defaults, scopes.rows),
    "initial_access_tokens": Section(
        InitialAccessToken,
        "initial access token",
        "name",
        initial_access_tokens.state,
        initial_access_tokens.defaults,
        initial_access_tokens.rows,
    ),
}


def name_of(row: Model) -> str:
    """Return a row's name in diffs and events: `client bakery`, `user ana@example.com`."""
    section = _section_of(row)
    return f"{section.noun} {getattr(row, section.key)}"


def key_of(row: Model) -> str:
    """Return the member and column of the key of a row's list."""
    return _section_of(row).key


def state_of(row: Model) -> dict[str, Any]:
    """Return a row's exportable members, except its key and its secrets."""
    return _section_of(row).state(row)


def entry_of(row: Model) -> dict[str, Any]:
    """Return the entry that declares a row: its key, and all members that differ from defaults."""
    section = _section_of(row)
    defaults = section.defaults(row)
    entry = {section.key: getattr(row, section.key)}
    for name, value in (section.exported or section.state)(row).items():
        if value != defaults.get(name):
            entry[name] = _in_order(value)
    return entry


def _in_order(value: Any) -> Any:
    """Return a value with the keys of its mappings in order, as PostgreSQL orders them itself."""
    match value:
        case dict():
            return {name: _in_order(value[name]) for name in sorted(value)}
        case list():
            return [_in_order(item) for item in value]
    return value


def _section_of(row: Model) -> Section:
    return next(section for section in SECTIONS.values() if isinstance(row, section.model))
