"""Texts, files and forged forms against the profile page."""

import io
import os

import pytest
from PIL import Image

from accounts.models import User
from foundation import rate_limits
from tests.conftest import Server
from tests.foundation.test_pictures import SVG, bomb, encoded
from tests.relying_party import ISSUER, Browser, EndUser, forms_of, make_user, origin_of, unique
from tests.wire.test_profile import PROFILE, picture, stored, upload

HTML = "<script>alert(1)</script>\"'>"
TEXTS = (
    *("name", "given_name", "family_name", "middle_name", "nickname", "gender"),
    *("address_street_address", "address_formatted", "address_country"),
)
FIELDS = (
    *TEXTS,
    *("preferred_username", "phone_number", "website", "birth_day", "birth_year"),
    *("birth_month", "locale", "zoneinfo"),
)


def test_html_stays_text(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.submit(browser.open(PROFILE), **dict.fromkeys(TEXTS, HTML))
    assert "Your profile is saved." in page.text
    for path in (PROFILE, "/account/", "/account/apps/"):
        assert "<script>alert" not in browser.open(path).text


@pytest.mark.parametrize(
    "text", ["a\u202eb", "a\u200bb", "a\0b", "\u2066a", "x" * 10_240, "a\ud7ffb\ufdd0" * 200]
)
def test_texts_that_cannot_be_kept_are_refused_and_not_lost(
    browser: Browser, user: EndUser, text: str
) -> None:
    browser.sign_in(user)
    before = User.objects.filter(email=user.email).values().get()
    form = browser.open(PROFILE)
    for field in FIELDS:
        page = browser.submit(form, **{field: text})
        assert page.status_code == 200, field
        assert "error-text" in page.text, field
        assert User.objects.filter(email=user.email).values().get() == before, field


def test_what_was_typed_beside_an_error_is_still_there(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.submit(browser.open(PROFILE), name="x" * 10_240, nickname="Nina typed this")
    assert "Nina typed this" in page.text
    assert "x" * 10_240 in page.text


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "ftp://example.com/", "//", "http://[::"]
)
def test_addresses_of_other_schemes_are_refused(
    browser: Browser, user: EndUser, address: str
) -> None:
    browser.sign_in(user)
    before = stored(user).website
    page = browser.submit(browser.open(PROFILE), website=address)
    assert "error-text" in page.text
    assert stored(user).website == before


def test_a_form_has_no_power_over_other_columns(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(PROFILE)
    form = next(each for each in forms_of(page) if "save-profile" in each.buttons)
    forged = {"is_staff": "on", "email": "x@example.com", "phone_number_verified": "on", "sub": "1"}
    forged |= {"picture": "https://evil.example/x.png", "uploaded_picture": "x", "attributes": "{}"}
    before = User.objects.filter(email=user.email).values().get()
    sent = browser.post(
        PROFILE,
        data={**form.fields, **forged},
        headers={"Origin": origin_of(ISSUER), "Referer": ISSUER + PROFILE},
    )
    assert sent.status_code == 302
    assert User.objects.filter(email=user.email).values().get() == before


def test_another_site_changes_nothing(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    sent = browser.post(PROFILE, data={"name": "Eve"}, headers={"Origin": "https://evil.example"})
    assert sent.status_code in {200, 302, 403}
    files = {"picture": ("x.png", picture())}
    browser.post(f"{PROFILE}picture/", files=files, headers={"Origin": "https://evil.example"})
    assert (stored(user).name, stored(user).uploaded_picture) == ("Ana Lima", "")


@pytest.mark.parametrize(
    "data",
    [SVG, b"", b"GIF89a" + SVG, bomb(), encoded("GIF"), encoded("PNG")[:80], os.urandom(4000)],
    ids=["svg", "empty", "polyglot", "bomb", "gif", "cut", "noise"],
)
def test_what_is_no_picture_is_refused_in_words(
    browser: Browser, user: EndUser, data: bytes
) -> None:
    browser.sign_in(user)
    page = upload(browser, data)
    assert page.status_code == 200
    assert 'id="id_picture_error"' in page.text
    assert stored(user).uploaded_picture == ""
    assert stored(user).picture


def test_a_file_is_judged_by_its_content_not_by_its_name(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture(), "../../etc/passwd.html")
    name = stored(user).uploaded_picture
    assert name.endswith(".jpg")
    assert "passwd" not in name
    assert Browser().get(f"/picture/{name}").headers["Content-Type"] == "image/jpeg"


def test_a_jar_behind_a_picture_is_not_served(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    upload(browser, picture() + b"PK\x03\x04 jar" + SVG)
    served = Browser().get(f"/picture/{stored(user).uploaded_picture}").content
    assert b"PK\x03\x04" not in served
    assert b"<svg" not in served


@pytest.mark.parametrize(("size", "status"), [(2 * 1024 * 1024 + 1, 200), (9 * 1024 * 1024, 413)])
def test_a_file_that_is_too_large_is_refused_in_words(
    browser: Browser, user: EndUser, size: int, status: int
) -> None:
    browser.sign_in(user)
    page = upload(browser, picture() + b"\0" * size)
    assert page.status_code == status
    assert ("larger than 2 MB" if status == 200 else "too much at once") in page.text
    assert stored(user).uploaded_picture == ""


def test_uploads_are_limited(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    limit = rate_limits.DECLARED["picture-uploads"]
    for _ in range(limit.allowed):
        rate_limits.count((limit, str(stored(user).pk)))
    page = upload(browser, picture())
    assert page.status_code == 429
    assert page.headers["Retry-After"]
    assert stored(user).uploaded_picture == ""


@pytest.mark.parametrize(
    "path", ["..%2f..%2fdb.sqlite3", "x.jpg", "%00.jpg", f"{'a' * 32}.png", f"{'a' * 32}.jpg/"]
)
def test_only_names_of_pictures_are_looked_up(path: str, provider: Server) -> None:
    assert Browser().get(f"/picture/{path}").status_code in {400, 404}


def test_a_picture_of_another_orientation_keeps_no_place(browser: Browser, user: EndUser) -> None:
    exif, made = Image.Exif(), io.BytesIO()
    exif[0x010E] = "home of Ana"
    Image.new("RGB", (50, 50)).save(made, "JPEG", exif=exif)
    browser.sign_in(user)
    upload(browser, made.getvalue())
    assert b"home of Ana" not in Browser().get(f"/picture/{stored(user).uploaded_picture}").content


def test_another_users_name_is_refused(browser: Browser, user: EndUser) -> None:
    name = unique("ben")
    make_user(preferred_username=name)
    browser.sign_in(user)
    page = browser.submit(browser.open(PROFILE), preferred_username=name.upper())
    assert "Another user has this user name." in page.text
    assert stored(user).preferred_username == "ana"
