"""From a form of ours to an app whose callback redirects on, to wherever. CSP 3 §6.4.1.

Chromium applies a page's `form-action` to the whole chain of redirects behind its form. Dex,
Synapse and MCP proxies redirect on to a loopback address or to an app's own scheme.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page

from tests import secrecy
from tests.browser.test_several_accounts import pick
from tests.browser.test_several_accounts import second as beside_another
from tests.browser.visitor import Site, Visitor, brought_back, request_of, site_at
from tests.relying_party import EndUser, make_user_with_app, unique

SCHEME = "com.example.app:/landed"


def app_that_sends_users_to(target: str, **metadata: Any) -> Site:
    """Return an app whose callback redirects on to this address."""
    callback = f"https://app.example/callback?{urlencode({'to': target})}"
    return site_at(
        callback,
        client_name="Bakery",
        **{"first_party": True, "post_logout_redirect_uris": [callback], **metadata},
    )


def ask(visitor: Visitor, site: Site, **overrides: str) -> None:
    visitor.open(request_of(site, visitor.user, **overrides)[0])


def be_signed_in(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()


def sign_in(visitor: Visitor, target: str) -> None:
    ask(visitor, app_that_sends_users_to(target))
    visitor.sign_in()


def sign_in_answered_by_form_post(visitor: Visitor, target: str) -> None:
    ask(visitor, app_that_sends_users_to(target), response_mode="form_post")
    visitor.sign_in()


def consent(visitor: Visitor, target: str) -> None:
    be_signed_in(visitor)
    ask(visitor, app_that_sends_users_to(target, first_party=False))
    visitor.allow()


def consent_refused(visitor: Visitor, target: str) -> None:
    be_signed_in(visitor)
    ask(visitor, app_that_sends_users_to(target, first_party=False))
    visitor.page.click("#deny")


def chooser(visitor: Visitor, target: str) -> None:
    be_signed_in(visitor)
    beside_another(visitor)
    ask(visitor, app_that_sends_users_to(target), prompt="select_account")
    pick(visitor)


def second_step(visitor: Visitor, target: str) -> None:
    user = make_user_with_app()
    visitor = Visitor(visitor.page, user, visitor.bakery)
    ask(visitor, app_that_sends_users_to(target))
    visitor.sign_in()
    visitor.send_code(visitor.app.code(), "Sign in")


def sign_up(visitor: Visitor, target: str) -> None:
    ask(visitor, app_that_sends_users_to(target))
    visitor.press("Create an account")
    visitor.type_code(visitor.begin_sign_up())


def access_denied(visitor: Visitor, target: str) -> None:
    be_signed_in(visitor)
    ask(visitor, app_that_sends_users_to(target, allowed_groups=[unique("bakers")]))
    visitor.press("Back to Bakery")


def sign_out(visitor: Visitor, target: str) -> None:
    be_signed_in(visitor)
    site = app_that_sends_users_to(target)
    query = {
        "client_id": site.client.client_id,
        "post_logout_redirect_uri": site.url,
    }
    visitor.open(f"/end_session?{urlencode(query)}")
    visitor.page.click("#confirm-logout")


WAYS = [
    sign_in,
    sign_in_answered_by_form_post,
    consent,
    consent_refused,
    chooser,
    second_step,
    sign_up,
    access_denied,
    sign_out,
]
Way = Callable[[Visitor, str], None]


def arrival_at(page: Page, target: str) -> Callable[[], None]:
    """Return what waits until the browser has asked for this address, whatever becomes of it."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    def wait() -> None:
        for _ in range(100):
            came = [url for url in asked if url.startswith(target)]
            if came:
                secrecy.used.note_address(came[0])
                return
            page.wait_for_timeout(50)
        raise AssertionError(f"{target} was not reached; {page.url} was:\n{page.content()}")

    return wait


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_callback_may_lead_on_to_this_machine(
    open_browser: Callable[..., BrowserContext],
    user: EndUser,
    bakery: Site,
    loopback_port: int,
    way: Way,
    *,
    script: bool,
) -> None:
    page = open_browser(java_script_enabled=script).new_page()
    way(Visitor(page, user, bakery), f"http://localhost:{loopback_port}/landed")
    if way is sign_in_answered_by_form_post and not script:
        page.click("#continue")
    brought_back(page, f"http://localhost:{loopback_port}/landed")


@pytest.mark.parametrize("way", WAYS)
def test_the_callback_may_lead_on_to_an_apps_own_scheme(visitor: Visitor, way: Way) -> None:
    arrived = arrival_at(visitor.page, SCHEME)
    way(visitor, SCHEME)
    arrived()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("uri", ["http://127.0.0.1/landed", SCHEME])
def test_a_native_app_is_reached_itself(
    open_browser: Callable[..., BrowserContext],
    user: EndUser,
    bakery: Site,
    loopback_port: int,
    uri: str,
    *,
    script: bool,
) -> None:
    page = open_browser(java_script_enabled=script).new_page()
    visitor = Visitor(page, user, bakery)
    site = site_at(
        uri,
        client_name="Bakery",
        first_party=True,
        application_type="native",
        token_endpoint_auth_method="none",
    )
    reached = uri.replace("127.0.0.1", f"127.0.0.1:{loopback_port}")
    arrived = arrival_at(page, reached)
    ask(visitor, site, redirect_uri=reached)
    visitor.sign_in()
    arrived()


def test_the_page_in_between_tells_no_other_site_its_address(visitor: Visitor) -> None:
    site = site_at("https://app.example/landed", first_party=True)
    ask(visitor, site)
    with visitor.page.expect_request("https://app.example/landed**") as sent:
        visitor.sign_in()
    assert "referer" not in sent.value.all_headers()
    secrecy.used.note_address(sent.value.url)
