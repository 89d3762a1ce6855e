"""The search box of every page: what it finds, for whom, and where it leads."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from accounts.models import User
from foundation import trigrams
from idp.admin import search
from idp.models import Client, Event
from tests.idp.admin.conftest import Operator
from tests.relying_party import make_client, make_user, unique


def found(operator: Operator, term: str) -> dict[str, list[str]]:
    """Return the addresses of what a term finds, by the heading of their group."""
    page = operator.open("search/", q=term).text
    groups = re.findall(r"<section.*?<h2[^>]*>(.*?)</h2>(.*?)</ul>", page, re.DOTALL)
    return {title: re.findall(r'class="row" href="([^"]+)"', rows) for title, rows in groups}


def test_a_person_is_found_by_any_part_of_name_or_address(support: Operator) -> None:
    word = unique("Hohenstein")
    user = make_user(name=f"Ana {word}-Lima")
    address = f"/admin/accounts/user/{User.objects.get(email=user.email).pk}/change/"
    for term in (word[3:], f"lima {word.upper()}", user.email[2:], user.email):
        assert address in found(support, term)["People"], term
    assert support.browser.get(address).status_code == 200


def test_an_app_is_found_by_name_id_and_host(support: Operator) -> None:
    word = unique("oven")
    client = Client.objects.get(
        client_id=make_client(
            client_name=f"Bakery {word}x", redirect_uris=[f"https://{word}.example.com/cb"]
        ).client_id
    )
    address = f"/admin/idp/client/{client.pk}/change/"
    for term in (f"{word}X", client.client_id, client.client_id[3:], f"{word}.example"):
        assert address in found(support, term)["Apps"], term


def test_an_event_is_found_by_its_reference_in_any_spelling(support: Operator) -> None:
    event = Event.objects.create(kind=Event.Kind.DENIED)
    letters = event.reference.replace("-", "")
    for term in (event.reference, letters, letters.lower(), f" {letters[:4]} {letters[4:]} "):
        assert found(support, term)["Events"] == [f"/admin/idp/event/{event.pk}/change/"]


@pytest.mark.parametrize("ip_address", ["198.51.100.77", "2001:db8::77"])
def test_the_newest_events_of_an_ip_address_are_found(support: Operator, ip_address: str) -> None:
    events = [Event.objects.create(kind="denied", ip_address=ip_address) for _ in range(12)]
    newest = [f"/admin/idp/event/{event.pk}/change/" for event in reversed(events)]
    assert found(support, ip_address)["Events"] == newest[:10]


@pytest.mark.parametrize("term", ["", " ", "\0", "%", "a" * 5000, "'", "<script>", "(", "٣"])
def test_odd_terms_are_no_fault(support: Operator, term: str) -> None:
    page = support.browser.get("/admin/search/", params={"q": term})
    assert page.status_code == (400 if "\0" in term else 200)
    assert f"“{term}”" not in page.text or "<" not in term


def test_what_one_may_not_view_is_not_found(hire: Any) -> None:
    word = unique("quince")
    user, client = make_user(name=word), make_client(client_name=word)
    event = Event.objects.create(kind=Event.Kind.DENIED)
    nosy = hire()
    assert found(nosy, word) == found(nosy, event.reference) == {}
    permission = Permission.objects.get(codename="view_client")
    User.objects.get(email=nosy.user.email).user_permissions.add(permission)
    assert list(found(nosy, word)) == ["Apps"]
    text = nosy.open("search/", q=word).text
    assert client.client_id in text
    assert user.email not in text


# --- trigrams ---------------------------------------------------------------------------------


@pytest.fixture
def few_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the newest rows is none of those that a test looks for."""
    monkeypatch.setattr(search, "NEWEST", 1)


@pytest.fixture
def without_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigrams, "is_there", lambda _name: False)


def old_user(name: str) -> User:
    user = User.objects.create_user(f"{unique('old')}@example.com", name=name)
    User.objects.create_user(f"{unique('new')}@example.com")
    return user


@pytest.mark.skipif(connection.vendor != "postgresql", reason="trigrams are PostgreSQL's")
@pytest.mark.usefixtures("few_are_new")
def test_the_index_finds_parts_however_old_the_row_is() -> None:
    word = unique("Zwetschge")
    user = old_user(f"Ana {word} 100%_\\Lima")
    for term in (word[2:], f"{word.lower()} a", f"{word} 100%_\\li"):
        assert search.users(term) == [user.pk], term
    assert search.users(f"{word} 100_") == search.users(f"{word} nobody") == []
    client = Client.objects.create(client_id=word, redirect_uris=[f"https://x.{word}.example/cb"])
    Client.objects.create(client_id=unique("newer"))
    assert search.apps(f"x.{word}") == [client.pk]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="trigrams are PostgreSQL's")
def test_the_index_is_not_asked_for_what_many_rows_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "NEWEST_BESIDE_INDEX", 1)
    monkeypatch.setattr(trigrams, "_SAMPLE", 20)
    many, rare = unique("Pflaume"), unique("Quitte")
    user = old_user(f"{rare} {many}")
    User.objects.bulk_create(
        User(email=f"{unique('many')}@example.com", name=many) for _ in range(20)
    )
    newest = User.objects.latest("pk").pk
    assert search.users(many[1:]) == [newest]
    assert search.users(f"{rare[1:]} {many[1:]}") == [user.pk]


@pytest.mark.usefixtures("few_are_new", "without_index")
def test_without_the_index_the_beginning_is_found_in_all_rows() -> None:
    user = old_user("Ana Old")
    assert search.users(user.email[:-5]) == [user.pk]
    assert search.users(user.email[3:]) == []


def test_a_whole_address_is_its_user_alone() -> None:
    user = old_user("Ana")
    User.objects.create_user(f"x{user.email}")
    assert search.users(user.email.upper()) == [user.pk]


class Refusing:
    """A connection whose database has no pg_trgm to create."""

    vendor, alias = "postgresql", "default"

    def cursor(self) -> Any:
        from django.db import DatabaseError

        raise DatabaseError('permission denied to create extension "pg_trgm"')


def test_a_migration_goes_on_where_the_extension_is_refused() -> None:
    search._USER_TEXT.make(Refusing())
    assert User.objects.count() >= 0  # The transaction of the migration goes on.
