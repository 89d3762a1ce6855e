"""Attributes of users that an operator declares: where they are shown, and by what released."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from accounts.models import User
from idp.declaration import DeclarationError, apply, export
from idp.models import Attribute, Event, Scope
from idp.protocol.vocabulary import PROTOCOL_CLAIMS, USER_CLAIMS
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    make_client,
    make_user,
    origin_of,
    unique,
    verified,
)
from tests.wire.test_profile import PROFILE

TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "text"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "date"},
    "choice": {"type": "choice", "choices": ["Bread", "Cake"]},
}
VALUES: dict[str, tuple[Any, str]] = {
    "text": ("Oven 3", "Oven 3"),
    "number": (17.5, "17.5"),
    "boolean": (False, "false"),
    "date": ("2024-02-29", "2024-02-29"),
    "choice": ("Cake", "Cake"),
}

#: The scopes that a test has declared.
RELEASING: list[str] = []


def declare(**members: Any) -> str:
    name = unique("attr").replace("-", "_")
    entry = {"name": name, "label": f"Label of {name}", "user_access": "editable", **members}
    apply({"attributes": [entry]}, dry_run=False)
    return name


def release(*names: str, claim: str = "") -> str:
    """Declare a scope that releases attributes, by claims of their own names."""
    scope = unique("own")
    claims = {claim or name: f"attribute {name}" for name in names}
    entry = {"name": scope, "description": "Your place in the bakery", "claims": claims}
    apply({"scopes": [entry]}, dry_run=False)
    RELEASING.append(scope)
    return scope


def with_value(name: str, value: Any) -> EndUser:
    return make_user(attributes={name: value})


def values_of(user: EndUser) -> dict[str, Any]:
    return User.objects.get(email=user.email).attributes


@pytest.fixture(autouse=True)
def only_these(provider: object) -> Iterator[None]:
    """Leave none behind: every profile page would show it."""
    yield
    Scope.objects.filter(name__in=RELEASING).delete()
    Attribute.objects.all().delete()


@pytest.mark.parametrize("kind", TYPES)
def test_a_user_edits_what_apps_then_receive(browser: Browser, user: EndUser, kind: str) -> None:
    value, typed = VALUES[kind]
    name = declare(**TYPES[kind])
    scope = release(name, claim=f"{name}_claim")
    browser.sign_in(user)
    page = browser.submit(browser.open(PROFILE), **{f"attribute-{name}": typed})
    assert "Your profile is saved." in page.text
    assert values_of(user) == {name: value}
    client = make_client(scope=f"openid {scope}", id_token_claims="scopes")
    tokens = RelyingParty(client, browser, user).tokens(scope=f"openid {scope}")
    relying_party = RelyingParty(client, browser, user)
    assert relying_party.userinfo(tokens["access_token"]).json()[f"{name}_claim"] == value
    assert verified(tokens["id_token"])[f"{name}_claim"] == value
    event = Event.objects.get(user__email=user.email, kind="profile-changed")
    assert event.details["fields"] == [name]


@pytest.mark.parametrize("kind", TYPES)
def test_an_attribute_without_its_scope_is_not_released(browser: Browser, kind: str) -> None:
    name = declare(**TYPES[kind])
    release(name)
    user = with_value(name, VALUES[kind][0])
    tokens = RelyingParty(make_client(), browser, user).tokens(scope="openid profile email")
    userinfo = RelyingParty(make_client(), browser, user).userinfo(tokens["access_token"]).json()
    assert name not in userinfo
    assert name not in verified(tokens["id_token"])


def test_one_claim_is_requested_alone(browser: Browser) -> None:
    name = declare()
    scope = release(name)
    user = with_value(name, "Oven 3")
    client = make_client(scope=f"openid {scope}")
    claims = json.dumps({"userinfo": {name: None}})
    relying_party = RelyingParty(client, browser, user)
    tokens = relying_party.tokens(scope="openid", claims=claims)
    assert relying_party.userinfo(tokens["access_token"]).json()[name] == "Oven 3"


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("number", "many"),
        ("number", "inf"),
        ("number", "1e30"),
        ("number", "9" * 5000),
        ("boolean", "perhaps"),
        ("date", "2023-02-29"),
        ("date", "tomorrow"),
        ("choice", "Beer"),
        ("text", "a\u202eb"),
        ("text", "a\0b"),
        ("text", "x" * 10_240),
    ],
)
def test_values_of_another_type_are_refused(
    browser: Browser, user: EndUser, kind: str, typed: str
) -> None:
    name = declare(**TYPES[kind])
    browser.sign_in(user)
    page = browser.submit(browser.open(PROFILE), **{f"attribute-{name}": typed})
    assert page.status_code == 200
    assert f'id="id_attribute-{name}_error"' in page.text
    assert values_of(user) == {}


@pytest.mark.parametrize("access", ["visible", "hidden"])
def test_a_forged_form_edits_no_other_attribute(browser: Browser, access: str) -> None:
    name = declare(user_access=access)
    user = with_value(name, "Oven 3")
    browser.sign_in(user)
    page = browser.open(PROFILE)
    assert ("Oven 3" in page.text) is (access == "visible")
    form = next(each for each in forms_of(page) if "save-profile" in each.buttons)
    forged = {f"attribute-{name}": "Oven 1", f"initial-attribute-{name}": "", name: "Oven 1"}
    browser.post(
        PROFILE,
        data={**form.fields, **forged},
        headers={"Origin": origin_of(ISSUER), "Referer": ISSUER + PROFILE},
    )
    assert values_of(user) == {name: "Oven 3"}


def test_the_profile_and_the_consent_page_show_it(browser: Browser) -> None:
    name = declare(labels={"de": "Der Ofen"})
    scope = release(name)
    user = with_value(name, "Oven 3")
    client = make_client(client_name="Bakery", scope=f"openid {scope}")
    relying_party = RelyingParty(client, browser, user)
    page = browser.sign_in(user, relying_party.visit(scope=f"openid {scope}"))
    assert "Your place in the bakery" in page.text
    assert "Oven 3" in page.text
    browser.submit(page, "allow")
    page = browser.open(PROFILE)
    assert f"Label of {name}" in page.text
    assert "Shared with Bakery." in page.text.split(f"Label of {name}")[1]
    assert "Der Ofen" in browser.get(PROFILE, headers={"Accept-Language": "de"}).text


def test_discovery_lists_its_scope_and_claim(browser: Browser) -> None:
    from idp.clients.enabled_grants import EnabledGrants, _with_attributes
    from idp.endpoints.metadata import provider_metadata

    name = declare()
    scope = release(name, claim="work_place")
    facts = provider_metadata(_with_attributes(EnabledGrants((), ())))
    assert scope in facts["scopes_supported"]
    assert "work_place" in facts["claims_supported"]


@pytest.mark.parametrize("name", sorted({*PROTOCOL_CLAIMS, *USER_CLAIMS}))
def test_names_of_claims_are_refused(name: str, provider: object) -> None:
    with pytest.raises(DeclarationError):
        apply({"attributes": [{"name": name, "label": "x"}]}, dry_run=False)
    scope = {"name": unique("own"), "claims": {name: "attribute rank"}}
    lists = {"attributes": [{"name": "rank", "label": "x"}], "scopes": [scope]}
    with pytest.raises(DeclarationError):
        apply(lists, dry_run=True)


@pytest.mark.parametrize(
    "members",
    [
        {"name": "Two words"},
        {"name": "__proto__"},
        {"name": "x" * 51},
        {"label": ""},
        {"label": "a\u202eb"},
        {"label": 3},
        {"labels": {"de": ""}},
        {"labels": {"de/x": "Ofen"}},
        {"labels": ["Ofen"]},
        {"type": "secret"},
        {"type": "choice"},
        {"type": "choice", "choices": ["a", "a"]},
        {"type": "choice", "choices": [""]},
        {"choices": ["a"]},
        {"user_access": "owner"},
        {"scope": "hr"},
    ],
)
def test_definitions_that_make_no_sense_are_refused(
    members: dict[str, Any], provider: object
) -> None:
    with pytest.raises(DeclarationError):
        apply({"attributes": [{"name": "rank", "label": "Rank", **members}]}, dry_run=False)
    assert not Attribute.objects.filter(name="rank").exists()


def test_a_scope_names_attributes_that_exist(provider: object) -> None:
    scope = {"name": unique("own"), "claims": {"rank": "attribute no_such"}}
    with pytest.raises(DeclarationError, match="no attribute no_such"):
        apply({"scopes": [scope]}, dry_run=False)


def test_an_attribute_that_a_scope_releases_is_not_pruned(provider: object) -> None:
    name = declare()
    release(name)
    with pytest.raises(DeclarationError, match=f"no attribute {name}"):
        apply({"attributes": []}, dry_run=False, prune=True)
    assert Attribute.objects.filter(name=name).exists()


def test_pruning_deletes_the_values_too(provider: object) -> None:
    name = declare()
    user = with_value(name, "Oven 3")
    apply({"attributes": []}, dry_run=False, prune=True)
    assert not Attribute.objects.filter(name=name).exists()
    assert values_of(user) == {}


def test_the_type_stays(provider: object) -> None:
    name = declare(type="text")
    with pytest.raises(DeclarationError, match="type"):
        apply({"attributes": [{"name": name, "label": "x", "type": "number"}]}, dry_run=False)


def test_apply_sets_and_removes_values_and_leaves_others(provider: object) -> None:
    first, second = declare(), declare(type="number")
    user = with_value(first, "Oven 3")
    apply({"users": [{"email": user.email, "attributes": {second: 7}}]}, dry_run=False)
    assert values_of(user) == {first: "Oven 3", second: 7}
    entry = {"email": user.email, "attributes": {first: None}}
    assert apply({"users": [entry]}, dry_run=False)
    assert values_of(user) == {second: 7}
    assert apply({"users": [entry]}, dry_run=False) == []


@pytest.mark.parametrize("value", ["seven", True, 1e300, [7], {"a": 7}])
def test_apply_refuses_values_of_another_type(value: Any, user: EndUser) -> None:
    name = declare(type="number")
    entry = {"email": user.email, "attributes": {name: value}}
    with pytest.raises(DeclarationError, match=user.email):
        apply({"users": [entry]}, dry_run=False)
    with pytest.raises(DeclarationError, match="no attribute"):
        apply({"users": [{"email": user.email, "attributes": {"other": 7}}]}, dry_run=False)


def test_an_export_declares_definitions_and_values(provider: object) -> None:
    name = declare(type="choice", choices=["Bread", "Cake"], labels={"de": "Abteilung"})
    scope = release(name)
    user = with_value(name, "Cake")
    lists = yaml.safe_load("".join(export(only=("attributes", "users", "scopes"))))
    assert list(lists) == ["attributes", "users", "scopes"]
    assert {
        "name": name,
        "label": f"Label of {name}",
        "labels": {"de": "Abteilung"},
        "type": "choice",
        "choices": ["Bread", "Cake"],
        "user_access": "editable",
    } in lists["attributes"]
    entry = next(entry for entry in lists["users"] if entry["email"] == user.email)
    assert entry["attributes"] == {name: "Cake"}
    assert {"name": scope, "claims": {name: f"attribute {name}"}}.items() <= next(
        entry for entry in lists["scopes"] if entry["name"] == scope
    ).items()
    assert apply({"attributes": lists["attributes"], "users": [entry]}, dry_run=False) == []


def test_a_choice_that_is_gone_stays_until_it_is_changed(browser: Browser) -> None:
    name = declare(**TYPES["choice"])
    user = with_value(name, "Cake")
    entry = {"name": name, "label": "x", "type": "choice", "choices": ["Bread"]}
    apply({"attributes": [{**entry, "user_access": "editable"}]}, dry_run=False)
    browser.sign_in(user)
    browser.submit(browser.open(PROFILE), nickname="Nina")
    assert values_of(user) == {name: "Cake"}
    browser.submit(browser.open(PROFILE), **{f"attribute-{name}": "Bread"})
    assert values_of(user) == {name: "Bread"}
