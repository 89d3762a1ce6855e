"""Pages and mail speak the language that the user or the client asked for."""

import re
import time
from email import message_from_bytes, policy
from functools import cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx
import pytest
from babel.messages.pofile import read_po
from django.conf import settings

from tests.conftest import ROOT
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Form,
    RelyingParty,
    forms_of,
    is_page,
    make_user,
    spec,
    unique,
)

SIGN_IN = {"en": "Sign in", "de": "Anmelden"}


def press(browser: Browser, page: httpx.Response, name: str, value: str) -> httpx.Response:
    """Press a button that has a value."""
    form = next(form for form in forms_of(page) if "csrfmiddlewaretoken" in form.fields)
    data = {**form.fields, name: value}
    return browser.settle(browser.post(str(page.url), data=data))


def language_of(page: httpx.Response) -> str:
    """Return the page's language, sure that its attributes, header and words agree on it."""
    found = re.search(r'<html lang="([^"]*)" dir="([^"]*)"', page.text)
    assert found, page.text[:200]
    language, direction = found.groups()
    assert direction == "ltr"
    assert page.headers["Content-Language"] == language
    if is_page(page, "/account/login/"):
        assert f"<h1>{SIGN_IN[language]}</h1>" in page.text
    assert not texts_of(page) & foreign_to(language)
    return language


@cache
def foreign_to(language: str) -> frozenset[str]:
    """Return the texts that a page in this language can't have: the other language's."""
    with (ROOT / "locale" / "de" / "LC_MESSAGES" / "django.po").open("rb") as file:
        pairs = [(str(message.id), str(message.string)) for message in read_po(file) if message.id]
    ours = {pair[language == "de"] for pair in pairs}
    return frozenset(pair[language != "de"] for pair in pairs) - ours


class _Texts(HTMLParser):
    """What a page says in its own language: elements that name another are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self.foreign = ""
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self.foreign and tag != "html" and "lang" in dict(attrs):
            self.foreign, self.depth = tag, 0
        self.depth += tag == self.foreign

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == self.foreign
        if self.foreign and self.depth == 0:
            self.foreign = ""

    def handle_data(self, data: str) -> None:
        if not self.foreign:
            self.texts.add(data.strip())


def texts_of(page: httpx.Response) -> set[str]:
    parser = _Texts()
    parser.feed(page.text)
    return parser.texts


def switch_form(page: httpx.Response) -> Form:
    return next(form for form in forms_of(page) if form.action == "/language")


def switch(browser: Browser, page: httpx.Response, language: str) -> httpx.Response:
    """Use the switch at the page's foot."""
    form = switch_form(page)
    assert form.method == "post"
    assert form.fields["csrfmiddlewaretoken"]
    answer = browser.post(
        urljoin(str(page.url), form.action),
        data={**form.fields, "language": language},
        headers={"Origin": ISSUER, "Referer": str(page.url)},
    )
    assert answer.status_code == 302
    return browser.settle(answer)


# --- What the client asks for --------------------------------------------------------------------


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize(
    ("ui_locales", "language"),
    [
        ("de", "de"),
        ("en", "en"),
        ("de en", "de"),
        ("en de", "en"),
        ("fr-CA pt de en", "de"),
        ("fr-CA en de", "en"),
        ("de-AT de", "de"),
        ("de-AT", "de"),
        ("de-DE-1996", "de"),
        ("DE", "de"),
        ("xx-unknown de-CH", "de"),
    ],
)
def test_the_first_language_that_we_have_is_used(
    relying_party: RelyingParty, ui_locales: str, language: str
) -> None:
    page = relying_party.visit(ui_locales=ui_locales)
    assert is_page(page, "/account/login/")
    assert language_of(page) == language


