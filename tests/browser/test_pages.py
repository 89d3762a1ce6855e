"""Every page, for every eye and hand: axe's rules, narrow screens, large text, small targets."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.template.loader import render_to_string
from django.utils import timezone
from playwright.sync_api import expect

from accounts import invitations, operations
from accounts.allauth_door import social_accounts
from accounts.allauth_door.sign_ins import UPSTREAM
from accounts.models import UpstreamSession, User
from accounts.password_limits import UNKNOWN_BROWSERS
from foundation import rate_limits
from foundation.models import RateCount
from idp.models import Client, DataExport
from tests.asking import Desk, make_asking_client
from tests.browser.test_passkeys import Authenticator
from tests.browser.visitor import Site, Visitor, owned_site, request_of, site_at
from tests.conftest import ROOT, Server
from tests.devices import Device, make_device_client
from tests.introducing import introduced_before
from tests.registering import as_client, registered
from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    mailed_code,
    mailed_link,
    make_api,
    make_client,
    make_user,
    unique,
)
from tests.upstreams import make_upstream

REFRESHING = ["authorization_code", "refresh_token"]
AXE = ROOT / "tests/node_modules/axe-core/axe.min.js"


def consent(visitor: Visitor, scope: str) -> None:
    visitor.open(request_of(visitor.bakery, visitor.user, scope=scope)[0])
    visitor.sign_in()
    visitor.sees("Continue to Bakery?")


def access_denied(visitor: Visitor) -> None:
    """An app for a group that the user is not in."""
    closed = site_at("https://rp.example.com/", client_name="Bakery", allowed_groups=["bakers"])
    visitor.open(request_of(closed, visitor.user)[0])
    visitor.sign_in()
    visitor.sees("Your account may not use Bakery")


def answered(visitor: Visitor) -> None:
    """Back, after the app was answered."""
    visitor.start_at_bakery()
    address = visitor.page.url
    visitor.sign_in()
    visitor.allow()
    visitor.is_welcome_at_bakery()
    visitor.page.goto(address)
    visitor.sees("You are already signed in to Bakery")


def consent_for_apis(visitor: Visitor) -> None:
    """An app that wants a lot, at APIs with a name and without."""
    ovens = make_api(name="Ovens", scopes={unique("ovens"): "See which bread is baked today"})
    bank = make_api(scopes=[], identifier=f"https://{unique('accounts')}.bank.example.com")
    scope = " ".join(["openid", "profile", "email", "offline_access", *ovens["scopes"]])
    site = site_at(
        "https://rp.example.com/", client_name="Bakery", scope=scope, grant_types=REFRESHING
    )
    named = [api["identifier"] for api in (ovens, bank)]
    path, _ = request_of(site, visitor.user, scope=scope, resource=named)
    visitor.open(path)
    visitor.sign_in()
    visitor.sees("Continue to Bakery?")
    expect(visitor.page.locator(".facts")).to_contain_text("In your name at Ovens")
    expect(visitor.page.locator(".facts")).to_contain_text("bank.example.com")


def consent_that_looks_like_another(visitor: Visitor) -> None:
    """An app that registered itself under the name of one of ours, for a program on a device."""
    name = unique("Bakery ")
    make_client(client_name=name)
    uri = "http://127.0.0.1:51004/callback"
    native = {"application_type": "native", "token_endpoint_auth_method": "none"}
    information = registered(client_name=name.upper(), redirect_uris=[uri], **native)
    visitor.open(request_of(Site(uri, as_client(information)), visitor.user)[0])
    visitor.sign_in()
    visitor.sees(f"Continue to {name.upper()}?")
    expect(visitor.page.locator("#looks-like")).to_contain_text(f"This is not the app {name}")


def consent_by_document(visitor: Visitor) -> None:
    uri, name = "http://127.0.0.1:9/callback", unique("Assistant ")
    site = Site(uri, introduced_before(client_name=name, redirect_uris=[uri]))
    visitor.open(request_of(site, visitor.user)[0])
    visitor.sign_in()
    visitor.sees(f"Continue to {name}?")
    notice = visitor.page.locator(".notice")
    expect(notice).to_contain_text(f"comes from assistant.example and calls itself {name}")
    expect(notice).to_contain_text("a program on your device")


def device_code(visitor: Visitor) -> str:
    """The page for a device's code; returns a code to type there."""
    telly = Device(make_device_client())
    home(visitor)
    visitor.open("/device")
    visitor.sees("Sign in on a device")
    return telly.shows(scope="openid email offline_access")


