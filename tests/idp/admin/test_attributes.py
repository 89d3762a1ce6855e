"""Operators declare attributes, edit their values on a user's page, and remove pictures."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts import profile_pictures
from accounts.models import User
from idp.declaration import apply
from idp.models import Attribute, Scope
from tests.idp.admin.conftest import Operator
from tests.relying_party import EndUser, make_user, unique


@pytest.fixture(autouse=True)
def only_these(provider: object) -> Iterator[None]:
    yield
    Scope.objects.filter(claims__rank="attribute rank").delete()
    Attribute.objects.all().delete()


def declare(name: str = "rank", **members: Any) -> None:
    apply({"attributes": [{"name": name, "label": "Rank", **members}]}, dry_run=False)


def page_of(user: EndUser) -> str:
    return f"accounts/user/{User.objects.get(email=user.email).pk}/change/"


def values_of(user: EndUser) -> dict[str, Any]:
    return User.objects.get(email=user.email).attributes


def test_an_attribute_is_declared_and_edited_on_a_users_page(superuser: Operator) -> None:
    page = superuser.save(
        "idp/attribute/add/",
        name="rank",
        label="Rank",
        labels="de = Rang",
        type="choice",
        choices="Baker\nMaster",
        user_access="visible",
    )
    assert "errorlist" not in page.text
    attribute = Attribute.objects.get(name="rank")
    assert (attribute.choices, attribute.labels) == (["Baker", "Master"], {"de": "Rang"})
    user = make_user()
    superuser.save(page_of(user), attributes_rank="Master")
    assert values_of(user) == {"rank": "Master"}
    superuser.save(page_of(user), attributes_rank="")
    assert values_of(user) == {}


@pytest.mark.parametrize("name", ["sub", "iss", "email", "Rank!", ""])
def test_names_of_other_claims_are_refused(superuser: Operator, name: str) -> None:
    page = superuser.save("idp/attribute/add/", name=name, label="Rank")
    assert "errorlist" in page.text
    assert not Attribute.objects.filter(label="Rank").exists()


def test_a_value_of_another_type_is_refused_by_its_label(superuser: Operator) -> None:
    declare(type="number")
    user = make_user()
    page = superuser.save(page_of(user), attributes_rank="high")
    assert "Rank: This has to be a number." in page.text
    assert values_of(user) == {}


def test_saving_a_users_page_keeps_the_values_as_they_are(superuser: Operator) -> None:
    declare(type="number")
    declare("vegan", type="boolean")
    user = make_user(attributes={"rank": 7.5, "vegan": False})
    superuser.save(page_of(user), nickname="Nina")
    assert values_of(user) == {"rank": 7.5, "vegan": False}


def test_an_attribute_that_a_scope_releases_is_not_deleted(superuser: Operator) -> None:
    declare()
    claims = {"rank": "attribute rank"}
    apply({"scopes": [{"name": unique("own"), "claims": claims}]}, dry_run=False)
    path = f"idp/attribute/{Attribute.objects.get(name='rank').pk}/"
    assert superuser.browser.open(f"/admin/{path}delete/").status_code == 403
    assert "own-" in superuser.open(f"{path}change/").text


def test_deleting_an_attribute_deletes_its_values(superuser: Operator) -> None:
    declare()
    user = make_user(attributes={"rank": "Master"})
    path = f"idp/attribute/{Attribute.objects.get(name='rank').pk}/delete/"
    superuser.browser.submit(superuser.open(path))
    assert not Attribute.objects.filter(name="rank").exists()
    assert values_of(user) == {}


def test_support_sees_values_and_changes_none(support: Operator) -> None:
    declare()
    user = make_user(attributes={"rank": "Master"})
    assert "Master" in support.open(page_of(user)).text
    assert support.browser.open("/admin/idp/attribute/add/").status_code == 403


def test_an_operator_removes_a_picture(superuser: Operator) -> None:
    user, name = make_user(picture=""), f"{unique('p').ljust(32, 'x')}.jpg"
    default_storage.save(f"pictures/{name}", ContentFile(b"x"))
    User.objects.filter(email=user.email).update(uploaded_picture=name)
    assert f"/picture/{name}" in superuser.open(page_of(user)).text
    superuser.run_action(page_of(user), "remove-picture")
    assert User.objects.get(email=user.email).uploaded_picture == ""
    assert profile_pictures.opened(name) is None
