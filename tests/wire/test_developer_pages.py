"""The pages for apps' owners: what is registered for them, and what was refused lately."""

import re

import httpx
import pytest

from accounts.models import User
from idp.developers.quick_starts import FOLDER, QUICK_STARTS
from idp.models import Client, Event
from tests.conftest import ROOT
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_page,
    make_client,
    unique,
)

APPS = "/developers/apps/"


def own(user: EndUser, **metadata: object) -> Registered:
    client = make_client(**metadata)
    owner = User.objects.get(email=user.email)
    Client.objects.filter(client_id=client.client_id).update(user=owner)
    return client


def links_on(page: httpx.Response) -> list[str]:
    return re.findall(r'href="([^"]*)"', page.text)


def test_an_owner_sees_their_apps_and_what_was_refused(browser: Browser, user: EndUser) -> None:
    client = own(user, client_name=f"Bakery {unique('x')}")
    off = own(user, enabled=False, application_type="native", token_endpoint_auth_method="none")
    others = make_client()
    RelyingParty(client, browser, user).token(grant_type="x")
    RelyingParty(others, browser, user).token(grant_type="x")
    browser.sign_in(user)
    page = browser.open(APPS)
    assert client.metadata["client_name"] in page.text
    assert client.client_id in page.text
    assert client.redirect_uri in page.text
    assert "(<code>client_secret_basic</code> or <code>client_secret_post</code>)" in page.text
    assert "The grant_type x is not offered here." in page.text
    assert off.client_id in page.text
    assert "<strong>Disabled</strong>" in page.text
    assert "Native app, without a secret" in page.text
    assert others.client_id not in page.text
    event = Event.objects.get(client_id=client.client_id)
    story = f"/developers/errors/unsupported_grant_type?reference={event.reference}"
    assert story in links_on(page)
    assert "POST /token" in browser.open(story).text


