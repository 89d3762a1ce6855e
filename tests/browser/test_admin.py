"""The administration as operators use it: every page accessible, and a journey across it."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote, urljoin

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from accounts.models import Session, User
from foundation.models import Brand
from idp.models import Client, Event, ResourceServer, Role, Scope, SigningKey
from tests.browser.test_pages import violations
from tests.browser.visitor import Site, Visitor, request_of
from tests.conftest import Server
from tests.introducing import introduced_before
from tests.relying_party import (
    ISSUER,
    REFERENCE,
    EndUser,
    Registered,
    RelyingParty,
    make_api,
    make_client,
    make_user,
    unique,
)
from tests.upstreams import make_upstream


@pytest.fixture
def operator(page: Page, bakery: Site) -> Visitor:
    """A superuser at a browser, in the administration."""
    visitor = Visitor(page, make_user(is_staff=True, is_superuser=True), bakery)
    visitor.open("/admin/")
    visitor.sign_in()
    visitor.sees("Home")
    return visitor


def first(model: type, **filters: object) -> int:
    row = model.objects.filter(**filters).order_by("-pk").first()
    assert row is not None
    return row.pk


def made_for(program: str) -> Client:
    """Return an app of a program of the catalogue."""
    client_id = make_client().client_id
    Client.objects.filter(client_id=client_id).update(integration=program)
    return Client.objects.get(client_id=client_id)


def role_of_somebody() -> Role:
    """Return a role that a group and one user have."""
    group, client = unique("ops"), make_client(roles={})
    role = Role.objects.create(client=Client.objects.get(client_id=client.client_id), name="admin")
    role.groups.add(Group.objects.create(name=group))
    role.users.add(User.objects.get(email=make_user().email))
    return role


ADMIN_PAGES: dict[str, Callable[[], str]] = {
    "first": lambda: "",
    "users": lambda: "accounts/user/",
    "user": lambda: f"accounts/user/{first(User, is_superuser=False)}/change/",
    "new-user": lambda: "accounts/user/add/",
    "disable": lambda: f"accounts/user/{first(User, is_superuser=False)}/action/disable/",
    "sessions": lambda: "accounts/session/",
    "session": lambda: f"accounts/session/{first(Session, ended_at=None)}/change/",
    "end-all": lambda: "accounts/session/end-all/",
    "apps": lambda: "idp/client/",
    "app": lambda: f"idp/client/{first(Client)}/change/",
    "access": lambda: f"idp/client/{first(Client)}/change/access/",
    "app-by-document": lambda: (
        f"idp/client/{first(Client, client_id=introduced_before().client_id)}/change/"
    ),
    "new-app": lambda: "idp/client/add/",
    "new-website": lambda: "idp/client/add/website/",
    "new-program": lambda: "idp/client/add/program/grafana/",
    "new-program-filled-in": lambda: (
        "idp/client/add/program/nextcloud/?base=https://cloud.example.org"
    ),
    "no-program": lambda: "idp/client/add/?q=nothing-like-this",
    "settings": lambda: f"idp/client/{made_for('vault').pk}/settings/",
    "new-app-at-once": lambda: "idp/client/add/everything/",
    "secrets": lambda: f"idp/client/{first(Client, client_type='confidential')}/secrets/",
    "new-role": lambda: "idp/role/add/",
    "users-of-a-role": lambda: f"idp/role/{role_of_somebody().pk}/users/",
    "roles-of-a-user": lambda: f"accounts/user/{role_of_somebody().users.get().pk}/roles/",
    "deliveries": lambda: "idp/delivery/",
    "preview": lambda: f"idp/client/{first(Client)}/preview/",
    "test-sign-in": lambda: (
        f"idp/client/{first(Client, grant_types=['authorization_code'])}/test-sign-in/"
    ),
    "findings": lambda: (
        "idp/client/"
        f"{first(Client, grant_types=['authorization_code'], profile='compatible')}/findings/"
    ),
    "previewed": lambda: (
        f"idp/client/{first(Client)}/preview/?scopes=openid&scopes=profile&scopes=address"
        f"&user={quote(User.objects.filter(is_superuser=False).order_by('-pk')[0].email)}"
    ),
    "events": lambda: "idp/event/",
    "found": lambda: "search/?q=example",
    "event": lambda: f"idp/event/{first(Event)}/change/",
    "new-api": lambda: "idp/resourceserver/add/",
    "delete": lambda: (
        f"idp/resourceserver/{first(ResourceServer, identifier=make_api()['identifier'])}/delete/"
    ),
    "keys": lambda: "idp/signingkey/",
    "key": lambda: f"idp/signingkey/{first(SigningKey, state='active')}/change/",
    "replace-key": lambda: f"idp/signingkey/{first(SigningKey, state='active')}/action/replace/",
    "new-token": lambda: "idp/initialaccesstoken/add/",
    "new-issuer": lambda: "idp/trustedissuer/add/",
    "new-upstream": lambda: "accounts/upstream/add/",
    "new-upstream-of-a-kind": lambda: "accounts/upstream/add/?kind=oidc",
    "upstream": lambda: (
        f"accounts/upstream/{make_upstream('https://login.example', enabled=False).pk}/change/"
    ),
    "workloads": lambda: f"idp/client/{first(Client, client_type='confidential')}/change/issuers/",
    "groups": lambda: "auth/group/",
    "group": lambda: f"auth/group/{first(Group, name='operators')}/change/",
    "members": lambda: f"auth/group/{role_of_somebody().groups.get().pk}/members/",
    "configuration": lambda: "configuration/",
}


@pytest.mark.parametrize("name", ADMIN_PAGES)
def test_every_page_is_accessible(operator: Visitor, name: str, user: EndUser) -> None:
    operator.open(f"/admin/{ADMIN_PAGES[name]()}")
    assert violations(operator) == []
    operator.page.set_viewport_size({"width": 320, "height": 640})
    sideways = "document.scrollingElement.scrollWidth - innerWidth"
    assert operator.page.evaluate(sideways) <= 0, "320 px"
    assert operator.page.evaluate(CUT_OFF) == [], "320 px"


#: Bytes of an admin page at the first visit: the page, styles, scripts and pictures.
HEAVIEST = 150_000


@pytest.mark.parametrize("name", ["first", "users", "events", "event", "new-user", "app", "access"])
def test_a_page_is_light_at_the_first_visit(operator: Visitor, name: str, user: EndUser) -> None:
    path = f"/admin/{ADMIN_PAGES[name]()}"
    session = operator.page.context.new_cdp_session(operator.page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    received: list[float] = []
    session.on("Network.loadingFinished", lambda end: received.append(end["encodedDataLength"]))
    operator.page.goto(ISSUER + path, wait_until="networkidle")
    assert len(received) > 5
    assert sum(received) <= HEAVIEST


def test_the_navigation_is_a_menu_on_a_telephone(operator: Visitor, bakery: Site) -> None:
    """Without scripts, too: the browser itself opens it."""
    page = operator.page
    page.set_viewport_size({"width": 360, "height": 780})
    operator.open("/admin/")
    expect(page.locator("#side")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    assert violations(operator) == []
    page.locator("#admin-menu").get_by_role("link", name="Events").click()
    operator.sees("Events")


#: What reaches out of its card, which hides it; tables scroll, lists don't.
CUT_OFF = """
[...document.querySelectorAll('#content :is(input, select, textarea, button, label, .help)')]
    .filter(it => it.offsetParent && !it.closest('.results, .table'))
    .concat([...document.querySelectorAll('#result_list tbody :is(th, td, a)')])
    .filter(it => it.getBoundingClientRect().right
        > (it.closest('.module, form') ?? document.body).getBoundingClientRect().right + 1)
    .map(it => it.outerHTML)