@spec("OIDC Core", "3.1.2.1")
def test_the_whole_way_speaks_it(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    page = relying_party.visit(ui_locales="de", scope="openid email")
    wrong = browser.submit(page, login=relying_party.user.email, password="not the password")
    assert language_of(wrong) == "de"
    assert "passen nicht zusammen" in wrong.text
    consent = browser.sign_in(relying_party.user, wrong)
    assert is_page(consent, "/consent")
    assert language_of(consent) == "de"
    assert "Deine E-Mail-Adresse" in consent.text
    assert relying_party.answer(browser.submit(consent, "allow")).code


@spec("OIDC Core", "3.1.2.1")
def test_other_pages_are_not_changed_by_what_a_client_asked_for(
    relying_party: RelyingParty,
) -> None:
    assert language_of(relying_party.visit(ui_locales="de")) == "de"
    assert language_of(relying_party.browser.open("/account/login/")) == "en"


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize(
    "ui_locales",
    [
        "",
        " ",
        "xx",
        "tlh-Klingon",
        "*",
        "de_",
        "-",
        "x" * 600,
        "de" + "-x" * 300,
        "../../etc/passwd",
        "%00",
        "<script>",
        "日本語",
        "i-default",
        "no zh-Hant sr-Latn",
        "\u0661\u200f",
        " ".join(["xx"] * 200),
    ],
)
def test_an_unknown_language_is_no_error(relying_party: RelyingParty, ui_locales: str) -> None:
    page = relying_party.visit(ui_locales=ui_locales)
    assert is_page(page, "/account/login/")
    assert language_of(page) in {"en", "de"}
    assert relying_party.go_on(page).code


@spec("OIDC Core", "3.1.2.1")
def test_without_a_page_the_language_does_not_matter(relying_party: RelyingParty) -> None:
    assert relying_party.authorize(prompt="none", ui_locales="xx").error == "login_required"


@spec("OIDC Discovery", "3")
def test_every_advertised_language_is_one_that_pages_speak(relying_party: RelyingParty) -> None:
    metadata = httpx.get(f"{ISSUER}/.well-known/openid-configuration").json()
    assert set(metadata["ui_locales_supported"]) == set(SIGN_IN)
    for language in metadata["ui_locales_supported"]:
        assert language_of(relying_party.visit(ui_locales=language)) == language


# --- What the browser asks for -------------------------------------------------------------------


@spec("RFC 9110", "12.5.4")
@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("fr,de;q=0.8,en;q=0.5", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("nonsense;;q=ü", "en"),
    ],
)
def test_a_browser_is_answered_in_its_language(
    browser: Browser, accepted: str, language: str
) -> None:
    page = browser.get("/account/login/", headers={"Accept-Language": accepted.encode()})
    assert language_of(page) == language
    assert "Accept-Language" in page.headers["Vary"]


@spec("OIDC Core", "3.1.2.1")
def test_the_client_is_asked_before_the_browser(relying_party: RelyingParty) -> None:
    relying_party.browser.headers["Accept-Language"] = "en"
    assert language_of(relying_party.visit(ui_locales="de")) == "de"
    assert language_of(relying_party.visit(ui_locales="xx")) == "en"


# --- What the user chooses ---------------------------------------------------------------------


def test_the_switch_offers_each_language_under_its_own_name(browser: Browser) -> None:
    page = browser.open("/account/login/")
    for code, name in settings.LANGUAGES:
        if code == language_of(page):
            assert name in texts_of(page)
        else:
            assert re.search(rf'value="{code}" lang="{code}"[^>]*>{name}<', page.text)


def test_the_switch_is_remembered(browser: Browser) -> None:
    page = switch(browser, browser.open("/account/signup/"), "de")
    assert is_page(page, "/account/signup/")
    assert language_of(page) == "de"
    cookie = next(
        cookie for cookie in browser.cookies.jar if cookie.name == settings.LANGUAGE_COOKIE_NAME
    )
    assert cookie.expires is not None
    assert cookie.expires > time.time() + 300 * 24 * 3600
    assert cookie.path == "/"
    browser.headers["Accept-Language"] = "en"
    assert language_of(browser.open("/account/login/")) == "de"
    page = switch(browser, browser.open("/account/login/"), "en")
    assert language_of(page) == "en"