def device_code_wrong(visitor: Visitor) -> None:
    device_code(visitor)
    visitor.page.fill("[name=user_code]", "BCDF-GHJK")
    visitor.press("Continue")
    visitor.page.get_by_role("alert").wait_for()


def device(visitor: Visitor) -> None:
    visitor.page.fill("[name=user_code]", device_code(visitor).lower())
    visitor.press("Continue")
    visitor.sees("Sign in to Telly on a device?")


def device_approved(visitor: Visitor) -> None:
    device(visitor)
    visitor.page.click("#approve")
    visitor.sees("Look at your device")


def sign_in_elsewhere(visitor: Visitor) -> None:
    """What an app asks that knows the user, with all that its page can have."""
    client = make_asking_client(client_name="Bakery", scope="openid profile email")
    desk = Desk(visitor.user, client).asks(scope="openid profile email")
    visitor.is_signed_in()
    visitor.open(desk.page)
    visitor.sees("Bakery asks you to sign in")


def sign_in_elsewhere_denied(visitor: Visitor) -> None:
    sign_in_elsewhere(visitor)
    visitor.press("Deny")
    visitor.sees("Nobody was let in")


def home_with_a_request(visitor: Visitor) -> None:
    Desk(visitor.user).asks()
    home(visitor)
    visitor.press("Look at it")
    visitor.sees("Helpdesk asks you to sign in")
    visitor.page.go_back()


def sign_in_with_error(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.sign_in("not the password")
    visitor.page.get_by_role("alert").wait_for()


def sign_in_once_more(visitor: Visitor) -> None:
    home(visitor)
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="login")[0])


def sign_up(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Create an account")
    visitor.sees("Create an account")


def sign_up_with_error(visitor: Visitor) -> None:
    sign_up(visitor)
    visitor.page.fill("[name=email]", f"{unique('new')}@example.com")
    visitor.page.fill("[name=password1]", "short")
    visitor.press("Send code")
    visitor.page.get_by_role("alert").wait_for()


def sign_up_code(visitor: Visitor) -> str:
    sign_up(visitor)
    email = visitor.begin_sign_up()
    visitor.sees("Enter the code")
    return email


def wrong_code(visitor: Visitor) -> None:
    sign_up_code(visitor)
    visitor.send_code("000000", "Continue")
    visitor.page.get_by_role("alert").wait_for()


def reset(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Forgot your password?")
    visitor.sees("Set a new password")


def reset_code(visitor: Visitor) -> None:
    reset(visitor)
    visitor.ask_for_new_password()
    visitor.sees("Enter the code")


def new_password(visitor: Visitor) -> None:
    reset_code(visitor)
    visitor.type_code(visitor.user.email)
    visitor.sees("Choose a new password")


def invitation(visitor: Visitor) -> None:
    user = User.objects.get(email=visitor.user.email)
    visitor.open(f"/account/invitation/{invitations.token_for(user)}/")
    visitor.sees("Choose a password")


def has_to_choose(visitor: Visitor) -> None:
    operations.require_new_password(User.objects.get(email=visitor.user.email))
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.sees("Choose a new password")


def has_to_choose_another(visitor: Visitor) -> None:
    has_to_choose(visitor)
    visitor.page.fill("[name=password1]", "too short")
    visitor.press("Save and continue")
    visitor.page.get_by_role("alert").wait_for()


def home(visitor: Visitor) -> None:
    visitor.is_signed_in()
    visitor.open("/account/")
    visitor.is_at_home()


def several_accounts(visitor: Visitor) -> None:
    home(visitor)
    visitor.press("Switch account")
    visitor.press("Use another account")
    other = Visitor(
        visitor.page, make_user(name="Benedetta Montefiori", given_name="Benedetta"), visitor.bakery
    )
    other.sign_in()
    visitor.open("/account/choose/")
    visitor.sees("Choose an account")


def choose_for_app(visitor: Visitor) -> None:
    several_accounts(visitor)
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="select_account")[0])
    visitor.sees("Choose an account")


def one_account_to_choose(visitor: Visitor) -> None:
    home(visitor)
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="select_account")[0])
    visitor.page.get_by_role("button", name="Use another account").wait_for()


def another_account(visitor: Visitor) -> None:
    home(visitor)
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="create")[0])
    visitor.sees("Create another account?")