"""


@pytest.mark.smoke
def test_from_a_wrong_redirect_uri_to_a_right_one(
    operator: Visitor, open_browser: Callable, user: EndUser, bakery: Site
) -> None:
    """A developer reads the error page; the operator finds it by its reference, and helps."""
    wrong = "https://shop.example/callback/"
    site = Site(wrong, make_client(redirect_uris=["https://shop.example/callback"]))
    developer = Visitor(open_browser().new_page(), user, bakery)
    developer.open(request_of(site, user, redirect_uri=wrong)[0])
    developer.page.locator("summary").click()
    told = developer.page.locator("body").inner_text()
    assert wrong in told
    assert "https://shop.example/callback\n" not in told  # what is registered is not for strangers
    reference = REFERENCE.search(told)
    assert reference

    page = operator.page
    page.locator("#side").get_by_role("link", name="Events").click()
    operator.sees("Events")
    page.keyboard.press("/")
    page.keyboard.type(reference[0].replace("-", "").lower())
    page.keyboard.press("Enter")
    operator.sees("Search")
    page.get_by_role("link", name=reference[0]).click()
    story = page.locator("#content")
    expect(story).to_contain_text(wrong)
    expect(story).to_contain_text("OIDC Core §3.1.2.1")
    operator.open(f"/admin/idp/client/{first(Client, client_id=site.client.client_id)}/change/")
    page.get_by_role("region", name="Redirect URIs").get_by_role("link", name="Edit").click()
    bar = page.locator(".save-bar")
    expect(bar.get_by_role("button", name="Save")).not_to_be_in_viewport()
    page.get_by_label("Redirect URIs:", exact=True).fill(wrong)
    expect(bar).to_contain_text("Changes are not saved yet.")
    expect(bar.get_by_role("button", name="Save")).to_be_in_viewport()
    assert violations(operator) == []
    bar.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")

    developer.open(request_of(site, user, redirect_uri=wrong)[0])
    developer.sign_in()
    developer.page.click("#allow")
    developer.page.wait_for_url("https://shop.example/**")


def test_the_shortcut_of_the_search_can_be_switched_off(operator: Visitor) -> None:
    page = operator.page
    box = page.get_by_role("searchbox", name="Find a person, app or reference")
    operator.open("/admin/")
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.get_by_role("button", name="Menu").click()
    choice = page.get_by_role("button", name="Shortcut / for the search", pressed=True)
    choice.click()
    operator.open("/admin/idp/event/")
    page.keyboard.press("/")
    expect(box).not_to_be_focused()
    expect(box).to_have_value("")


def test_a_new_app_gets_its_secret_once(operator: Visitor, bakery: Site) -> None:
    """The kind is asked first, then what it needs; an address is checked while it is typed."""
    page, name = operator.page, unique("Shop")
    operator.open("/admin/idp/client/")
    page.get_by_role("link", name="Add app").click()
    page.get_by_role("link", name="Web app It runs on a server").click()
    page.get_by_label("Name:", exact=True).fill(name)
    addresses = page.get_by_label("Redirect URIs:", exact=True)
    addresses.fill("http://shop.example/callback")
    checked = page.locator("#id_redirect_uris_checked")
    expect(checked).to_contain_text("use https://")
    addresses.fill("https://shop.example/callback")
    expect(checked).to_have_text("Good: these can be registered.")
    page.get_by_role("button", name="Add app").click()
    operator.sees(f"The secret of {name}")
    secret = page.locator("#secret").inner_text()
    client_id = Client.objects.get(name=name).client_id
    site = make_client()
    site.client_id, site.secret = client_id, secret
    answer = RelyingParty(site, None, operator.user).token(grant_type="x")  # type: ignore[arg-type]
    assert answer.json()["error"] == "unsupported_grant_type"
    page.get_by_role("link", name="I have copied it").click()
    assert secret not in page.content()


def test_an_address_typed_before_the_script_is_loaded_is_checked(operator: Visitor) -> None:
    page = operator.page
    held: list[Route] = []
    page.route("**/check-form*.js", lambda route: held.append(route))
    operator.open("/admin/idp/client/add/")
    address = page.get_by_role("link", name="Web app It runs on a server").get_attribute("href")
    page.goto(urljoin(page.url, address), wait_until="commit")
    page.get_by_label("Redirect URIs:", exact=True).fill("http://shop.example/callback")
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    expect(page.locator("#id_redirect_uris_checked")).to_contain_text("use https://")


def test_a_program_needs_its_address_only(operator: Visitor) -> None:
    """It is searched for; then its settings are copied with the new secret in them."""
    page = operator.page
    operator.open("/admin/idp/client/add/")
    page.get_by_label("Search programs").fill("metrics")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Grafana").click()
    page.get_by_label("Address of Grafana:").fill("grafana.example.org")
    page.get_by_role("button", name="Next").click()
    addresses = page.get_by_label("Redirect URIs:", exact=True)
    expect(addresses).to_have_value("https://grafana.example.org/login/generic_oauth")
    page.get_by_role("button", name="Add app").click()
    operator.sees("The secret of Grafana")
    secret = page.locator("#secret").inner_text()
    settings = page.get_by_role("region", name="Put it into Grafana")
    expect(settings.locator("pre")).to_contain_text(f"client_secret = {secret}")
    expect(settings.get_by_role("button", name="Copy")).to_be_visible()
    assert violations(operator) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="Settings of Grafana").click()
    expect(page.locator("pre")).to_contain_text("client_secret = your-client-secret")


def test_the_tabs_of_an_app(operator: Visitor, user: EndUser) -> None:
    """Each is accessible and fits a telephone; a menu without a script has what is dangerous."""
    page, client = operator.page, make_client(grant_types=["authorization_code", "refresh_token"])
    operator.open(f"/admin/idp/client/{first(Client, client_id=client.client_id)}/change/")
    tabs = page.get_by_role("navigation", name="About this app").get_by_role("link")
    titles = tabs.all_inner_texts()
    assert len(titles) == 8
    for title in titles:
        page.get_by_role("navigation", name="About this app").get_by_role(
            "link", name=title, exact=True
        ).click()
        operator.sees("Test app")
        for group in page.locator("#content fieldset summary").all():
            group.click()
        assert violations(operator) == [], title
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0, title
        assert page.evaluate(CUT_OFF) == [], title
        page.set_viewport_size({"width": 1280, "height": 800})
    page.set_viewport_size({"width": 320, "height": 640})
    page.locator(".more-actions summary").focus()  # with the keyboard: the pointer is elsewhere
    page.keyboard.press("Enter")
    assert violations(operator) == []
    menu = page.locator(".more-actions > div").bounding_box()
    assert menu
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= 320
    page.get_by_role("link", name="Sign all users out").click()
    operator.sees("Sign all users out")


def test_a_new_app_is_tried_before_its_developer_has_written_a_line(operator: Visitor) -> None:
    page, name = operator.page, unique("Notes")
    operator.open("/admin/idp/client/add/single-page/")
    page.get_by_label("Name:", exact=True).fill(name)
    page.get_by_label("Redirect URIs:", exact=True).fill("https://notes.example/callback")
    page.get_by_role("button", name="Add app").click()
    page.get_by_role("link", name="Test sign-in").click()
    page.get_by_role("button", name="Test sign-in").click()
    operator.sees(f"Continue to {name}?")
    page.click("#allow")
    expect(page.locator("#verdict")).to_contain_text(
        f"It works: the app would sign in {operator.user.email}."
    )
    id_token = page.get_by_role("region", name="4. The ID token")
    expect(id_token).to_contain_text("Signature: right")
    expect(id_token).to_contain_text(operator.user.sub)
    assert violations(operator) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    page.reload()
    expect(page.locator("#content")).to_contain_text("That test is over")


def test_the_other_kinds_of_app_and_a_secret_in_exchange(operator: Visitor) -> None:
    """An app that keeps no secret gets none; a machine's is exchanged without a gap."""
    page, name, api = operator.page, unique("Shop"), make_api()

    def add(kind: str, **filled_in: str) -> Client:
        operator.open("/admin/idp/client/add/")
        page.get_by_role("link", name=kind).click()
        page.get_by_label("Name:", exact=True).fill(f"{name} {kind}")
        for label, text in filled_in.items():
            page.get_by_label(label, exact=True).fill(text)
        for box in page.get_by_role("checkbox", name=api["scopes"][0]).all():
            box.check()
        page.get_by_role("button", name="Add app").click()
        page.wait_for_url(lambda url: "/add/machine/" in url or "/change/" in url)
        return Client.objects.get(name=f"{name} {kind}")

    single_page = add("Single-page app", **{"Redirect URIs:": "https://shop.example/callback"})
    expect(page.locator(".messagelist")).to_contain_text("is ready")
    native = add("Native app", **{"Redirect URIs:": "http://127.0.0.1/callback"})
    for app in (single_page, native):
        assert (app.is_public, app.pkce_required, app.response_types) == (True, True, ["code"])
    assert native.application_type == "native"
    assert "refresh_token" in native.grant_types
    machine = add("Machine-to-machine client")
    secrets = [page.locator("#secret").inner_text()]
    assert machine.scopes == api["scopes"][:1]

    def works(secret: str) -> bool:
        registered = Registered(machine.client_id, secret, {})
        ask = RelyingParty(registered, None, operator.user).token  # type: ignore[arg-type]
        return ask(grant_type="client_credentials").is_success

    page.get_by_role("link", name="I have copied it").click()
    operator.press("Renew the secret")
    page.get_by_label("The present secret goes on for").select_option("7 days")
    operator.press("Make a new secret")
    secrets.append(page.locator("#secret").inner_text())
    assert [works(secret) for secret in secrets] == [True, True]
    page.get_by_role("link", name="I have copied it").click()
    operator.press("Renew the secret")
    page.get_by_role("row").nth(1).get_by_role("button", name="Remove").click()
    expect(page.locator(".messagelist")).to_contain_text("The secret no longer works.")
    assert [works(secret) for secret in secrets] == [False, True]