@spec("OIDC Core", "3.1.2.1")
def test_the_switch_wins_over_what_the_client_asked_for(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    page = relying_party.visit(ui_locales="de")
    page = switch(browser, page, "en")
    assert is_page(page, "/account/login/")
    assert "Test app" in page.text
    assert language_of(page) == "en"
    consent = browser.sign_in(relying_party.user, page)
    assert is_page(consent, "/consent")
    assert language_of(consent) == "en"
    consent = switch(browser, consent, "de")
    assert is_page(consent, "/consent")
    assert language_of(consent) == "de"
    answer = relying_party.answer(browser.submit(consent, "allow"))
    assert answer.state == relying_party.state
    assert relying_party.exchange(answer.code).status_code == 200


def test_the_switch_needs_the_pages_token(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    page = relying_party.visit(ui_locales="de")
    form = switch_form(page)
    data = {**form.fields, "language": "en", "csrfmiddlewaretoken": "x" * 64}
    browser.settle(browser.post("/language", data=data))
    assert settings.LANGUAGE_COOKIE_NAME not in browser.cookies
    assert language_of(browser.open(str(page.url))) == "de"


@pytest.mark.parametrize("chosen", ["", "xx", "../de", "de\r\nSet-Cookie: a=b", "x" * 5000])
def test_an_unknown_choice_changes_nothing(browser: Browser, chosen: str) -> None:
    page = switch(browser, browser.open("/account/login/"), chosen)
    assert is_page(page, "/account/login/")
    assert language_of(page) == "en"


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", ""]
)
def test_the_switch_leads_nowhere_else(browser: Browser, target: str) -> None:
    page = browser.open("/account/login/")
    data = {**switch_form(page).fields, "language": "de", "next": target}
    answer = browser.post(
        "/language", data=data, headers={"Origin": ISSUER, "Referer": str(page.url)}
    )
    assert answer.status_code in {204, 302}
    assert "evil.example" not in answer.headers.get("Location", "")


def test_looking_at_the_switchs_address_changes_nothing(relying_party: RelyingParty) -> None:
    page = relying_party.visit(ui_locales="de")
    query = str(page.url).partition("?")[2]
    relying_party.browser.open(f"/language?{query}&language=en")
    assert settings.LANGUAGE_COOKIE_NAME not in relying_party.browser.cookies
    assert language_of(relying_party.browser.open(str(page.url))) == "de"


@pytest.mark.parametrize("cookie", ["xx", "../../etc", "x" * 600, "de<script>"])
def test_a_strange_cookie_is_no_error(browser: Browser, cookie: str) -> None:
    name = settings.LANGUAGE_COOKIE_NAME
    page = browser.get("/account/login/", headers={"Cookie": f"{name}={cookie}"})
    assert page.status_code == 200
    assert language_of(page) == "en"


# --- Mail, and what goes wrong -------------------------------------------------------------------


def mail_to(address: str, subject: str) -> str:
    """Return the mail with this in its subject that was sent to this address: subject and text."""
    for _ in range(100):
        for file in settings.MAIL_DIRECTORY.glob("*.log"):
            for source in file.read_bytes().split(b"-" * 79 + b"\n"):
                message = message_from_bytes(source, policy=policy.default)
                if message["To"] == address and subject in message["Subject"]:
                    text = message.get_body(["plain"])
                    return f"{message['Subject'].strip()}\n\n{text.get_content()}"
        time.sleep(0.1)
    raise AssertionError(f"no mail to {address} about {subject!r}")


def link_to(path: str, page: httpx.Response) -> str:
    """Return the address of the page's link to one of our pages, query and all."""
    found = re.search(rf'href="({path}[^"]*)"', page.text)
    assert found, page.text
    return unescape(found[1])


@pytest.mark.parametrize(
    ("language", "subject", "sentence"),
    [
        ("de", "ist dein Code", "Er gilt zehn Minuten."),
        ("en", "is your code", "ten minutes"),
    ],
)
def test_mail_speaks_the_language_of_the_page(
    relying_party: RelyingParty, language: str, subject: str, sentence: str
) -> None:
    browser, email = relying_party.browser, f"{unique('neu')}@example.com"
    page = browser.open(link_to("/account/signup/", relying_party.visit(ui_locales=language)))
    assert language_of(page) == language
    page = browser.submit(page, email=email, password1=unique("a long new password"))
    assert is_page(page, "/account/confirm-email/")
    assert language_of(page) == language
    mail = mail_to(email, subject)
    assert sentence in mail
    page = browser.submit(page, code=mail[:6])
    assert is_page(page, "/consent")
    assert language_of(page) == language


def test_signing_up_twice_is_told_in_german(browser: Browser, user: EndUser) -> None:
    browser.headers["Accept-Language"] = "de"
    page = browser.open("/account/signup/")
    page = browser.submit(page, email=user.email, password1=unique("a long new password"))
    assert language_of(page) == "de"
    assert "Melde dich damit an" in mail_to(user.email, "Du hast schon ein Konto")


def test_a_new_password_is_set_in_german(browser: Browser, user: EndUser) -> None:
    browser.headers["Accept-Language"] = "de"
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    assert is_page(page, "/account/password/reset/confirm/")
    assert language_of(page) == "de"
    wrong = browser.submit(page, code="000000")
    assert language_of(wrong) == "de"
    assert "Der Code stimmt nicht." in wrong.text
    mail = mail_to(user.email, "ist dein Code für ein neues Passwort")
    assert "Verrate den Code niemandem" in mail
    page = browser.submit(wrong, code=mail[:6])
    assert language_of(page) == "de"
    short = browser.submit(page, password1="zu kurz")
    assert language_of(short) == "de"
    assert "mindestens 15 Zeichen" in short.text
    page = browser.submit(short, password1=unique("a long new password"))
    assert is_page(page, "/account/")
    assert language_of(page) == "de"
    assert "soeben ein Passwort" in mail_to(user.email, "Dein Passwort wurde festgelegt")
    page = browser.open("/account/logout/")
    assert language_of(page) == "de"
    page = browser.submit(page, "confirm-logout")
    assert is_page(page, "/account/signed-out/")
    assert language_of(page) == "de"


def test_a_page_that_does_not_exist_says_so_in_german(browser: Browser) -> None:
    page = browser.get("/nowhere", headers={"Accept-Language": "de"})
    assert page.status_code == 404
    assert language_of(page) == "de"
    assert "<h1>Hier ist nichts</h1>" in page.text


def test_a_request_that_is_not_right_is_explained_in_german(browser: Browser) -> None:
    page = browser.get("/authorize?client_id=unknown", headers={"Accept-Language": "de"})
    assert page.status_code == 400
    assert language_of(page) == "de"
    assert "Du hast nichts falsch gemacht" in page.text


def test_a_form_that_went_stale_says_so_in_german(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    page = relying_party.visit(ui_locales="de")
    form = next(form for form in forms_of(page) if "password" in form.fields)
    data = {**form.fields, "csrfmiddlewaretoken": "x" * 64}
    page = browser.settle(
        browser.post(str(page.url), data=data, headers={"Origin": ISSUER, "Referer": str(page.url)})
    )
    assert language_of(page) == "de"
    assert "Diese Seite war eine Weile offen" in page.text


# --- After a sign-out ----------------------------------------------------------------------------


@spec("OIDC RP-Initiated Logout", "2")
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "with-hint"])
def test_the_wish_lasts_until_the_page_after_a_sign_out(
    relying_party: RelyingParty, *, asked: bool
) -> None:
    hint = relying_party.tokens()["id_token"]
    query = {"ui_locales": "de", **({} if asked else {"id_token_hint": hint})}
    page = relying_party.browser.open("/end_session", **query)
    if asked:
        assert language_of(page) == "de"
        page = relying_party.browser.submit(page, "confirm-logout")
    assert is_page(page, "/account/signed-out/")
    assert language_of(page) == "de"


