"""Scopes, APIs, groups and issuers that rows are validated against: stored or planned ones."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group

from idp import policy


@dataclass
class Catalog:
    """What clients, scopes, APIs and initial access tokens may refer to."""

    #: The claims of each scope of the operator's own, by its name.
    claims: dict[str, dict[str, str]] = field(default_factory=dict)
    #: The names of the attributes of users that claims can be filled from.
    attributes: set[str] = field(default_factory=set)
    #: The scopes of each API, by its identifier.
    scopes: dict[str, frozenset[str]] = field(default_factory=dict)
    #: The identifiers of the APIs whose access tokens have the `typ` of ID tokens.
    typed_as_id_tokens: set[str] = field(default_factory=set)
    #: What each trusted issuer is trusted for, by its name.
    issuers: dict[str, frozenset[str]] = field(default_factory=dict)
    #: The types of authorization details.
    details_types: set[str] = field(default_factory=set)
    #: Groups that are to be made, beside those that are stored.
    new_groups: set[str] = field(default_factory=set)
    #: Subjects of users that are to be made, beside those that are stored.
    new_subjects: set[str] = field(default_factory=set)

    @classmethod
    def stored(cls) -> "Catalog":
        """Return the catalog of the database."""
        own: Any = apps.get_model("idp", "Scope")._default_manager.values_list("name", "claims")
        attributes: Any = apps.get_model("idp", "Attribute")._default_manager
        catalog = cls(dict(own), set(attributes.values_list("name", flat=True)))
        apis: Any = apps.get_model("idp", "ResourceServer")._default_manager.values_list(
            "identifier", "scopes", "access_token_typ"
        )
        for identifier, scopes, typ in apis:
            catalog.add_api(identifier, scopes, typ)
        issuers: Any = apps.get_model("idp", "TrustedIssuer")._default_manager
        for issuer, purposes in issuers.values_list("issuer", "purposes"):
            catalog.issuers[issuer] = frozenset(purposes)
        types: Any = apps.get_model("idp", "AuthorizationDetailsType")._default_manager
        catalog.details_types.update(types.values_list("type", flat=True))
        return catalog

    def add_api(self, identifier: str, scopes: Iterable[str], typ: str) -> None:
        """Add an API, or replace it; `typ` is the type of its access tokens."""
        self.scopes[identifier] = frozenset(scopes)
        self.typed_as_id_tokens -= {identifier}
        if typ == "JWT":
            self.typed_as_id_tokens.add(identifier)

    def remove_api(self, identifier: str) -> None:
        """Remove an API."""
        self.scopes.pop(identifier, None)
        self.typed_as_id_tokens -= {identifier}

    def offers(self, scope: str) -> bool:
        """Whether clients may ask for this scope."""
        return (
            scope in policy.SCOPES or scope in self.claims or self.api_with_scope(scope) is not None
        )

    def api_with_scope(self, scope: str) -> str | None:
        """Return the identifier of an API that has this scope, or None."""
        return next((api for api, scopes in self.scopes.items() if scope in scopes), None)

    def all_scopes(self) -> set[str]:
        """Return every scope that clients may ask for."""
        return {*policy.SCOPES, *self.claims}.union(*self.scopes.values())

    def unknown_groups(self, names: list[str]) -> list[str]:
        """Return those of these names that no group has, in order."""
        asked = set(names) - self.new_groups
        known = Group.objects.filter(name__in=asked).values_list("name", flat=True)
        return sorted(asked - set(known)) if asked else []