def connected_apps(visitor: Visitor) -> None:
    for metadata in ({}, {"initiate_login_uri": "https://app.example/start"}):
        site = site_at("https://app.example/landed", client_name="Florist", **metadata)
        scope = "openid profile email address phone" if metadata else "openid"
        visitor.open(request_of(site, visitor.user, scope=scope)[0])
        if not metadata:
            visitor.sign_in()
        visitor.page.click("#allow")
        visitor.page.wait_for_url("https://app.example/**")
    visitor.open("/account/apps/")
    visitor.sees("Connected apps")


def sign_ins(visitor: Visitor) -> None:
    """Here with apps, at two other browsers with one; what one of them had was just ended."""
    connected_apps(visitor)
    client = make_client(grant_types=["authorization_code", "refresh_token"], client_name="Cobbler")
    for _ in range(2):
        with Browser() as elsewhere:
            RelyingParty(client, elsewhere, visitor.user).tokens(scope="openid offline_access")
    visitor.open("/account/sessions/")
    visitor.page.get_by_role("button", name="Sign out: ").first.click()
    visitor.sees("Devices")
    visitor.page.get_by_text("Can’t be told. Sign out there, too.").wait_for()


def some_signed_out(visitor: Visitor) -> None:
    several_accounts(visitor)
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    visitor.sees("You are signed out")


def with_app(visitor: Visitor) -> None:
    home(visitor)
    visitor.set_up_app()


def activity(visitor: Visitor) -> None:
    """Sign-ins, a failed one, a consent and a change."""
    visitor.start_at_bakery()
    visitor.sign_in("not the password")
    visitor.page.get_by_role("alert").wait_for()
    visitor.sign_in()
    visitor.allow()
    visitor.is_welcome_at_bakery()
    visitor.set_up_app()
    visitor.open("/account/activity/")
    visitor.sees("Activity")
    expect(visitor.page.locator("main")).to_contain_text("1 failed attempt to sign in")


def not_me(visitor: Visitor) -> None:
    activity(visitor)
    entry = visitor.page.get_by_role("listitem").filter(has_text="You signed in")
    entry.get_by_role("link").first.click()
    visitor.sees("This wasn’t me")


def changes_to_check(visitor: Visitor) -> None:
    activity(visitor)
    visitor.open("/account/not-me/?done=1")
    visitor.sees("Check what was changed")


def your_data(visitor: Visitor) -> None:
    """With exports that are ready, waited for, and failed."""
    home(visitor)
    user = User.objects.get(email=visitor.user.email)
    for made in ({"ready_at": timezone.now()}, {}, {"tries": 3}):
        DataExport.objects.create(user=user, **made)
    visitor.open("/account/data/")
    visitor.sees("Your data")
    DataExport.objects.filter(user=user).delete()


def two_steps(visitor: Visitor) -> None:
    home(visitor)
    visitor.press("Sign-in and security")
    visitor.sees("Sign-in and security")


def set_up_app(visitor: Visitor) -> None:
    two_steps(visitor)
    visitor.follow("Authenticator apps")
    visitor.sees("Set up an authenticator app")


def set_up_app_wrong_code(visitor: Visitor) -> None:
    set_up_app(visitor)
    visitor.scan()
    visitor.send_code(visitor.app.wrong_code(), "Turn on")
    visitor.page.get_by_role("alert").wait_for()


def in_two_steps(visitor: Visitor) -> None:
    with_app(visitor)
    visitor.press("I have saved them")
    visitor.sees("Sign-in and security")


def recovery_codes_again(visitor: Visitor) -> None:
    in_two_steps(visitor)
    visitor.follow("Recovery codes")
    visitor.page.get_by_text("not shown again").wait_for()


def authenticator_apps(visitor: Visitor) -> None:
    in_two_steps(visitor)
    visitor.follow("Authenticator apps")
    visitor.sees("Authenticator apps")


def rename_app(visitor: Visitor) -> None:
    authenticator_apps(visitor)
    visitor.press("Rename Authenticator app")
    visitor.sees("Rename the authenticator app")


def rename_app_badly(visitor: Visitor) -> None:
    rename_app(visitor)
    visitor.page.fill("[name=name]", "a\u202eb")
    visitor.press("Save")
    visitor.page.get_by_role("alert").wait_for()


