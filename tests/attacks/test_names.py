"""Names and other texts of strangers: invisible, misleading, or another's. UTS #39, RFC 7591 §5."""

from typing import Any

import pytest

from accounts.models import User
from idp.declaration import DeclarationError, apply
from idp.models import Client, Event
from tests.elsewhere import Elsewhere
from tests.introducing import introduced
from tests.registering import (
    as_client,
    manage,
    register,
    registered,
    replaceable,
)
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    make_user,
    spec,
    unique,
)
from tests.statements import statement

ODD = [
    *("Bank\u202egro.live", "Ba\u200bnk", "Bank\u2060", "\u3164", "\u2800", " \u00a0"),
    "Bank\ufeff",
]
MEMBERS: list[dict[str, Any]] = [
    *({"client_name": name} for name in ODD),
    {"client_name#ja": ODD[0]},
    {"client_name": "Bank", "client_name#de": ODD[3]},
    {"contacts": ["ops@example.com", f"{ODD[1]}@example.com"]},
    {"software_id": ODD[0]},
    {"software_version": ODD[1]},
    {"policy_uri": "https://rp.example.com/\u202e"},
    {"tos_uri": "https://exa\u200bmple.com/"},
    {"logo_uri": "https://example.com/\u202elogo"},
    {"client_uri": "https://\u2066example.com/"},
]


@spec("RFC 7591", "5")
@pytest.mark.parametrize("members", MEMBERS)
def test_a_registration_is_refused_in_plain_words(
    provider: object, members: dict[str, Any]
) -> None:
    response = register(**members)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_client_metadata"
    assert response.json()["error_description"].isascii()
    assert next(reversed(members)) in response.json()["error_description"]


@spec("RFC 7592", "2.2")
def test_a_change_is_refused(provider: object) -> None:
    information = registered()
    body = replaceable(information, client_name=ODD[0])
    assert manage("PUT", information, body=body).status_code == 400


@spec("OAuth Client ID Metadata Document", "4")
@pytest.mark.parametrize("members", MEMBERS[:1] + MEMBERS[7:8])
def test_a_document_is_refused(
    browser: Browser, foreign_site: Elsewhere, members: dict[str, Any]
) -> None:
    client = introduced(foreign_site, **members)
    assert is_error_page(browser.open("/authorize", client_id=client.client_id))


@spec("RFC 7591", "2.3")
def test_a_statement_of_a_trusted_issuer_is_refused_too(provider: object) -> None:
    response = register(software_statement=statement(client_name=ODD[0]))
    assert response.json()["error"] == "invalid_client_metadata"


@pytest.mark.parametrize("members", MEMBERS)
def test_apply_refuses_it(provider: object, members: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match=next(reversed(members)).partition("#")[0] or ""):
        make_client(**members)


@pytest.mark.parametrize("field", ["name", "nickname", "preferred_username", "gender", "zoneinfo"])
def test_apply_refuses_such_users(provider: object, field: str) -> None:
    with pytest.raises(DeclarationError, match=field):
        make_user(**{field: "Ana\u202e"})


def test_apply_refuses_such_addresses_and_takes_lines(provider: object) -> None:
    with pytest.raises(DeclarationError, match="address"):
        make_user(address={"formatted": "Rua\u200b 1"})
    make_user(address={"formatted": "Rua 1\nLisboa"})


def test_the_administration_refuses_them(provider: object, user: EndUser) -> None:
    client = make_client()
    pk = Client.objects.get(client_id=client.client_id).pk
    user_row = User.objects.get(email=user.email)
    with Browser() as browser:
        browser.sign_in(make_user(is_staff=True, is_superuser=True))
        page = browser.open(f"/admin/idp/client/{pk}/change/appearance/")
        assert "U+202E" in browser.submit(page, name=ODD[0]).text
        page = browser.open(f"/admin/accounts/user/{user_row.pk}/change/")
        assert "U+202E" in browser.submit(page, nickname=ODD[0]).text
    assert Client.objects.get(pk=pk).name == "Test app"
    user_row.refresh_from_db()
    assert user_row.nickname == "Aninha"


