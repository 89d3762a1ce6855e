"""The navigation: what it leads to for each kind of staff, and where it says one is."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission

from accounts.models import User
from idp.admin.navigation import SECTIONS
from tests.idp.admin.conftest import Operator
from tests.relying_party import make_client

ALL = [
    "Home",
    "Apps",
    "People",
    "Sessions",
    "Events",
    "APIs and scopes",
    "Deliveries",
    "Keys",
    "Appearance",
]


def side(page: Any) -> str:
    return str(re.findall(r'<nav id="side".*?</nav>', page.text, re.DOTALL)[0])


def sections(page: Any) -> list[str]:
    """Return the titles of the sections, without the lists below them."""
    outer = re.sub(r"\n *<ul>.*?</ul>", "", side(page), flags=re.DOTALL)
    return [text.strip() for text in re.findall(r"</svg>([^<]+)</a>", outer)]


def present(page: Any) -> list[str]:
    marked = re.findall(r'aria-current="[a-z]+">(.*?)</a>', side(page), re.DOTALL)
    return [re.sub(r"<[^>]+>", "", text).strip() for text in marked]


def test_every_page_leads_to_what_its_reader_may_see(
    support: Operator, operator: Operator, superuser: Operator
) -> None:
    for path in ("", "idp/client/", "idp/event/"):
        assert sections(support.open(path)) == ALL
        assert sections(operator.open(path)) == ALL
        whole = [*ALL[:-1], "Identity providers", ALL[-1], "Configuration"]
        assert sections(superuser.open(path)) == whole


def test_staff_without_a_permission_have_no_entry_for_it(hire: Any) -> None:
    nosy = hire()
    assert sections(nosy.open("")) == ["Home"]
    permission = Permission.objects.get(codename="view_scope")
    User.objects.get(email=nosy.user.email).user_permissions.add(permission)
    page = nosy.open("")
    assert sections(page) == ["Home", "APIs and scopes"]
    assert 'href="/admin/idp/scope/"' in side(page)


@pytest.mark.parametrize(
    ("path", "marked"),
    [
        ("", ["Home"]),
        ("idp/client/", ["Apps", "Apps"]),
        ("idp/client/add/", ["Apps", "Apps"]),
        ("idp/role/", ["Apps", "Roles"]),
        ("accounts/user/", ["People", "People"]),
        ("auth/group/", ["People", "Groups"]),
        ("accounts/session/", ["Sessions", "Sessions"]),
        ("idp/event/", ["Events"]),
        ("foundation/mail/", ["Deliveries", "Emails"]),
        ("configuration/", ["Configuration"]),
    ],
)
def test_the_present_section_is_marked(superuser: Operator, path: str, marked: list[str]) -> None:
    assert present(superuser.open(path)) == marked


def test_the_pages_of_an_app_are_in_the_section_of_apps(superuser: Operator) -> None:
    from idp.models import Client

    key = Client.objects.get(client_id=make_client().client_id).pk
    for page in ("change", "secrets", "preview", "findings"):
        assert present(superuser.open(f"idp/client/{key}/{page}/"))[0] == "Apps"


def test_each_list_is_in_one_section() -> None:
    listed = [label for section in SECTIONS for label in section.models]
    assert sorted(listed) == sorted(model._meta.label_lower for model in admin.site._registry)