@spec("OIDC RP-Initiated Logout", "2")
def test_the_wish_lasts_where_the_request_is_posted(relying_party: RelyingParty) -> None:
    hint = relying_party.tokens()["id_token"]
    browser = relying_party.browser
    data = {"ui_locales": "de", "id_token_hint": hint}
    page = browser.settle(browser.post("/end_session", data=data))
    assert is_page(page, "/account/signed-out/")
    assert language_of(page) == "de"


def test_the_page_on_the_way_to_the_app_has_the_language_asked_for(
    relying_party: RelyingParty,
) -> None:
    page = relying_party.browser.sign_in(relying_party.user, relying_party.visit(ui_locales="de"))
    going = relying_party.browser.submit(page, "allow").history[0]
    assert language_of(going) == "de"


def test_the_wish_of_an_app_lasts_when_all_accounts_sign_out_instead(
    relying_party: RelyingParty,
) -> None:
    browser = relying_party.browser
    browser.sign_in(make_user())
    press(browser, browser.open("/account/choose/"), "another", "sign-in")
    browser.sign_in(relying_party.user)
    consent = relying_party.visit(ui_locales="de", prompt="consent")
    assert language_of(consent) == "de"
    chooser = browser.open("/account/choose/", next=f"/authorize?{consent.url.query.decode()}")
    page = press(browser, chooser, "sign-out", "all")
    assert is_page(page, "/account/signed-out/")
    assert language_of(page) == "de"
