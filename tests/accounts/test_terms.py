"""Terms of service: asked once for each version, as a step of every way to sign in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings

from accounts import terms
from accounts.models import TermsAcceptance, User
from idp.deploy_checks import values_are_known
from idp.models import Event
from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import (
    Browser,
    EndUser,
    forms_of,
    is_page,
    mailed_code,
    make_client,
    unique,
)

TERMS, HOME, LOGIN = "/account/login/terms/", "/account/", "/account/login/"
URL = "https://example.com/terms/2"


@pytest.fixture(scope="module")
def second(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A provider with terms of version 2."""
    yield from serving(tmp_path_factory.mktemp("second"), "2")


@pytest.fixture(scope="module")
def third(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same provider, as it were, after its operator has set version 3."""
    yield from serving(tmp_path_factory.mktemp("third"), "3")


def serving(folder: Path, version: str) -> Iterator[str]:
    issuer = f"{settings.IDP_ISSUER.rpartition(':')[0]}:{free_port()}"
    terms = {"IDP_TERMS_URL": URL, "IDP_TERMS_VERSION": version}
    server = Server(issuer, folder / "log", **terms)
    server.wait()
    yield issuer
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def browser(second: str) -> Iterator[Browser]:
    with Browser(second) as browser:
        yield browser


def test_they_are_asked_for_once_and_recorded(browser: Browser, user: EndUser, second: str) -> None:
    page = browser.sign_in(user)
    assert is_page(page, TERMS)
    assert f'href="{URL}"' in page.text
    assert not is_page(browser.open(HOME), HOME)
    assert is_page(browser.submit(browser.open(TERMS), "accept"), HOME)
    [row] = TermsAcceptance.objects.filter(user__email=user.email)
    assert (row.version, row.url) == ("2", URL)
    event = Event.objects.get(kind="terms-accepted", user__email=user.email)
    assert event.details["version"] == "2"
    assert "Version <bdi>2</bdi>" in browser.open("/account/data/").text
    with Browser(second) as elsewhere:
        assert is_page(elsewhere.type_password(user), HOME)


def test_a_new_version_is_asked_for_at_the_next_sign_in(
    browser: Browser, user: EndUser, third: str
) -> None:
    browser.submit(browser.sign_in(user), "accept")
    with Browser(third) as later:
        later.cookies = browser.cookies
        assert is_page(later.open(HOME), HOME)
    with Browser(third) as elsewhere:
        page = elsewhere.sign_in(user)
        assert "version <bdi>3</bdi>" in page.text


def test_a_version_replaced_meanwhile_is_not_accepted_by_an_old_page(
    browser: Browser, user: EndUser, third: str
) -> None:
    browser.sign_in(user)
    with Browser(third) as later:
        later.cookies = browser.cookies
        page = later.open(TERMS)
        [data] = [form.fields for form in forms_of(page) if "accept" in form.buttons]
        headers = {"Referer": str(page.url)}
        page = later.settle(later.post(TERMS, data={**data, "accept": "2"}, headers=headers))
        assert is_page(page, TERMS)
        assert not TermsAcceptance.objects.filter(user__email=user.email).exists()
        assert is_page(later.submit(page, "accept"), HOME)


def test_declining_gives_the_sign_in_up(browser: Browser, user: EndUser) -> None:
    page = browser.submit(browser.sign_in(user), "decline")
    assert is_page(page, LOGIN)
    assert "the terms were not accepted" in page.text
    assert is_page(browser.open(HOME), LOGIN)


def test_new_accounts_are_asked_too(browser: Browser) -> None:
    email = f"{unique('new')}@example.com"
    page = browser.submit(
        browser.open("/account/signup/"), email=email, password1="three wise boats at anchor"
    )
    page = browser.submit(page, code=mailed_code(email))
    assert is_page(page, TERMS)


def test_a_password_alone_gets_no_tokens_before(second: str, user: EndUser) -> None:
    """By the password grant, where nobody can be asked."""
    client = make_client(grant_types=["authorization_code", "password"])
    data = {"grant_type": "password", "username": user.email, "password": user.password}
    answer = httpx.post(f"{second}/token", data=data, auth=(client.client_id, str(client.secret)))
    assert answer.json()["error"] == "invalid_grant"


def test_terms_of_the_future_are_not_in_force(settings: Any) -> None:
    settings.IDP_TERMS_URL, settings.IDP_TERMS_VERSION = URL, "2"
    for since in ("2999-01-01", "2999-01-01T00:00:00+02:00"):
        settings.IDP_TERMS_SINCE = since
        assert terms.current() is None


@pytest.mark.parametrize("since", ["2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00Z", ""])
def test_terms_of_the_past_are_in_force(settings: Any, since: str) -> None:
    settings.IDP_TERMS_URL, settings.IDP_TERMS_VERSION = URL, "2"
    settings.IDP_TERMS_SINCE = since
    assert terms.current() is not None


@pytest.mark.parametrize(
    ("url", "version", "since"),
    [
        (URL, "", ""),
        ("", "2", ""),
        ("http://example.com/", "2", ""),
        ("https://[", "2", ""),
        (URL, "2" * 51, ""),
        (URL, "2", "soon"),
        (URL, "2", "2026-02-30"),
    ],
)
def test_terms_that_would_ask_nobody_are_errors(
    settings: Any, url: str, version: str, since: str
) -> None:
    settings.IDP_TERMS_URL, settings.IDP_TERMS_VERSION = url, version
    settings.IDP_TERMS_SINCE = since
    assert "idp.E022" in {message.id for message in values_are_known()}


def test_they_go_with_the_account(browser: Browser, user: EndUser) -> None:
    browser.submit(browser.sign_in(user), "accept")
    User.objects.get(email=user.email).delete()
    assert not TermsAcceptance.objects.filter(user__email=user.email).exists()
