"""What the consent page says of a user is what the scopes give."""

from collections.abc import Iterable

from accounts.models import User
from idp.endpoints.consent import Declared, details
from idp.models import Client
from idp.statements.sso_session import Agreed
from tests.relying_party import make_api, unique

ANA = User(
    email="ana@example.com",
    name="Ana Lima",
    nickname="Aninha",
    preferred_username="ana",
    gender="female",
    birthdate="1985-03-12",
    zoneinfo="Europe/Lisbon",
    locale="pt-PT",
    website="https://ana.example.com",
    phone_number="+351 21 000 0000",
    address={"locality": "Lisboa", "country": "Portugal"},
)


def shown(*scopes: str, user: User = ANA, resources: Iterable[str] = ()) -> dict[str, str]:
    agreed = Agreed(frozenset(scopes), resources=frozenset(resources))
    return {
        str(phrase): str(value) for phrase, value in details(user, Client(), agreed, Declared())
    }


def test_each_scope_shows_its_values() -> None:
    assert shown("openid", "profile", "email", "phone", "address") == {
        "Your name and profile": (
            "Ana Lima · Aninha · female · March 12, 1985 · Europe/Lisbon · pt-PT · your website"
        ),
        "Your email address": "ana@example.com",
        "Your postal address": "Lisboa, Portugal",
        "Your phone number": "+351 21 000 0000",
    }


def test_openid_alone_shows_nothing() -> None:
    assert shown("openid") == {}


def test_a_birthday_without_its_year_is_shown_as_it_is_kept() -> None:
    ben = User(name="Ben", birthdate="0000-11-02")
    assert shown("profile", user=ben) == {"Your name and profile": "Ben · 0000-11-02"}


def test_an_apis_scope_is_shown_in_the_operators_words() -> None:
    described, other, bare = unique("a"), unique("b"), unique("c")
    bread = make_api(scopes={described: "See which bread is baked today", other: "Order bread"})
    ovens = make_api(scopes=[bare], name="Ovens")
    host, oven = (api["identifier"].removeprefix("https://") for api in (bread, ovens))
    assert shown("openid", described) == {
        f"In your name at {host}": "See which bread is baked today"
    }
    assert shown("openid", described, other, bare) == {
        f"In your name at {host}": "See which bread is baked today · Order bread",
        f"In your name at Ovens ({oven})": bare,
    }


def test_an_api_without_scopes_is_shown_where_tokens_are_for_it() -> None:
    api = make_api(scopes=[], name="Bank")
    host = api["identifier"].removeprefix("https://")
    assert shown("openid") == {}
    assert shown("openid", resources=[api["identifier"]]) == {
        f"In your name at Bank ({host})": "whatever apps can do there"
    }