def test_what_came_is_shown_with_its_invisible_characters(browser: Browser) -> None:
    """A stranger's text turns around neither a page nor an operator's record."""
    client_id = unique("app") + "\u202egro"
    page = browser.open("/authorize", client_id=client_id)
    assert is_error_page(page)
    assert "\u202e" not in page.text
    assert "U+202Egro" in page.text
    event = Event.objects.filter(kind=Event.Kind.DENIED).order_by("-id").first()
    assert event is not None
    assert "\u202e" not in event.details["parameters"]["client_id"]


def test_a_login_hint_with_such_characters_is_not_filled_in(relying_party: RelyingParty) -> None:
    page = relying_party.visit(login_hint="ana\u202e@example.com")
    assert "\u202e" not in page.text
    assert "ana" not in page.text


# --- names of others ----------------------------------------------------------------------------


def operators_app(**metadata: Any) -> str:
    """Make an app of the operator's; return its name."""
    name = unique("Bakery ")
    make_client(client_name=name, **metadata)
    return name


def consent_page_of(browser: Browser, user: EndUser, **metadata: Any) -> str:
    client = as_client(registered(token_endpoint_auth_method="none", **metadata))
    page = RelyingParty(client, browser, user).visit()
    if is_page(page, "/account/login/"):
        page = browser.sign_in(user, page)
    assert is_page(page, "/consent")
    return page.text


@pytest.mark.parametrize(
    "disguise",
    [
        lambda name: name,
        lambda name: name.upper(),
        lambda name: name.replace(" ", ""),
        lambda name: name.replace("a", "\u0430"),
        lambda name: name.replace("B", "\u0412"),
        lambda name: f"{name}.",
    ],
)
def test_a_name_that_looks_like_an_operators_app_is_marked(
    browser: Browser, user: EndUser, disguise: Any
) -> None:
    name = operators_app()
    page = consent_page_of(browser, user, client_name=disguise(name))
    assert 'id="looks-like"' in page
    assert f"This is not the app <bdi>{name}</bdi>" in page
    assert "rp.example.com" in page.partition('id="looks-like"')[2].partition("</div>")[0]


def test_the_name_in_the_readers_language_counts_on_both_sides(
    browser: Browser, user: EndUser
) -> None:
    german = unique("Bäckerei ")
    operators_app(**{"client_name#de": german})
    browser.headers["Accept-Language"] = "de"
    page = consent_page_of(
        browser, user, client_name=unique("Own "), **{"client_name#de": german.upper()}
    )
    assert 'id="looks-like"' in page


def test_an_own_name_is_not_marked_nor_are_operators_apps(browser: Browser, user: EndUser) -> None:
    name = operators_app()
    assert 'id="looks-like"' not in consent_page_of(browser, user, client_name=f"{name} Fans")
    assert 'id="looks-like"' not in consent_page_of(browser, user, client_name="!!!")
    twin = RelyingParty(make_client(client_name=name), browser, user)
    page = twin.visit()
    assert is_page(page, "/consent")
    assert 'id="looks-like"' not in page.text


def test_a_name_that_an_operator_gives_later_is_compared_too(
    browser: Browser, user: EndUser
) -> None:
    name, client = unique("Later "), make_client()
    other = as_client(registered(token_endpoint_auth_method="none", client_name=name))
    party = RelyingParty(other, browser, user)
    page = browser.sign_in(user, party.visit())
    assert 'id="looks-like"' not in page.text
    apply({"clients": [{**client.metadata, "client_name": name}]}, dry_run=False)
    assert 'id="looks-like"' in party.visit().text
    apply({"clients": [{**client.metadata, "client_name": "Another"}]}, dry_run=False)
    assert 'id="looks-like"' not in party.visit().text