def turn_off(visitor: Visitor) -> None:
    authenticator_apps(visitor)
    visitor.press("Remove Authenticator app")
    visitor.sees("Remove “Authenticator app”?")


def new_recovery_codes(visitor: Visitor) -> None:
    recovery_codes_again(visitor)
    visitor.press("Make new recovery codes")
    visitor.sees("Make new recovery codes?")


def turned_off(visitor: Visitor) -> None:
    turn_off(visitor)
    visitor.page.click("#remove-app")
    visitor.page.get_by_role("status").wait_for()


def trusted_browsers(visitor: Visitor) -> None:
    """This one, which was trusted when signing in again, and another."""
    with_app(visitor)
    visitor.open("/account/login/?fresh=1&next=/account/two-steps/browsers/")
    visitor.sign_in()
    visitor.page.get_by_label("Don’t ask again on this device").check()
    visitor.send_code(visitor.app.code(), "Sign in")
    visitor.sees("Trusted browsers")


def no_trusted_browsers(visitor: Visitor) -> None:
    in_two_steps(visitor)
    visitor.follow("Trusted browsers")
    visitor.sees("Trusted browsers")


def offered_passkey(visitor: Visitor) -> None:
    Authenticator(visitor.page).touches_by_itself(enabled=False)
    visitor.start_at_bakery()
    visitor.page.locator("[name=can_make_passkeys][value='1']").wait_for(state="attached")
    visitor.sign_in()
    visitor.sees("Sign in faster next time?")


def sign_up_by_passkey(visitor: Visitor) -> None:
    Authenticator(visitor.page)
    sign_up(visitor)
    visitor.press("Use a passkey instead of a password")
    expect(visitor.page.locator("[name=password1]")).to_have_count(0)


def first_passkey(visitor: Visitor) -> None:
    sign_up_by_passkey(visitor)
    email = f"{unique('new')}@example.com"
    visitor.page.fill("[name=email]", email)
    visitor.press("Send code")
    visitor.type_code(email)
    visitor.sees("Add your passkey")


def first_passkey_or_password(visitor: Visitor) -> None:
    first_passkey(visitor)
    visitor.page.locator("summary").click()
    visitor.page.fill("[name=password1]", "short")
    visitor.press("Save and continue")
    visitor.page.get_by_role("alert").first.wait_for()


def passkey_step(visitor: Visitor) -> None:
    """The second step of a user with a passkey alone."""
    with_passkey(visitor)
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="login")[0])
    visitor.sign_in()
    visitor.sees("Use your passkey")


def passkey_step_wrong_code(visitor: Visitor) -> None:
    passkey_step(visitor)
    visitor.page.locator("summary").click()
    visitor.page.fill("[name=code]", "12345678")
    visitor.press("Sign in")
    visitor.page.get_by_role("alert").wait_for()
    expect(visitor.page.locator("details")).to_have_attribute("open", "")
    expect(visitor.page.locator("main")).not_to_contain_text("your app")


def code_step(visitor: Visitor) -> None:
    with_app(visitor)
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="login")[0])
    visitor.sign_in()
    visitor.sees("Enter your code")


def code_step_wrong_code(visitor: Visitor) -> None:
    code_step(visitor)
    visitor.send_code(visitor.app.wrong_code(), "Sign in")
    visitor.page.get_by_role("alert").wait_for()
    visitor.page.locator("summary").click()


def add_passkey(visitor: Visitor) -> None:
    two_steps(visitor)
    visitor.follow("Passkeys")
    visitor.sees("Add a passkey")


def with_passkey(visitor: Visitor) -> None:
    home(visitor)
    device = Authenticator(visitor.page)
    visitor.open("/account/two-steps/passkeys/new/")
    visitor.page.fill("[name=name]", "Blue key")
    visitor.page.click("#add-passkey")
    visitor.sees("Recovery codes")
    device.touches_by_itself(enabled=False)
    visitor.open("/account/two-steps/")


def passkeys(visitor: Visitor) -> None:
    with_passkey(visitor)
    visitor.follow("Passkeys")
    visitor.sees("Passkeys")


def remove_passkey(visitor: Visitor) -> None:
    passkeys(visitor)
    visitor.press("Remove Blue key")
    visitor.sees("Remove “Blue key”?")


def step_up(visitor: Visitor) -> None:
    with_app(visitor)
    visitor.open("/account/login/more/?next=/account/")
    visitor.sees("Enter your code")