def test_disabling_a_user_with_the_keyboard_alone(operator: Visitor, user: EndUser) -> None:
    page = operator.page
    operator.open(f"/admin/accounts/user/{first(User, email=user.email)}/change/")
    page.locator(".more-actions summary").focus()
    page.keyboard.press("Enter")
    page.locator("[data-action=disable]").focus()
    page.keyboard.press("Enter")
    operator.sees("Disable")
    page.locator("#confirm").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Done: Disable")
    assert not User.objects.get(email=user.email).is_active


def test_a_role_is_given_by_suggestions(operator: Visitor, user: EndUser) -> None:
    page, role = operator.page, role_of_somebody()
    operator.open(f"/admin/idp/role/{role.pk}/users/")
    page.get_by_label("Email address").press_sequentially(user.email[:-6])
    offered = page.locator(f'#give-suggestions option[value="{user.email}"]')
    expect(offered).to_be_attached()
    page.get_by_label("Email address").fill(user.email)
    page.get_by_role("button", name="Give the role").click()
    expect(page.locator(".messagelist")).to_contain_text(f"Given to {user.email}")
    operator.open(f"/admin/accounts/user/{first(User, email=user.email)}/roles/")
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(".messagelist")).to_contain_text(f"Taken from {user.email}")
    page.get_by_label("Role", exact=True).press_sequentially(role.client.client_id)
    named = f"{role.client.client_id}: admin"
    expect(page.locator(f'#give-suggestions option[value="{named}"]')).to_be_attached()


