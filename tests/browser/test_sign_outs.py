"""Signing out of one app in a browser tells the others. OIDC Front-Channel Logout §3."""

from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import expect

from idp.models import Delivery
from tests.browser.visitor import Visitor, request_of, site_at
from tests.relying_party import ISSUER


def test_the_others_are_told_and_the_way_back_is_taken(visitor: Visitor) -> None:
    florist = site_at(
        "https://app.example/landed", frontchannel_logout_uri="https://app.example/loaded?a=b"
    )
    baker = site_at(
        "https://shop.example/landed",
        post_logout_redirect_uris=["https://shop.example/signed-out"],
    )
    for number, site in enumerate((florist, baker)):
        visitor.open(request_of(site, visitor.user)[0])
        if number == 0:
            visitor.sign_in()
        visitor.page.click("#allow")
        visitor.page.wait_for_url("https://*.example/landed**")
    loaded: list[str] = []
    visitor.page.on("request", lambda request: loaded.append(request.url))
    query = {
        "client_id": baker.client.client_id,
        "post_logout_redirect_uri": "https://shop.example/signed-out",
        "state": "there",
    }
    visitor.open(f"/end_session?{urlencode(query)}")
    visitor.page.click("#confirm-logout")
    visitor.page.wait_for_url("https://shop.example/signed-out?state=there")
    [told] = [url for url in loaded if url.startswith("https://app.example/loaded")]
    members = parse_qs(urlsplit(told).query)
    assert (members["a"], members["iss"], set(members)) == (["b"], [ISSUER], {"a", "iss", "sid"})


def test_the_page_says_by_itself_that_an_app_has_answered(visitor: Visitor) -> None:
    site = site_at(
        "https://app.example/landed",
        client_name="Bakery",
        backchannel_logout_uri="https://app.example/signed-out",
    )
    visitor.open(request_of(site, visitor.user)[0])
    visitor.sign_in()
    visitor.page.click("#allow")
    visitor.page.wait_for_url("https://app.example/landed**")
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    expect(visitor.page.get_by_text("Is being told.")).to_be_visible()
    heading = visitor.page.get_by_role("heading", level=1).element_handle()
    Delivery.objects.filter(session__user__email=visitor.user.email).update(state="delivered")
    expect(visitor.page.get_by_text("Has been told, and answered.")).to_be_visible()
    assert heading.is_visible(), "the page was loaded again"