def step_up_by_passkey(visitor: Visitor) -> None:
    with_passkey(visitor)
    visitor.open("/account/login/more/?passkey=1&next=/account/")
    visitor.sees("Use your passkey")


def change_email(visitor: Visitor) -> None:
    home(visitor)
    visitor.page.get_by_role("link", name="Email").click()
    visitor.sees("Change your email address")


def change_email_code(visitor: Visitor) -> str:
    change_email(visitor)
    email = f"{unique('new')}@example.com"
    visitor.page.fill("[name=email]", email)
    visitor.press("Send code")
    visitor.sees("Enter the code")
    return email


def email_undo(visitor: Visitor) -> None:
    email = change_email_code(visitor)
    visitor.send_code(mailed_code(email), "Change address")
    expect(visitor.page.get_by_role("status")).to_contain_text("is changed")
    visitor.open(urlsplit(mailed_link(visitor.user.email)).path)
    visitor.sees("Put your address back?")


def email_undo_taken(visitor: Visitor) -> None:
    """The old address has gone to another account since."""
    email_undo(visitor)
    User.objects.filter(email=make_user().email).update(email=visitor.user.email)
    visitor.press("Put my address back")
    visitor.sees("Another account has this address")


def delete_account(visitor: Visitor) -> None:
    home(visitor)
    visitor.press("Your data")
    visitor.page.locator("main").get_by_role("link", name="Delete your account").click()
    visitor.sees("Delete your account?")


def keep_account(visitor: Visitor) -> None:
    delete_account(visitor)
    visitor.page.click("#delete-account")
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.sees("Keep your account?")


def sign_out(visitor: Visitor) -> None:
    home(visitor)
    visitor.choose("Sign out")
    visitor.sees("Sign out?")


def signed_out(visitor: Visitor) -> None:
    sign_out(visitor)
    visitor.page.click("#confirm-logout")
    visitor.sees("You are signed out")


def signed_out_of_apps(visitor: Visitor) -> None:
    home(visitor)
    for name, uri in (("Florist", "https://app.example/loaded"), ("Cobbler", "")):
        site = site_at("https://app.example/landed", client_name=name, frontchannel_logout_uri=uri)
        visitor.open(request_of(site, visitor.user)[0])
        visitor.page.click("#allow")
        visitor.page.wait_for_url("https://app.example/**")
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    visitor.sees("You are signed out")


def form_post(visitor: Visitor) -> None:
    """The page that goes to the app by itself, kept from doing so."""
    visitor.page.route(
        "**/form-post.js", lambda route: route.fulfill(body="", content_type="text/javascript")
    )
    site = site_at("https://app.example/callback", client_name="Bakery", first_party=True)
    visitor.open(request_of(site, visitor.user, response_mode="form_post")[0])
    visitor.sign_in()
    expect(visitor.page.locator("form#answer")).to_be_visible()
    visitor.sees("Taking you to Bakery…")


def wrong_request(visitor: Visitor) -> None:
    path, _ = request_of(visitor.bakery, visitor.user, redirect_uri="https://evil.example/")
    visitor.open(path)
    visitor.page.locator("summary").click()


def wrong_request_of_ones_own(visitor: Visitor) -> None:
    home(visitor)
    site = owned_site("https://app.example/callback", visitor.user, client_name="Florist")
    uri = "http://app.example:8443/Callback/?tenant=1"
    visitor.open(request_of(site, visitor.user, redirect_uri=uri)[0])


def what_happened(visitor: Visitor) -> None:
    wrong_request_of_ones_own(visitor)
    visitor.press("What to check")
    visitor.sees("invalid_request")


def apps(visitor: Visitor) -> None:
    wrong_request_of_ones_own(visitor)
    owned_site("https://quiet.example/callback", visitor.user, client_name="Quiet app")
    visitor.open("/developers/apps/")
    visitor.page.locator("summary").click()


def own_app_page(name: str) -> Callable[[Visitor], None]:
    """Lead an owner to a page of their app."""

    def lead(visitor: Visitor) -> None:
        home(visitor)
        site = owned_site("https://app.example/callback", visitor.user, client_name="Florist")
        row = Client.objects.get(client_id=site.client.client_id)
        visitor.open(f"/developers/apps/{row.pk}/{name}/")

    return lead


def tested_own_app(visitor: Visitor) -> None:
    own_app_page("test-sign-in")(visitor)
    visitor.page.click("#confirm")
    visitor.page.click("#allow")
    visitor.page.locator("#verdict").wait_for()