def test_an_import_is_looked_at_and_agreed_to_after_signing_in_again(operator: Visitor) -> None:
    page, name = operator.page, unique("scope")
    operator.open("/admin/")
    page.get_by_role("link", name="Configuration").click()
    Scope.objects.create(name=name, description="One")
    file = {"name": "signet.yaml", "mimeType": "application/yaml"}
    content = (
        f"scopes: [{{name: {name}, description: Two}}]\n"
        f"users: [{{email: {name}@example.com, groups: [bakers], name: {'Ana' * 60}}}]"
    )
    page.get_by_label("File").set_input_files({**file, "buffer": content.encode()})
    Session.objects.filter(user__email=operator.user.email).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )
    page.get_by_role("button", name="Show what it would change").click()
    expect(page.locator("#content")).to_contain_text("'One' -> 'Two'")
    expect(page.locator("#confirm")).to_have_count(0)
    page.set_viewport_size({"width": 320, "height": 640})
    assert violations(operator) == []
    assert page.evaluate("document.scrollingElement.scrollWidth - innerWidth") <= 0
    page.get_by_role("link", name="Sign in again").click()
    operator.sign_in()
    page.get_by_role("button", name="Make these changes").click()
    expect(page.locator(".messagelist")).to_contain_text("The file is applied.")
    assert Scope.objects.get(name=name).description == "Two"


