"""An owner's journey: put their app right, get a secret, test it, and see the first sign-in."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from idp.models import Client
from tests import secrecy
from tests.browser.test_own_account import PHONE
from tests.browser.visitor import Site, Visitor, owned_site
from tests.relying_party import Browser, EndUser, Registered, RelyingParty, make_user


@pytest.fixture(params=["phone", "no script"])
def owner(
    request: pytest.FixtureRequest,
    open_browser: Callable[..., BrowserContext],
    user: EndUser,
    bakery: Site,
) -> Visitor:
    """Signed in: at a phone, and at a desktop without a script."""
    options = {"phone": PHONE, "no script": {"java_script_enabled": False}}
    context = open_browser(**options[request.param])
    visitor = Visitor(context.new_page(), user, bakery)
    visitor.is_signed_in() if request.param == "phone" else by_form(visitor)
    return visitor


def by_form(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.page.wait_for_url("**/account/")


def test_an_owner_gets_their_app_going(owner: Visitor) -> None:
    site = owned_site("https://old.example/callback", owner.user, client_name="Florist")
    client, page = site.client, owner.page
    owner.open("/developers/apps/")
    page.get_by_role("link", name="Change redirect URIs").click()
    page.get_by_label("redirect URIs", exact=False).first.fill("http://localhost:5001/callback#x")
    owner.press("Save")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("redirect URIs", exact=False).first.fill("http://localhost:5001/callback")
    owner.press("Save")
    expect(page.get_by_role("status")).to_have_text("Saved. It holds from the next sign-in on.")

    page.get_by_role("link", name="Secrets").click()
    owner.press("Make a new secret")
    secret = page.locator("#secret").inner_text()
    secrecy.used.note_client(client.client_id, secret)
    page.get_by_role("link", name="I have copied it").click()

    page.get_by_role("link", name="Test sign-in").click()
    page.click("#confirm")
    page.click("#allow")
    expect(page.locator("#verdict")).to_contain_text("It works: the app would sign in")

    owner.open("/developers/apps/")
    page.locator("main").get_by_role("link", name="Flask").click()
    owner.sees("Flask with Authlib")
    expect(page.get_by_text("Registered", exact=True)).to_be_visible()
    waiting = page.get_by_role("status")
    expect(waiting).to_have_text("Waiting for your first sign-in…")
    sign_somebody_in(client, secret)
    look = page.get_by_role("link", name="Look now")
    if look.is_visible():
        look.click()
    expect(waiting).to_contain_text("It works: a user has signed in to this app")
    expect(waiting).to_have_class("waiting done")


def sign_somebody_in(client: Registered, secret: str) -> None:
    """Let the app sign a user in, with what its owner gave it."""
    metadata = {**client.metadata, "redirect_uris": ["http://localhost:5001/callback"]}
    assert Client.objects.get(client_id=client.client_id).redirect_uris == metadata["redirect_uris"]
    with Browser() as browser:
        app = RelyingParty(Registered(client.client_id, secret, metadata), browser, make_user())
        assert app.exchange(app.authorize().code).status_code == 200


def test_a_developer_finds_their_way(visitor: Visitor) -> None:
    """Nobody is signed in: the search, a quick start of the navigation, and a copy button."""
    page = visitor.page
    visitor.open("/developers/")
    page.locator("#search").fill("next auth")
    page.locator(".side").get_by_role("button", name="Search").click()
    page.locator("main").get_by_role("link", name="Next.js").first.click()
    visitor.sees("Next.js with Auth.js")
    blocks = page.locator("figure.block")
    expect(blocks).to_have_count(6)
    for block in blocks.all():
        above = block.locator("figcaption").get_by_role("button", name="Copy")
        expect(above).to_be_visible()
    navigation = page.locator("nav.side")
    expect(navigation.locator("[aria-current=page]")).to_have_text("Next.js")
    navigation.get_by_role("link", name="Errors").click()
    visitor.sees("Errors")
