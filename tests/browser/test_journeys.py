"""The way in and out as users walk it, through the sample site."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, expect

from accounts import invitations, operations
from accounts.models import User
from idp.models import Grant, Interaction
from tests.browser.visitor import (
    NEW_PASSWORD,
    Site,
    Visitor,
    brought_back,
    owned_site,
    request_of,
    site_at,
)
from tests.devices import Device, make_device_client
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    mailed_code,
    mailed_link,
    make_user,
    unique,
)


@pytest.mark.smoke
def test_sign_in_agree_see_the_claims_sign_out(visitor: Visitor) -> None:
    page = visitor.page
    visitor.start_at_bakery()
    expect(page.get_by_text("to continue to Bakery")).to_be_visible()
    expect(page).to_have_title("Sign in · Bakery · " + urlsplit(page.url).netloc)
    visitor.sign_in()
    expect(page.locator(".facts")).to_contain_text("Rua do Ouro 1")
    expect(page.locator(".facts")).to_contain_text(visitor.user.email)
    visitor.allow()
    visitor.is_welcome_at_bakery("Ana Lima")
    expect(page.locator("#userinfo-claims")).to_contain_text(visitor.user.email)
    page.click("#sign-out")
    page.click("#sign-out-signet")
    expect(page.locator("#sign-in")).to_be_visible()
    visitor.start_at_bakery()
    visitor.sees("Sign in")


@pytest.mark.smoke
def test_sign_up_and_land_signed_in(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Create an account")
    email = visitor.begin_sign_up()
    visitor.type_code(email)
    expect(visitor.page.locator(".facts")).to_contain_text(email)
    visitor.allow()
    expect(visitor.page.locator("#userinfo-claims")).to_contain_text('"email_verified": true')


def test_a_second_code_when_the_first_did_not_come(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Create an account")
    email = visitor.begin_sign_up()
    visitor.sees("Enter the code")
    first = mailed_code(email)
    visitor.press("Send another code")
    visitor.type_code(email, newer_than=first)
    visitor.allow()


def test_a_sign_up_left_unfinished_is_finished_by_signing_in(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Create an account")
    visitor.user.email = email = visitor.begin_sign_up()
    visitor.sees("Enter the code")
    first = mailed_code(email)
    visitor.start_at_bakery()
    visitor.sign_in(NEW_PASSWORD)
    visitor.type_code(email, newer_than=first)
    visitor.allow()


def test_refuse(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.page.click("#deny")
    expect(visitor.page.locator("#error")).to_have_text("access_denied")
    expect(visitor.page.get_by_text("That is fine")).to_be_visible()


def test_a_wrong_password_is_announced_and_keeps_the_address(visitor: Visitor) -> None:
    page = visitor.page
    visitor.start_at_bakery()
    visitor.sign_in("not the password")
    expect(page.get_by_role("alert")).to_contain_text("don’t match")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("[name=login]")).to_have_value(visitor.user.email)
    expect(page.locator("[name=password]")).to_have_attribute("aria-invalid", "true")
    page.fill("[name=password]", visitor.user.password)
    page.keyboard.press("Enter")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_a_forgotten_password_leads_on_to_the_app(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Forgot your password?")
    visitor.ask_for_new_password()
    visitor.type_code(visitor.user.email)
    visitor.sees("Choose a new password")
    visitor.page.fill("[name=password1]", NEW_PASSWORD)
    visitor.press("Save and sign in")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_each_tab_continues_its_own_request(visitor: Visitor) -> None:
    one, other = visitor, visitor.in_another_tab()
    site = site_at("https://app.example/landed")
    paths = [request_of(site, visitor.user, state=state)[0] for state in ("one", "other")]
    one.open(paths[0])
    other.open(paths[1])
    one.sign_in()
    one.page.click("#allow")
    other.sign_in()  # a stale form: the token has changed, and signing in is done already
    assert brought_back(one.page, site.url)["state"] == "one"
    assert brought_back(other.page, site.url)["state"] == "other"


def test_a_sign_up_left_unfinished_while_another_tab_signs_in(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Create an account")
    visitor.begin_sign_up()
    visitor.sees("Enter the code")
    other = visitor.in_another_tab()
    other.start_at_bakery()
    other.sign_in()
    other.allow()
    other.is_welcome_at_bakery()
    visitor.page.reload()
    visitor.is_welcome_at_bakery()


def test_back_and_reload_lead_on(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.page.reload()
    visitor.sign_in()
    visitor.sees("Continue to Bakery?")
    visitor.page.reload()
    visitor.sees("Continue to Bakery?")
    visitor.page.go_back()  # the sign-in page has nothing left to ask
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_back_when_all_is_done(visitor: Visitor) -> None:
    site = site_at("https://app.example/landed")
    path, state = request_of(site, visitor.user)
    visitor.open(path)
    visitor.sign_in()
    visitor.page.click("#allow")
    assert brought_back(visitor.page, site.url)["state"] == state
    for _ in range(2):  # the page that asked for consent, and the one that asked for a password
        visitor.page.go_back()
        visitor.sees("You are already signed in to Test app")
    assert "code=" not in visitor.page.url
    visitor.press("Open Test app")
    visitor.page.wait_for_url("https://app.example/")
    visitor.sees("Landed")
    assert Grant.objects.filter(user__email=visitor.user.email).count() == 1


def test_back_after_cancelling(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.page.click("#deny")
    expect(visitor.page.locator("#error")).to_have_text("access_denied")
    visitor.page.go_back()
    visitor.sees("This sign-in is already finished")
    visitor.press("Open Bakery")
    visitor.start_at_bakery()
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_a_code_of_the_app_leads_on_and_an_old_form_too(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.set_up_app()
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    one, other = visitor, visitor.in_another_tab()
    site = site_at("https://app.example/landed", first_party=True)
    for tab, state in ((one, "one"), (other, "other")):
        tab.open(request_of(site, visitor.user, state=state)[0])
        tab.sign_in()
        tab.sees("Enter your code")
    one.send_code(visitor.app.code(), "Sign in")
    assert brought_back(one.page, site.url)["state"] == "one"
    other.send_code("000000", "Sign in")  # a stale form: signing in is done already
    assert brought_back(other.page, site.url)["state"] == "other"


def test_a_form_gone_stale_shows_its_step_again(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    other = visitor.in_another_tab()
    other.open("/account/login/")
    other.sign_in()
    other.choose("Sign out")
    other.page.click("#confirm-logout")
    other.sees("You are signed out")
    visitor.sign_in()
    expect(visitor.page.get_by_role("status")).to_contain_text("try once more")
    visitor.sign_in()
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_a_request_that_expired_can_be_started_again(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    continues_at = parse_qs(urlsplit(visitor.page.url).query)["next"][0]
    interactions = Interaction.objects.filter(pk=continues_at.partition("interaction=")[2])
    assert interactions.update(arrived_at=timezone.now() - timedelta(hours=2)) == 1
    visitor.sign_in()
    visitor.sees("This page was open for too long")
    visitor.press("Start again with Bakery")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_asked_to_sign_in_once_more(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()
    site = site_at("https://app.example/landed", first_party=True)
    path, state = request_of(site, visitor.user, prompt="login")
    visitor.open(path)
    expect(visitor.page.get_by_text("Please confirm that it is you")).to_be_visible()
    expect(visitor.page.locator("[name=login]")).to_have_value(visitor.user.email)
    visitor.page.fill("[name=password]", visitor.user.password)
    visitor.press("Sign in")
    assert brought_back(visitor.page, site.url)["state"] == state


def test_not_you(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.press("Not you?")
    visitor.sees("Choose an account")
    visitor.press("Use another account")
    another = Visitor(visitor.page, make_user(), visitor.bakery)
    another.sign_in()
    expect(visitor.page.get_by_text(f"Signed in as {another.user.email}")).to_be_visible()
    another.allow()
    another.is_welcome_at_bakery()


@pytest.mark.parametrize("first_party", [False, True], ids=["consent", "sign-in"])
def test_a_callback_that_redirects_on_to_another_origin(
    visitor: Visitor, *, first_party: bool
) -> None:
    site = site_at("https://app.example/callback", first_party=first_party)
    path, state = request_of(site, visitor.user)
    visitor.open(path)
    visitor.sign_in()
    if not first_party:
        visitor.page.click("#allow")
    assert brought_back(visitor.page, "https://shop.example/landed")["state"] == state


def test_without_javascript(
    open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site
) -> None:
    visitor = Visitor(open_browser(java_script_enabled=False).new_page(), user, bakery)
    visitor.start_at_bakery()
    visitor.press("Deutsch")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "de")
    visitor.press("English")
    visitor.sign_in("not the password")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    visitor.sign_in()
    visitor.allow()
    visitor.is_welcome_at_bakery()
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    visitor.sees("You are signed out")


def test_accepting_an_invitation_whose_link_no_request_tells(visitor: Visitor) -> None:
    token = invitations.token_for(User.objects.get(email=visitor.user.email))
    told: list[str] = []
    visitor.page.on("request", lambda request: told.append(request.headers.get("referer", "")))
    visitor.open(f"/account/invitation/{token}/")
    visitor.press("Deutsch")
    expect(visitor.page.locator("html")).to_have_attribute("lang", "de")
    visitor.page.fill("[name=password1]", NEW_PASSWORD)
    visitor.page.locator("main button.primary").click()
    visitor.is_at_home()
    assert told
    assert not [referer for referer in told if token in referer]


def test_choosing_the_password_that_an_operator_requires_and_going_on(visitor: Visitor) -> None:
    operations.require_new_password(User.objects.get(email=visitor.user.email))
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.sees("Choose a new password")
    visitor.page.reload()
    visitor.page.fill("[name=password1]", NEW_PASSWORD)
    visitor.press("Save and continue")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_deleting_the_account_and_keeping_it_after_all(visitor: Visitor) -> None:
    site = site_at("https://app.example/landed", client_name="Florist")
    path, state = request_of(site, visitor.user)
    visitor.open(path)
    visitor.sign_in()
    visitor.page.click("#allow")
    brought_back(visitor.page, site.url)
    visitor.open("/account/")
    visitor.press("Your data")
    visitor.page.locator("main").get_by_role("link", name="Delete your account").click()
    visitor.page.click("#delete-account")
    visitor.sees("You are signed out")
    expect(visitor.page.get_by_role("status")).to_contain_text("will be deleted on")
    expect(visitor.page.locator(".facts")).to_contain_text("Florist")
    visitor.open(path)
    visitor.sign_in()
    visitor.sees("Keep your account?")
    visitor.page.reload()
    visitor.page.click("#keep")  # what the user allowed before is still allowed
    assert brought_back(visitor.page, site.url)["state"] == state


def test_an_address_is_changed_and_put_back(visitor: Visitor) -> None:
    user, new = visitor.user, f"{unique('new')}@example.com"
    visitor.open("/account/email/")
    visitor.sign_in()
    visitor.page.fill("[name=email]", new)
    visitor.press("Send code")
    visitor.send_code(mailed_code(new), "Change address")
    expect(visitor.page.get_by_role("status")).to_contain_text("is changed")
    visitor.open(urlsplit(mailed_link(user.email)).path)
    visitor.page.click("#undo")
    visitor.type_code(user.email)
    visitor.page.fill("[name=password1]", NEW_PASSWORD)
    visitor.page.locator("main button.primary").click()
    visitor.is_at_home()
    expect(visitor.page.locator("main")).to_contain_text(user.email)


def test_a_developer_finds_what_is_wrong_with_their_redirect_uri(visitor: Visitor) -> None:
    page = visitor.page
    site = owned_site("https://app.example/callback", visitor.user, client_name="Florist")
    visitor.open(request_of(site, visitor.user, redirect_uri=f"{site.url}/")[0])
    visitor.sees("We don’t know where this leads")
    reference = page.locator("strong.reference").inner_text()
    page.locator("summary").click()
    expect(page.locator("details").get_by_text(site.url, exact=True)).to_have_count(0)
    visitor.press("What to check")
    visitor.sees("invalid_request")
    visitor.press("sign in")
    visitor.sign_in()
    story = page.locator("section.notice")
    expect(story).to_contain_text(f"Reference {reference}")
    expect(story).to_contain_text("The path ends with / in one and not in the other.")
    visitor.open(request_of(site, visitor.user, redirect_uri=f"{site.url}/")[0])
    expect(page.locator("details .plain")).to_have_text(
        "The path ends with / in one and not in the other."
    )
    expect(page.locator("details").get_by_text(site.url, exact=True)).to_be_visible()
    visitor.press("What to check")
    visitor.press("Your apps")
    visitor.sees("Your apps")
    page.locator("summary").click()
    visitor.press(reference)
    expect(story).to_contain_text("GET /authorize")


def test_from_a_request_that_cannot_be_answered_back_to_the_app(visitor: Visitor) -> None:
    visitor.open(request_of(visitor.bakery, visitor.user, response_type=None, redirect_uri="x")[0])
    visitor.press("Back to Bakery")
    expect(visitor.page.locator("#sign-in")).to_be_visible()


def test_signing_out_all_the_same(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.open("/end_session?id_token_hint=x")
    visitor.sees("The app couldn’t sign you out")
    visitor.press("Sign out here")
    visitor.page.click("#confirm-logout")
    visitor.sees("You are signed out")


def test_a_telly_signs_in_by_the_code_that_it_shows(visitor: Visitor) -> None:
    """Its user opens the address with the code in it, approves, and signs it out later."""
    page, telly = visitor.page, Device(make_device_client())
    code = telly.shows(scope="openid profile")
    page.goto(telly.asked["verification_uri_complete"])
    visitor.sign_in()
    visitor.sees("Sign in to Telly on a device?")
    expect(page.locator(".device-code")).to_contain_text(code)
    expect(page.locator("#only-if-you")).to_contain_text("Approve only if you started this")
    expect(page.locator(".facts").first).to_contain_text(telly.address)
    expect(page.locator(".facts").nth(1)).to_contain_text("Ana Lima")
    assert telly.error() == "authorization_pending"
    page.click("#approve")
    visitor.sees("Look at your device")
    tokens = telly.tokens()
    visitor.press("Your devices")
    page.get_by_role("button", name=re.compile("^Sign out: .?Telly.? on a device$")).click()
    expect(page.get_by_role("status").first).to_contain_text("Signed out there")
    party = RelyingParty(telly.client, Browser(), visitor.user)
    assert party.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
