"""The table of client metadata says what the model, discovery and the operators' page say."""

from collections import Counter

import pytest
from django.db.models import BooleanField, CharField, Field, JSONField, TextField

from idp.admin.clients.form import ClientForm
from idp.admin.clients.tabs import TABS, is_shown
from idp.client_metadata import (
    BY_COLUMN,
    BY_NAME,
    COLUMNS,
    FLAG,
    JWK_SET,
    MAPPING,
    MEMBERS,
    NUMBER,
    OPTIONAL_FLAG,
    TEXT,
    TEXTS,
    Member,
    defaults,
)
from idp.clients.enabled_grants import EnabledGrants
from idp.endpoints.metadata import provider_metadata
from idp.models import Client
from idp.protocol.vocabulary import READABLE_METADATA
from tests.conftest import ROOT

pytestmark = pytest.mark.once
#: Columns that are no metadata: keys, what follows from other columns, the record of the row.
OF_THE_ROW = {
    *("id", "client_id", "user", "created", "updated", "version", "registration_source"),
    *("sector", "display_fingerprint", "has_legacy_grants", "client_type", "client_secret"),
    "has_extension_grants",
    *("authorization_grant_type", "algorithm", "hash_client_secret", "registered_with"),
    *("registration_access_token_hash", "previous_registration_access_token_hash"),
    *("software_statement", "document_fetched_at", "cimd_expires_at", "open_scopes"),
}
#: Members whose choices discovery publishes under another name than `<member>s_supported`.
PUBLISHED_AS = {
    "subject_type": "subject_types_supported",
    "token_endpoint_auth_method": "token_endpoint_auth_methods_supported",
    "default_acr_values": "acr_values_supported",
}


def column_of(member: Member) -> "Field[object, object]":
    return Client._meta.get_field(member.column)  # type: ignore[return-value]


def test_every_column_is_metadata_or_of_the_row() -> None:
    columns = {field.name for field in Client._meta.concrete_fields}
    assert set(COLUMNS) <= columns
    assert columns - set(COLUMNS) - OF_THE_ROW == set()
    assert not set(COLUMNS) & OF_THE_ROW


def test_every_member_is_on_one_tab_of_an_app_s_page() -> None:
    columns = Counter(column for tab in TABS for column in tab.columns)
    assert set(columns.values()) == {1}
    assert columns.keys() - {"user"} == set(COLUMNS)
    assert set(ClientForm.Meta.fields) == {*columns, "client_id"}


def test_what_decides_about_the_kind_of_an_app_is_always_on_its_tab() -> None:
    """Otherwise an app could not become one of another kind."""
    machine = Client(grant_types=["client_credentials"], token_endpoint_auth_method="none")
    shown = {name for name in COLUMNS if is_shown(machine, name)}
    assert shown >= {"grant_types", "response_types", "redirect_uris", "application_type"}
    assert shown >= {"token_endpoint_auth_method", "profile", "jwks", "jwks_uri"}


def test_every_member_is_there_once() -> None:
    assert len(BY_NAME) == len(BY_COLUMN) == len(MEMBERS)
    assert set(READABLE_METADATA) <= BY_NAME.keys()


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_column_has_the_type_and_the_choices_of_its_member(member: Member) -> None:
    column = column_of(member)
    if member.name == "scope":  # a text on the wire, a list in the column
        assert isinstance(column, JSONField)
        return
    expected = (
        TEXT
        if isinstance(column, CharField | TextField)
        else OPTIONAL_FLAG
        if isinstance(column, BooleanField) and column.null
        else FLAG
        if isinstance(column, BooleanField)
        else JWK_SET
        if isinstance(column, JSONField) and column.null
        else MAPPING
        if isinstance(column, JSONField) and column.default is dict
        else TEXTS
        if isinstance(column, JSONField)
        else NUMBER
    )
    assert member.type is expected
    if member.type is TEXT:
        assert member.choices == tuple(value for value, _label in column.choices or ())


def test_a_client_that_says_nothing_has_values_of_the_right_types() -> None:
    for name, value in defaults(["authorization_code"]).items():
        assert isinstance(value, BY_NAME[name].type), name


@pytest.mark.parametrize(
    "member", [member for member in MEMBERS if member.choices], ids=lambda member: member.name
)
def test_what_may_be_registered_is_published(member: Member) -> None:
    """OIDC Discovery §3."""
    if member.operators_only or member.name in {"application_type", "id_token_claims"}:
        return
    published = provider_metadata(
        EnabledGrants(BY_NAME["grant_types"].choices, BY_NAME["response_types"].choices)
    )
    name = PUBLISHED_AS.get(member.name) or (
        member.name.replace("signed_response", "signing")
        .replace("encrypted_response", "encryption")
        .removesuffix("s")
    )
    offered = published.get(name) or published.get(f"{name}_values_supported")
    offered = offered or published[f"{name}s_supported"]
    assert tuple(offered) == member.choices


def test_the_operators_page_lists_every_member() -> None:
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    table = page[page.index("\n### Apps\n") : page.index("\n#### Access policy\n")]
    assert [member.name for member in MEMBERS if f"`{member.name}`" not in table] == []