def test_the_first_visit_of_an_operator_sets_up_a_second_factor(
    page: Page, bakery: Site, strict_provider: Server
) -> None:
    """Where it is asked for, the way in leads through setting it up, and back."""
    user = make_user(is_staff=True, is_superuser=True)
    visitor = Visitor(page, user, bakery)
    page.goto(f"{strict_provider.issuer}/admin/idp/event/")
    visitor.sign_in()
    visitor.follow("Authenticator apps")
    visitor.turn_on_app()
    visitor.press("I have saved them")
    visitor.sees("Events")


#: What is pressed, with its height; a row of the list of filters is no button.
HEIGHTS = """
[...document.querySelectorAll(
    '.button, button, input[type=submit], .submit-row a, .object-tools a, .row-actions a'
)].filter(it => it.offsetParent && !it.matches('.theme-toggle, .person, .copy, .more-actions li a'))
  .map(it => [it.outerHTML.slice(0, 120), it.getBoundingClientRect().height])
"""


@pytest.mark.parametrize("name", ["users", "user", "app", "delete", "end-all", "events"])
def test_buttons_are_of_one_height(operator: Visitor, name: str, user: EndUser) -> None:
    operator.open(f"/admin/{ADMIN_PAGES[name]()}")
    heights = operator.page.evaluate(HEIGHTS)
    assert heights
    assert [it for it in heights if not 40 <= it[1] <= 42] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_and_deletion_look_like_nothing_else(operator: Visitor, scheme: str) -> None:
    """The ring is neutral; what deletes is neither as other buttons nor as the ring."""
    page = operator.page
    page.emulate_media(color_scheme=scheme)
    operator.open(f"/admin/{ADMIN_PAGES['delete']()}")
    deletes = colour(page, "#confirm", "backgroundColor")
    page.locator("#confirm").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    ring = colour(page, "#confirm", "outlineColor")
    operator.open("/admin/idp/scope/add/")
    primary = colour(page, ".submit-row input.default", "backgroundColor")
    page.get_by_role("button", name="Save", exact=True).click()
    wrong = colour(page, ".errornote", "borderTopColor")
    assert len({deletes, ring, primary, wrong}) == 4
    red, green, blue = map(int, re.findall(r"\d+", ring)[:3])
    assert max(red, green, blue) - min(red, green, blue) < 16