def new_secret(visitor: Visitor) -> None:
    own_app_page("secrets")(visitor)
    visitor.page.click("#make-secret")
    visitor.page.locator("#secret").wait_for()


def no_apps(visitor: Visitor) -> None:
    home(visitor)
    visitor.open("/developers/apps/")


def quick_start(visitor: Visitor) -> None:
    home(visitor)
    site = owned_site("https://app.example/callback", visitor.user, client_name="Florist")
    visitor.open(f"/developers/start/single-page-app/?client_id={site.client.client_id}")
    visitor.page.get_by_role("button", name="Copy").first.wait_for()


def inspected_token(visitor: Visitor) -> None:
    visitor.open("/developers/token/")
    visitor.page.fill("#token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4IiwiZXhwIjoxfQ.")
    visitor.sees("Token inspector")
    visitor.page.get_by_role("status").get_by_role("heading").wait_for()


def not_signed_out(visitor: Visitor) -> None:
    home(visitor)
    visitor.open("/end_session?id_token_hint=x")


def too_many_attempts(visitor: Visitor) -> None:
    """Ask for a sixth code within ten minutes."""
    for answer in ["Enter the code"] * 5 + ["Too many attempts"]:
        visitor.open("/account/password/reset/")
        visitor.ask_for_new_password()
        visitor.sees(answer)


def mailed_code_step(visitor: Visitor) -> None:
    """Type the right password after strangers have typed many wrong ones."""
    rate_limits.count((UNKNOWN_BROWSERS, visitor.user.email))
    RateCount.objects.filter(key=rate_limits._key((UNKNOWN_BROWSERS, visitor.user.email))).update(
        count=UNKNOWN_BROWSERS.allowed
    )
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.sees("Enter the code")


def mailed_code_wrong(visitor: Visitor) -> None:
    mailed_code_step(visitor)
    visitor.page.fill("[name=code]", "12345x")
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()
    visitor.page.get_by_role("alert").first.wait_for()


