"""A sign-in elsewhere, as its user lives it: the mail, the page, and the app that goes on."""

from playwright.sync_api import expect

from tests.asking import Desk, make_asking_client
from tests.browser.visitor import Visitor
from tests.relying_party import ISSUER, mailed_link, verified


def test_from_the_mail_to_the_tokens(visitor: Visitor) -> None:
    client = make_asking_client(client_name="Helpdesk", scope="openid email")
    desk = Desk(visitor.user, client).asks(scope="openid email", binding_message="Desk 4711")
    visitor.open(mailed_link(visitor.user.email).removeprefix(ISSUER))
    visitor.sign_in()
    visitor.sees("Helpdesk asks you to sign in")
    expect(visitor.page.locator(".reference")).to_have_text("Desk 4711")
    expect(visitor.page.locator("main")).to_contain_text(visitor.user.email)
    visitor.press("Approve")
    visitor.sees("You let Helpdesk sign you in")
    assert verified(desk.tokens()["id_token"])["sub"] == visitor.user.sub
    visitor.press("Your devices")
    expect(visitor.page.get_by_role("heading", name="Helpdesk on a device")).to_be_visible()