def colour(page: Page, selector: str, what: str) -> str:
    return page.locator(selector).evaluate(f"it => getComputedStyle(it).{what}")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_what_happened_is_in_the_window(operator: Visitor, width: int) -> None:
    page = operator.page
    page.set_viewport_size({"width": width, "height": 800})
    operator.open("/admin/idp/event/")
    for column in ("happened", "who", "moment"):
        box = page.locator(f"#result_list td.field-{column}").first.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_the_preview_of_the_appearance_follows_the_form(operator: Visitor) -> None:
    page = operator.page
    operator.open("/admin/foundation/brand/")
    page.get_by_label("Name").fill("<img src=x onerror=alert(1)>")
    page.get_by_label("Accent colour").fill("#00a0ff")
    preview = page.frame_locator("iframe[name=preview]")
    dark = preview.frame_locator("iframe[title='Sign-in, dark']")
    expect(dark.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    button = dark.get_by_role("button", name="Sign in", exact=True)
    expect(button).to_have_css("background-color", "rgb(0, 160, 255)")
    mail = preview.frame_locator("iframe[title='Email, light']")
    expect(mail.get_by_text("271828")).to_be_visible()
    assert violations(operator) == []
    assert not Brand.objects.exists()


def test_the_preview_of_an_app_follows_its_form(operator: Visitor) -> None:
    page, app = operator.page, make_client()
    row = Client.objects.get(client_id=app.client_id)
    operator.open(f"/admin/idp/client/{row.pk}/change/appearance/")
    page.get_by_label("Accent colour").fill("#00a0ff")
    dark = page.frame_locator("iframe[name=preview]").frame_locator("iframe[title='Sign-in, dark']")
    button = dark.get_by_role("button", name="Sign in", exact=True)
    expect(button).to_have_css("background-color", "rgb(0, 160, 255)")
    row.refresh_from_db()
    assert row.accent_color == ""