def test_a_user_without_apps_is_told_so(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    assert "No app is registered in your name" in browser.open(APPS).text


def test_signing_in_leads_to_it(browser: Browser, user: EndUser) -> None:
    page = browser.open(APPS)
    assert is_page(page, "/account/login/")
    assert is_page(browser.sign_in(user, page), APPS)


def test_only_the_last_denials_are_shown_the_newest_first(browser: Browser, user: EndUser) -> None:
    client, quiet = own(user), own(user)
    for number in range(25):
        RelyingParty(client, browser, user).token(grant_type=f"x{number:02}")
    RelyingParty(quiet, browser, user).token(grant_type="y")
    browser.sign_in(user)
    text = browser.open(APPS).text
    assert re.findall(r"grant_type (x\d\d|y)", text.partition(quiet.client_id)[0]) == [
        f"x{number:02}" for number in range(24, 4, -1)
    ]
    assert "The last 20 errors" in text
    assert "1 error, the newest" in text


def test_many_apps_are_on_several_pages(browser: Browser, user: EndUser) -> None:
    for number in range(22):
        own(user, client_name=f"App {number:02}")
    browser.sign_in(user)
    first, second = browser.open(APPS).text, browser.open(APPS + "?page=2").text
    names = [re.findall(r"<bdi>App (\d\d)</bdi>", text) for text in (first, second)]
    assert names == [[f"{number:02}" for number in range(20)], ["20", "21"]]
    assert "?page=2" in links_on(browser.open(APPS))
    assert browser.open(APPS + "?page=99").text.count("<bdi>App") == 2


def test_it_is_linked_where_it_helps(browser: Browser, user: EndUser) -> None:
    assert APPS not in links_on(browser.open("/developers/"))
    browser.sign_in(user)
    assert APPS in links_on(browser.open("/developers/"))
    assert APPS not in links_on(browser.open("/account/"))
    own(user)
    assert APPS in links_on(browser.open("/account/"))


def test_the_errors_page_shows_how_an_error_looks(provider: object) -> None:
    text = httpx.get(f"{ISSUER}/developers/errors/", verify=False).text
    assert "error_description" in text
    assert f"{ISSUER}/developers/errors/invalid_client?reference=7KQ2-M9XD" in text


def test_each_error_says_what_to_check_step_by_step(provider: object) -> None:
    listed = httpx.get(f"{ISSUER}/developers/errors/", verify=False)
    pages = {link for link in links_on(listed) if re.fullmatch(r"/developers/errors/\w+", link)}
    assert len(pages) >= 15
    for page in pages:
        text = httpx.get(f"{ISSUER}{page}", verify=False).text
        assert "What to check" in text, page
        assert re.search(r"<ol[^>]*>\s*<li>[A-Z]", text), page
        assert "1. " not in text


def test_a_quick_start_is_filled_in_for_the_apps_owner(browser: Browser, user: EndUser) -> None:
    client, public = own(user), own(user, token_endpoint_auth_method="none")
    bound = own(user, dpop_bound_access_tokens=True)
    both = own(user, token_endpoint_auth_method="none", dpop_bound_access_tokens=True)
    others = make_client()
    flask, page = "/developers/start/flask/", browser.open("/developers/start/flask/")
    assert f"{ISSUER}/.well-known/openid-configuration" in page.text
    assert "your-client-id" in page.text
    browser.sign_in(user)
    links = links_on(browser.open(APPS))
    assert f"{flask}?client_id={client.client_id}" in links
    assert f"/developers/start/single-page-app/?client_id={public.client_id}" in links
    assert f"{flask}?client_id={public.client_id}" not in links
    for app, start in ((bound, "high-security"), (both, "single-page-app-dpop")):
        shown = [link for link in links if link.endswith(f"/?client_id={app.client_id}")]
        assert shown == [f"/developers/start/{start}/?client_id={app.client_id}"]
    links = links_on(browser.open(flask))
    assert f"?client_id={client.client_id}" in links
    assert f"?client_id={public.client_id}" not in links
    page = browser.open(flask, client_id=client.client_id)
    assert f"client_id=&quot;{client.client_id}&quot;" in page.text
    assert page.text.count(">Not registered<") == 2
    Client.objects.filter(client_id=client.client_id).update(
        redirect_uris=[QUICK_STARTS["flask"].redirect_uri]
    )
    page = browser.open(flask, client_id=client.client_id)
    assert page.text.count(">Registered<") == 1
    for not_theirs in (others.client_id, "x", "x" * 5000):
        text = browser.open(flask, client_id=not_theirs).text
        assert "client_id=&quot;your-client-id&quot;" in text
        assert ">Registered<" not in text
    assert "registered otherwise" in browser.open(flask, client_id=public.client_id).text
    assert browser.open("/developers/start/cobol/").status_code == 404


def test_a_client_id_that_is_no_plain_word_is_left_out(browser: Browser, user: EndUser) -> None:
    client = own(user)
    odd = f'{client.client_id}"+x'
    Client.objects.filter(client_id=client.client_id).update(client_id=odd)
    browser.sign_in(user)
    text = browser.open("/developers/start/flask/", client_id=odd).text
    assert "client_id=&quot;your-client-id&quot;" in text


def test_every_quick_start_is_offered_here_and_in_the_docs(provider: object) -> None:
    overview = links_on(httpx.get(f"{ISSUER}/developers/", verify=False))
    docs = (ROOT / "docs/relying-parties.md").read_text()
    for start in QUICK_STARTS.values():
        assert f"/developers/start/{start.name}/" in overview
        assert f"(../examples/quickstart/{start.files[0]})" in docs
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {file for start in QUICK_STARTS.values() for file in start.files}


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_reference_leads_whoever_may_not_see_it_to_who_may(
    browser: Browser, user: EndUser, *, signed_in: bool
) -> None:
    if signed_in:
        browser.sign_in(user)
    page = browser.open("/developers/errors/invalid_request?reference=2222-2222")
    assert "The operator of" in page.text
    login = "/account/login/?next=/developers/errors/invalid_request%3Freference%3D2222-2222"
    ways = [link.replace("%2F", "/") for link in links_on(page)]
    assert (login in ways) != signed_in


def test_signing_in_at_the_reference_shows_the_owner_its_story(
    browser: Browser, user: EndUser
) -> None:
    client = own(user)
    answer = RelyingParty(client, browser, user).token(grant_type="x").json()
    page = browser.open(answer["error_uri"])
    assert "POST /token" not in page.text
    login = next(link for link in links_on(page) if link.startswith("/account/login/"))
    assert "POST /token" in browser.sign_in(user, browser.open(login)).text


PROGRAMS = "/developers/integrations/"


def test_a_programs_settings_are_filled_in_for_the_apps_owner(
    browser: Browser, user: EndUser
) -> None:
    client = own(user, redirect_uris=["https://grafana.example.org/login/generic_oauth"])
    others = make_client()
    grafana = f"{PROGRAMS}grafana/"
    assert grafana in links_on(browser.open(PROGRAMS))
    text = browser.open(grafana).text
    assert f"token_url = {ISSUER}/token" in text
    assert "client_id = your-client-id" in text
    assert "https://grafana.example.com/login/generic_oauth" in text
    browser.sign_in(user)
    assert f"?client_id={client.client_id}" in links_on(browser.open(grafana))
    text = browser.open(grafana, client_id=client.client_id).text
    assert f"client_id = {client.client_id}" in text
    assert "client_secret = your-client-secret" in text
    assert "root_url = https://grafana.example.org/" in text
    for not_theirs in (others.client_id, "x", "x" * 5000):
        assert "client_id = your-client-id" in browser.open(grafana, client_id=not_theirs).text
    Client.objects.filter(client_id=client.client_id).update(integration="grafana")
    assert f"{grafana}?client_id={client.client_id}" in links_on(browser.open(APPS))


def test_programs_are_found_by_words(provider: object) -> None:
    def found(**query: str) -> list[str]:
        page = httpx.get(f"{ISSUER}{PROGRAMS}", params=query, verify=False)
        assert page.status_code == 200
        return [link for link in links_on(page) if re.fullmatch(rf"{PROGRAMS}[\w-]+/", link)]

    assert found(q="KUBERNETES cluster") == [f"{PROGRAMS}kubernetes/"]
    assert found(q="no such program") == []
    assert len(found()) > 30
    assert httpx.get(f"{ISSUER}{PROGRAMS}no-such/", verify=False).status_code == 404