def email_code(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.press("Email me a code")
    visitor.sees("Sign in by email")
    expect(visitor.page.locator(".error-text")).to_have_count(0)


def email_code_step(visitor: Visitor) -> None:
    email_code(visitor)
    visitor.page.fill("[name=login]", visitor.user.email)
    visitor.press("Send code")
    visitor.sees("Enter the code")


def email_code_wrong(visitor: Visitor) -> None:
    email_code_step(visitor)
    visitor.send_code("000000", "Sign in")
    visitor.page.get_by_role("alert").wait_for()


def broken(visitor: Visitor) -> None:
    """The page for our own mistakes, which no address shows."""
    html = render_to_string("500.html", {"reference": "4f9a1c2b77de"})
    visitor.page.route(
        "**/broken", lambda route: route.fulfill(body=html, content_type="text/html")
    )
    visitor.open("/broken")


def connected_accounts(visitor: Visitor) -> None:
    """One that is connected, and at least one that is not."""
    for name in ("Other House", "Acme Ltd"):
        upstream = make_upstream(ISSUER, name=name)
    said = {"email": "ana@acme.example"}
    social_accounts.connect(user_row(visitor), upstream.slug, unique("sub"), said)
    home(visitor)
    visitor.open("/account/two-steps/accounts/")
    visitor.sees("Connected accounts")


def disconnect_account(visitor: Visitor) -> None:
    connected_accounts(visitor)
    visitor.page.get_by_role("link", name="Disconnect: Acme Ltd").click()
    visitor.sees("Disconnect Acme Ltd?")


def upstream_refused(visitor: Visitor) -> None:
    """An answer of an identity provider that this browser has not asked for."""
    upstream = make_upstream(ISSUER, name="Acme Ltd")
    visitor.open(f"/account/upstream/{upstream.slug}/callback?state=unknown")
    visitor.sees("This sign-in can’t go on")


def signed_out_here_alone(visitor: Visitor) -> None:
    """Having come from an identity provider, here this very server."""
    home(visitor)
    session = user_row(visitor).sessions.get(ended_at=None)
    upstream = make_upstream(ISSUER, name="Acme Ltd")
    came = {"method": UPSTREAM, "provider": upstream.slug, "uid": "a", "at": 1.0}
    session.methods = [came]
    session.save()
    UpstreamSession.objects.create(session=session, upstream=upstream, subject="a")
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    visitor.page.get_by_role("link", name="Also sign out at Acme Ltd").wait_for()


def user_row(visitor: Visitor) -> User:
    return User.objects.get(email=visitor.user.email)


def at(path: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.open(path)


PAGES: dict[str, Callable[[Visitor], Any]] = {
    "sign-in": Visitor.start_at_bakery,
    "sign-in-with-error": sign_in_with_error,
    "sign-in-once-more": sign_in_once_more,
    "sign-in-elsewhere": sign_in_elsewhere,
    "sign-in-elsewhere-denied": sign_in_elsewhere_denied,
    "home-with-a-request": home_with_a_request,
    "sign-up": sign_up,
    "sign-up-with-error": sign_up_with_error,
    "sign-up-code": sign_up_code,
    "sign-up-wrong-code": wrong_code,
    "reset": reset,
    "reset-code": reset_code,
    "new-password": new_password,
    "password-changed": at("/account/password/reset/done/"),
    "invitation": invitation,
    "invitation-over": at("/account/invitation/1:1xVjgs:x/"),
    "has-to-choose-password": has_to_choose,
    "has-to-choose-another": has_to_choose_another,
    "home": home,
    "several-accounts": several_accounts,
    "choose-for-app": choose_for_app,
    "one-account-to-choose": one_account_to_choose,
    "another-account": another_account,
    "connected-apps": connected_apps,
    "no-connected-apps": lambda visitor: (home(visitor), visitor.open("/account/apps/")),
    "sign-ins": sign_ins,
    "some-signed-out": some_signed_out,
    "activity": activity,
    "no-activity": lambda visitor: (home(visitor), visitor.open("/account/activity/?before=0-0")),
    "not-me": not_me,
    "not-me-signed-out": at("/account/not-me/"),
    "changes-to-check": changes_to_check,
    "your-data": your_data,
    "two-steps-off": two_steps,
    "two-steps-on": in_two_steps,
    "set-up-app": set_up_app,
    "set-up-app-wrong-code": set_up_app_wrong_code,
    "recovery-codes": with_app,
    "recovery-codes-again": recovery_codes_again,
    "new-recovery-codes": new_recovery_codes,
    "authenticator-apps": authenticator_apps,
    "rename-app": rename_app,
    "rename-app-badly": rename_app_badly,
    "trusted-browsers": trusted_browsers,
    "no-trusted-browsers": no_trusted_browsers,
    "offered-passkey": offered_passkey,
    "sign-up-by-passkey": sign_up_by_passkey,
    "first-passkey": first_passkey,
    "first-passkey-or-password": first_passkey_or_password,
    "passkey-step": passkey_step,
    "passkey-step-wrong-code": passkey_step_wrong_code,
    "passkeys": passkeys,
    "turn-off": turn_off,
    "turned-off": turned_off,
    "code-step": code_step,
    "code-step-wrong-code": code_step_wrong_code,
    "add-passkey": add_passkey,
    "with-passkey": with_passkey,
    "remove-passkey": remove_passkey,
    "step-up": step_up,
    "step-up-by-passkey": step_up_by_passkey,
    "change-email": change_email,
    "change-email-code": change_email_code,
    "email-undo": email_undo,
    "email-undo-taken": email_undo_taken,
    "email-undo-over": at("/account/email/undo/1:1xVjgs:x/"),
    "delete-account": delete_account,
    "keep-account": keep_account,
    "sign-out": sign_out,
    "signed-out": signed_out,
    "signed-out-of-apps": signed_out_of_apps,
    "signed-out-here-alone": signed_out_here_alone,
    "connected-accounts": connected_accounts,
    "disconnect-account": disconnect_account,
    "upstream-refused": upstream_refused,
    "inactive": at("/account/inactive/"),
    "answered": answered,
    "consent-few": lambda visitor: consent(visitor, "openid"),
    "consent-for-apis": consent_for_apis,
    "consent-that-looks-like-another": consent_that_looks_like_another,
    "consent-by-document": consent_by_document,
    "consent-many": lambda visitor: consent(visitor, "openid profile email address phone"),
    "device-code": device_code,
    "device-code-wrong": device_code_wrong,
    "device": device,
    "device-approved": device_approved,
    "not-admitted": access_denied,
    "form-post": form_post,
    "wrong-request": wrong_request,
    "wrong-request-of-ones-own": wrong_request_of_ones_own,
    "unknown-app": at("/authorize?client_id=unknown"),
    "not-signed-out": not_signed_out,
    "expired": at(f"/authorize?interaction={'a' * 43}"),
    "not-found": at("/nothing-here"),
    "too-many-attempts": too_many_attempts,
    "mailed-code": mailed_code_step,
    "mailed-code-wrong": mailed_code_wrong,
    "email-code": email_code,
    "email-code-step": email_code_step,
    "email-code-wrong": email_code_wrong,
    "broken": broken,
    "developers": at("/developers/"),
    "developers-quick-starts": at("/developers/start/"),
    "developers-search": at("/developers/search/?q=invalid"),
    "developers-errors": at("/developers/errors/"),
    "own-app-addresses": own_app_page("addresses"),
    "own-app-secrets": own_app_page("secrets"),
    "own-app-new-secret": new_secret,
    "own-app-test-sign-in": tested_own_app,
    "developers-programs": at("/developers/integrations/"),
    "developers-program": at("/developers/integrations/traefik/"),
    "developers-error": at("/developers/errors/invalid_request"),
    "developers-reference": at("/developers/errors/invalid_grant?reference=7KQ2-M9XD"),
    "what-happened": what_happened,
    "quick-start": quick_start,
    "token-inspector": inspected_token,
    "apps": apps,
    "no-apps": no_apps,
}


@pytest.fixture(params=[*PAGES, "sign-up-closed"])
def opened(request: pytest.FixtureRequest, visitor: Visitor) -> Visitor:
    """A visitor in front of each page in turn."""
    if request.param == "sign-up-closed":
        closed: Server = request.getfixturevalue("closed_provider")
        visitor.page.goto(f"{closed.issuer}/account/signup/")
        visitor.sees("Sign-up is closed")
    else:
        PAGES[request.param](visitor)
    visitor.page.wait_for_load_state()
    return visitor


def test_every_page_is_accessible(opened: Visitor) -> None:
    assert violations(opened) == []
    fits(opened)


def violations(opened: Visitor) -> list[str]:
    """Return what axe finds, all of its rules on; in dark, those that are about colours."""
    opened.page.emulate_media(color_scheme="light")
    found = _found(opened, "rules: {'target-size': {enabled: true}}")
    opened.page.emulate_media(color_scheme="dark")
    return found + [
        f"dark: {it}"
        for it in _found(
            opened, "runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}"
        )
    ]


def _found(opened: Visitor, rules: str) -> list[str]:
    if not opened.page.evaluate("'axe' in window"):
        opened.page.evaluate(AXE.read_text())
    # Without preload: it would put style sheets into the page, which our policy forbids. Details
    # are of violations only, which is faster.
    found = opened.page.evaluate(
        f"axe.run({{preload: false, resultTypes: ['violations'], {rules}}})"
    )
    return [
        f"{problem['id']}: {node['target']} {json.dumps(node['any'])[:600]}"
        for problem in found["violations"]
        for node in problem["nodes"]
    ]


def fits(opened: Visitor) -> None:
    """Nothing scrolls sideways on the narrowest screen, with text twice as large, or mirrored."""
    page = opened.page
    page.set_viewport_size({"width": 320, "height": 640})
    sideways = "document.scrollingElement.scrollWidth - innerWidth"
    assert page.evaluate(sideways) <= 0, "320 px"
    assert page.evaluate(SMALL_TARGETS) == []
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(sideways) <= 0, "text at 200 %"
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert page.evaluate(sideways) <= 0, "from right to left"
    assert page.evaluate(OUT_OF_SIGHT) == [], "from right to left"


SMALL_TARGETS = """
[...document.querySelectorAll('button, a.button, footer a, .aside a, .under a, summary, input')]
  .filter(element => element.checkVisibility() && element.type !== 'hidden')
  .map(element => element.type === 'checkbox' ? element.closest('label') : element)
  .filter(element => Math.min(element.getBoundingClientRect().width,
                              element.getBoundingClientRect().height) < 24)
  .map(element => element.outerHTML)
"""
OUT_OF_SIGHT = """
[...document.querySelectorAll('main button, main a, main input, main h1, footer *')]
  .filter(element => element.checkVisibility() && element.type !== 'hidden')
  .filter(element => element.getBoundingClientRect().left < 0
                     || element.getBoundingClientRect().right > innerWidth)
  .map(element => element.outerHTML)
"""
