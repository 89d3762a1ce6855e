"""What users edit of themselves, and what apps then receive. OIDC Core §5.1."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.files.storage import default_storage
from PIL import Image

from accounts import deletion, profile_pictures
from accounts.models import User
from idp.models import Event
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    mailed_code,
    make_client,
    make_user,
    origin_of,
    spec,
    unique,
)

PROFILE = "/account/profile/"


@pytest.fixture
def nameless(provider: object) -> EndUser:
    claims = dict.fromkeys(
        ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"), ""
    )
    return make_user(**claims, address={}, phone_number="", birthdate="", picture="")


def stored(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def picture(colour: str = "red", size: tuple[int, int] = (640, 480)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, colour).save(made, "PNG")
    return made.getvalue()


def upload(browser: Browser, data: bytes, name: str = "me.png") -> httpx.Response:
    """Send a file by the form of the profile page."""
    page = browser.open(PROFILE)
    form = next(each for each in forms_of(page) if "upload-picture" in each.buttons)
    fields = {name: text for name, text in form.fields.items() if name != "picture"}
    sent = browser.post(
        form.action,
        data=fields,
        files={"picture": (name, data, "image/png")},
        headers={"Origin": origin_of(ISSUER), "Referer": ISSUER + PROFILE},
    )
    return browser.settle(sent)


def claims_of(relying_party: RelyingParty, scope: str = "openid profile") -> dict[str, Any]:
    tokens = relying_party.tokens(scope=scope)
    return relying_party.userinfo(tokens["access_token"]).json()


@spec("OIDC Core", "5.1")
def test_every_claim_is_edited_and_delivered(browser: Browser, nameless: EndUser) -> None:
    browser.sign_in(nameless)
    name = unique("ana")
    page = browser.submit(
        browser.open(PROFILE),
        name="Ana Lima",
        given_name="Ana",
        middle_name="Maria",
        family_name="Lima",
        nickname="Aninha",
        preferred_username=name,
        gender="female",
        birth_day="12",
        birth_month="3",
        birth_year="",
        website="ana.example.com",
        profile="https://example.com/ana",
        locale="de-AT",
        zoneinfo="Europe/Vienna",
        phone_number="+43 1 5250 00",
        address_street_address="Ring 1",
        address_locality="Wien",
        address_country="Österreich",
    )
    assert "Your profile is saved." in page.text
    relying_party = RelyingParty(make_client(), browser, nameless)
    found = claims_of(relying_party, "openid profile phone address")
    assert found.pop("updated_at") > datetime.now(UTC).timestamp() - 60
    assert found == {
        "sub": nameless.sub,
        "name": "Ana Lima",
        "given_name": "Ana",
        "middle_name": "Maria",
        "family_name": "Lima",
        "nickname": "Aninha",
        "preferred_username": name,
        "gender": "female",
        "birthdate": "0000-03-12",
        "website": "https://ana.example.com",
        "profile": "https://example.com/ana",
        "locale": "de-AT",
        "zoneinfo": "Europe/Vienna",
        "phone_number": "+43 1 5250 00",
        "phone_number_verified": False,
        "address": {"street_address": "Ring 1", "locality": "Wien", "country": "Österreich"},
    }


def test_saving_what_is_there_changes_nothing(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    before = User.objects.filter(email=user.email).values().get()
    page = browser.submit(browser.open(PROFILE), name="Ana Lima")
    assert "Your profile is saved." in page.text
    assert User.objects.filter(email=user.email).values().get() == before
    assert not Event.objects.filter(user__email=user.email, kind="profile-changed").exists()


def test_a_new_phone_number_is_not_verified(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.submit(browser.open(PROFILE), nickname="Nina")
    assert stored(user).phone_number_verified
    browser.submit(browser.open(PROFILE), phone_number="+351 21 000 0001")
    assert not stored(user).phone_number_verified


def test_an_event_names_the_fields_and_no_value(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.submit(browser.open(PROFILE), nickname="Nina", birth_year="1986")
    event = Event.objects.get(user__email=user.email, kind="profile-changed")
    assert event.details["fields"] == ["nickname", "birthdate"]
    assert "Nina" not in json.dumps(event.details)


def test_an_older_tab_undoes_no_change(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    older, newer = browser.open(PROFILE), browser.open(PROFILE)
    browser.submit(newer, nickname="Nina", birth_year="1986", address_country="España")
    browser.submit(older, gender="", website="")
    found = stored(user)
    assert (found.nickname, found.birthdate, found.address["country"]) == (
        "Nina",
        "1986-03-12",
        "España",
    )
    assert (found.gender, found.website) == ("", "")


def test_line_ends_of_browsers_change_nothing(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    lines = stored(user).address["formatted"].replace("\n", "\r\n")
    browser.submit(browser.open(PROFILE), address_formatted=lines, nickname="Nina")
    event = Event.objects.get(user__email=user.email, kind="profile-changed")
    assert event.details["fields"] == ["nickname"]


def test_what_an_operator_set_blocks_no_other_change(browser: Browser, provider: object) -> None:
    user = make_user(
        preferred_username="root", phone_number="112", locale="tlh", birthdate="1985-02-30"
    )
    User.objects.filter(email=user.email).update(website="ftp://example.com/")
    browser.sign_in(user)
    page = browser.submit(browser.open(PROFILE), nickname="Nina")
    assert "Your profile is saved." in page.text
    assert stored(user).nickname == "Nina"
    assert stored(user).birthdate == "1985-02-30"


@spec("OIDC Core", "3.1.2.4")
def test_each_claim_names_the_apps_that_receive_it(browser: Browser, user: EndUser) -> None:
    scopes = "openid profile email phone"
    for name, first_party, scope in (
        ("Bakery", False, "openid profile"),
        ("Wiki", True, "openid phone"),
    ):
        client = make_client(client_name=name, first_party=first_party, scope=scopes)
        RelyingParty(client, browser, user).authorize(scope=scope)
    page = browser.open(PROFILE)
    sharing = dict(re.findall(r'id="id_(\w+)_helptext">([^<]*)<', page.text))
    assert "Shared with Bakery." in sharing["nickname"]
    assert "Shared with Wiki." in sharing["phone_number"]
    assert "Bakery" not in sharing["phone_number"]
    assert "Shared with" not in page.text[page.text.index('id="address"') :]


def test_the_page_needs_a_sign_in(browser: Browser) -> None:
    for path in (PROFILE, f"{PROFILE}picture/"):
        assert is_page(browser.open(path), "/account/login/")


# --- the picture -----------------------------------------------------------------------------


@spec("OIDC Core", "5.1")
def test_an_uploaded_picture_is_at_its_claim(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = upload(browser, picture())
    assert "Your picture is changed." in page.text
    address = claims_of(RelyingParty(make_client(), browser, user))["picture"]
    assert re.fullmatch(rf"{re.escape(ISSUER)}/picture/[\w-]{{32}}\.jpg", address)
    assert f'src="{urlsplit(address).path}"' in page.text
    answer = Browser().get(address)  # an app's server, or another user's browser
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert Image.open(io.BytesIO(answer.content)).size == (512, 512)


def test_a_new_picture_replaces_the_file(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture("red"))
    first = stored(user).uploaded_picture
    upload(browser, picture("blue"))
    second = stored(user).uploaded_picture
    assert first != second
    assert Browser().get(f"/picture/{first}").status_code == 404
    assert Browser().get(f"/picture/{second}").status_code == 200


def test_removing_deletes_the_file_and_the_claim(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture())
    name = stored(user).uploaded_picture
    page = browser.submit(browser.open(PROFILE), "remove-picture")
    assert "Your picture is removed." in page.text
    assert Browser().get(f"/picture/{name}").status_code == 404
    assert "picture" not in claims_of(RelyingParty(make_client(), browser, user))


def test_an_operators_address_of_a_picture_still_works(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture())
    User.objects.filter(email=user.email).update(picture="https://example.com/new.jpg")
    claims = claims_of(RelyingParty(make_client(), browser, user))
    assert claims["picture"] == "https://example.com/new.jpg"
    page = browser.open(PROFILE)
    assert "https://example.com/new.jpg" in page.text
    assert 'src="https://example.com' not in page.text


def test_a_deleted_account_leaves_no_picture(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture())
    account = stored(user)
    User.objects.filter(pk=account.pk).update(
        is_active=False, deletion_due_at=datetime.now(UTC) + timedelta(days=1)
    )
    deletion.delete(account)
    assert profile_pictures.opened(account.uploaded_picture) is None


def test_the_worker_deletes_orphaned_pictures(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture())
    name, orphan = stored(user).uploaded_picture, f"{unique('o').ljust(32, 'x')}.jpg"
    default_storage.save(f"pictures/{orphan}", io.BytesIO(picture()))
    assert sum(profile_pictures.delete_orphans(datetime.now(UTC))) == 0  # just being uploaded
    assert profile_pictures.opened(orphan)
    assert sum(profile_pictures.delete_orphans(datetime.now(UTC) + timedelta(hours=2))) >= 1
    assert profile_pictures.opened(orphan) is None
    assert profile_pictures.opened(name)


# --- the name at sign-up and on the consent page ------------------------------------------------


def test_a_name_typed_at_sign_up_is_the_claim(browser: Browser) -> None:
    relying_party = RelyingParty(make_client(), browser, EndUser("", "", ""))
    email, password = f"{unique('new')}@example.com", "tall blue garden gate"
    page = relying_party.visit(scope="openid profile", prompt="create")
    page = browser.submit(page, email=email, password1=password, name="Ana Lima")
    page = browser.submit(page, code=mailed_code(email))
    assert is_page(page, "/consent")
    assert "Ana Lima" in page.text
    assert 'name="name"' not in page.text
    answer = relying_party.answer(browser.submit(page, "allow"))
    tokens = relying_party.exchange(answer.code).json()
    assert relying_party.userinfo(tokens["access_token"]).json()["name"] == "Ana Lima"


def test_the_consent_page_asks_for_a_missing_name(browser: Browser, nameless: EndUser) -> None:
    relying_party = RelyingParty(make_client(), browser, nameless)
    page = browser.sign_in(nameless, relying_party.visit(scope="openid profile"))
    answer = relying_party.answer(browser.submit(page, "allow", name="  Ana Lima "))
    tokens = relying_party.exchange(answer.code).json()
    assert relying_party.userinfo(tokens["access_token"]).json()["name"] == "Ana Lima"
    assert Event.objects.get(user__email=nameless.email, kind="profile-changed")


@pytest.mark.parametrize("name", ["Ana\u202elima", "x" * 10_000])
def test_a_name_that_cannot_be_shown_is_refused_there(
    browser: Browser, nameless: EndUser, name: str
) -> None:
    relying_party = RelyingParty(make_client(), browser, nameless)
    page = browser.sign_in(nameless, relying_party.visit(scope="openid profile"))
    page = browser.submit(page, "allow", name=name)
    assert is_page(page, "/consent")
    assert 'id="id_name-error"' in page.text
    assert stored(nameless).name == ""
    assert relying_party.answer(browser.submit(page, "allow", name="")).code


def test_saying_no_saves_no_name(browser: Browser, nameless: EndUser) -> None:
    relying_party = RelyingParty(make_client(), browser, nameless)
    page = browser.sign_in(nameless, relying_party.visit(scope="openid profile"))
    assert relying_party.answer(browser.submit(page, "deny", name="Ana")).error == "access_denied"
    assert stored(nameless).name == ""


@pytest.mark.parametrize("scope", ["openid", "openid email"])
def test_no_name_is_asked_for_that_the_app_does_not_see(
    browser: Browser, nameless: EndUser, scope: str
) -> None:
    relying_party = RelyingParty(make_client(), browser, nameless)
    page = browser.sign_in(nameless, relying_party.visit(scope=scope))
    assert is_page(page, "/consent")
    assert 'name="name"' not in page.text


@spec("OIDC Core", "3.1.2.4")
def test_what_is_absent_is_said_to_be_not_shared(browser: Browser, nameless: EndUser) -> None:
    relying_party = RelyingParty(make_client(), browser, nameless)
    page = browser.sign_in(nameless, relying_party.visit(scope="openid email phone address"))
    shared, absent = page.text.split("Not shared")
    assert nameless.email in shared
    assert "Your phone number" in absent
    assert "Your postal address" in absent
    assert "Your phone number" not in shared
    browser.submit(page, "allow")
    apps = browser.open("/account/apps/").text
    assert "Not shared" in apps
    assert "nothing entered" not in apps + page.text
