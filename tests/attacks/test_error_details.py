"""What errors tell, and to whom: registered addresses and events are not for every visitor.

RFC 9700 §4.1, ASVS 16.2.5.
"""

import json
import re
from collections.abc import Callable
from html import unescape

import httpx
import pytest
from django.contrib.auth.models import Permission
from django.core.serializers import serialize

from accounts.models import User
from idp.models import Client, Event
from tests.attacks.test_pages import SCRIPT, is_inert
from tests.relying_party import (
    ISSUER,
    REFERENCE,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    make_user,
    spec,
    unique,
)

NEAR = "https://app.example.com/callback/"
SECRET_PATH = "/an-address-that-others-must-not-learn"


def user_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def owned_by(user: EndUser | None, **metadata: object) -> Registered:
    client = make_client(
        redirect_uris=[f"https://app.example.com{SECRET_PATH}"],
        post_logout_redirect_uris=[f"https://app.example.com{SECRET_PATH}/bye"],
        **metadata,
    )
    if user is not None:
        Client.objects.filter(client_id=client.client_id).update(user=user_of(user))
    return client


def operator(*permissions: str, is_staff: bool = True, is_superuser: bool = False) -> EndUser:
    user = make_user()
    user_row = user_of(user)
    user_row.is_staff, user_row.is_superuser = is_staff, is_superuser
    user_row.save()
    user_row.user_permissions.set(
        Permission.objects.filter(content_type__app_label="idp", codename__in=permissions)
    )
    return user


def other_owner() -> EndUser:
    user = make_user()
    owned_by(user)
    return user


@pytest.fixture
def client() -> Registered:
    return owned_by(make_user())


def refused(client: Registered, viewer: EndUser | None) -> httpx.Response:
    """Return the error page for a near miss, as this user sees it."""
    with Browser() as browser:
        if viewer is not None:
            browser.sign_in(viewer)
        relying_party = RelyingParty(client, browser, viewer or make_user())
        return relying_party.visit(redirect_uri=NEAR)


def left(client: Registered, viewer: EndUser | None) -> httpx.Response:
    """Return the same for signing out."""
    with Browser() as browser:
        if viewer is not None:
            browser.sign_in(viewer)
        asked = {"client_id": client.client_id, "post_logout_redirect_uri": NEAR}
        return browser.get("/end_session", params=asked)


def story(reference: str, viewer: EndUser | None, code: str = "invalid_request") -> httpx.Response:
    """Return the page behind `error_uri`, as this user sees it."""
    with Browser() as browser:
        if viewer is not None:
            browser.sign_in(viewer)
        return browser.get(f"/developers/errors/{code}", params={"reference": reference})


def reference_on(page: httpx.Response) -> str:
    found = REFERENCE.search(page.text)
    assert found
    return found[0]


STRANGERS: dict[str, Callable[[], EndUser | None]] = {
    "nobody": lambda: None,
    "somebody": make_user,
    "another app's owner": other_owner,
    "staff without permission": operator,
    "permission without staff": lambda: operator("view_client", "view_event", is_staff=False),
    "superuser without staff": lambda: operator(is_staff=False, is_superuser=True),
}


@spec("RFC 9700", "4.1")
@pytest.mark.parametrize("viewer", [*STRANGERS, "staff who see events only"])
@pytest.mark.parametrize("ask", [refused, left])
def test_strangers_learn_no_registered_address(
    provider: object,
    client: Registered,
    ask: Callable[[Registered, EndUser | None], httpx.Response],
    viewer: str,
) -> None:
    user = STRANGERS[viewer]() if viewer in STRANGERS else operator("view_event")
    page = ask(client, user)
    assert page.status_code == 400
    assert SECRET_PATH not in page.text
    assert "differs" not in page.text.replace("how the address differs", "")
    assert SECRET_PATH not in story(reference_on(page), user).text


@spec("RFC 9700", "4.1")
@pytest.mark.parametrize("ask", [refused, left])
@pytest.mark.parametrize("viewer", ["owner", "operator", "superuser"])
def test_owner_and_operators_see_the_nearest_address(
    provider: object, ask: Callable[[Registered, EndUser | None], httpx.Response], viewer: str
) -> None:
    user = {
        "owner": make_user,
        "operator": lambda: operator("view_client"),
        "superuser": lambda: operator(is_superuser=True),
    }[viewer]()
    page = ask(owned_by(user if viewer == "owner" else None), user)
    assert f"https://app.example.com{SECRET_PATH}" in page.text
    assert "The path differs: /callback/ came" in page.text


@spec("ASVS", "8.2.2")
@pytest.mark.parametrize("viewer", [*STRANGERS, "staff who see apps only"])
def test_strangers_learn_nothing_of_an_event_not_even_whether_it_is_there(
    provider: object, client: Registered, viewer: str
) -> None:
    user = STRANGERS[viewer]() if viewer in STRANGERS else operator("view_client")
    reference, unknown = reference_on(refused(client, None)), "2222-2222"
    assert Event.objects.filter(reference=reference).exists()
    assert not Event.objects.filter(reference=unknown).exists()
    pages = [story(name, user) for name in (reference, unknown)]
    shown, nothing = (
        re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page.text).replace(name, "")
        for page, name in zip(pages, (reference, unknown), strict=True)
    )
    assert shown == nothing
    assert client.client_id not in shown
    assert "What came" not in shown


@spec("ASVS", "8.2.2")
@pytest.mark.parametrize("viewer", ["owner", "operator", "superuser"])
def test_owner_and_operators_read_the_story(provider: object, viewer: str) -> None:
    user = {
        "owner": make_user,
        "operator": lambda: operator("view_event"),
        "superuser": lambda: operator(is_superuser=True),
    }[viewer]()
    client = owned_by(user if viewer == "owner" else None)
    text = story(reference_on(refused(client, None)), user).text
    for told in (
        client.client_id,
        "GET /authorize",
        "OIDC Core §3.1.2.1",
        "clients.redirect_uris.verified",
        NEAR,
        "response_type",
    ):
        assert told in text
    assert (SECRET_PATH in text) == (viewer != "operator"), "that takes the right to see apps"


@spec("ASVS", "8.2.2")
def test_an_owner_reads_denials_alone_and_nothing_of_the_users(provider: object) -> None:
    owner, visitor = make_user(), make_user()
    with Browser() as browser:
        relying_party = RelyingParty(owned_by(owner), browser, visitor)
        relying_party.authorize_by_pages()
        page = relying_party.visit(redirect_uri=NEAR, login_hint=visitor.email)
    text = story(reference_on(page), owner).text
    assert NEAR in text
    assert visitor.email not in text
    assert visitor.sub not in text
    consented = Event.objects.get(
        kind=Event.Kind.CONSENTED, client_id=relying_party.client.client_id
    )
    assert "What came" not in story(consented.reference, owner).text
    signed_in = Event.objects.filter(kind=Event.Kind.SIGNED_IN, user=user_of(visitor)).latest("id")
    assert "openid" not in story(signed_in.reference, owner).text.partition("What to check")[0]


@spec("ASVS", "2.2.1")
@pytest.mark.parametrize(
    "query",
    [
        "reference=2222-222",
        "reference=2222-22222",
        "reference=2222-222I",
        "reference=2222-222a",
        "reference=%00",
        "reference=%ff",
        "reference=<script>",
        "reference=2222-2222&reference=2222-2222",
        "reference=2222-2222%0a",
        "reference[]=2222-2222",
        "reference=" + "2" * 5000,
    ],
)
def test_what_is_no_reference_is_ignored(provider: object, query: str) -> None:
    page = httpx.get(f"{ISSUER}/developers/errors/invalid_request?{query}", verify=False)
    assert page.status_code in {200, 400}
    assert "finds under this reference" not in page.text
    assert "<script>" not in page.text


@spec("ASVS", "1.2.1")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "resource", "scope", SCRIPT])
def test_what_came_is_text_wherever_it_is_shown(provider: object, name: str) -> None:
    user = operator(is_superuser=True)
    client = make_client(client_name=SCRIPT, client_uri="https://app.example.com/?a='\"<b>")
    with Browser() as browser:
        browser.sign_in(user)
        relying_party = RelyingParty(client, browser, user)
        asked = {"redirect_uri": "https://evil.example/", name: f"javascript:alert(1)//{SCRIPT}"}
        page = relying_party.visit(**asked)
        assert page.status_code == 400
        assert is_inert(page)
        told = browser.get(
            "/developers/errors/invalid_request", params={"reference": reference_on(page)}
        )
        assert "What came" in told.text
        assert is_inert(told)
    if name not in {SCRIPT, "client_id"}:  # a client_id that long is only measured
        assert SCRIPT in unescape(told.text)


@spec("ASVS", "1.2.1")
def test_the_names_of_apps_are_text_on_their_owners_page(provider: object) -> None:
    owner = make_user()
    client = owned_by(owner, client_name=SCRIPT)
    refused(client, None)
    with Browser() as browser:
        browser.sign_in(owner)
        page = browser.open("/developers/apps/")
    assert is_inert(page)
    assert SCRIPT in unescape(page.text)


@spec("RFC 9700", "4.11.2")
@pytest.mark.parametrize("client_uri", ["", "https://app.example.com/", "http://app.example/"])
@pytest.mark.parametrize("source", ["manual", "dcr", "cimd"])
@pytest.mark.parametrize("enabled", [True, False])
def test_the_way_back_is_an_address_that_an_operator_entered(
    browser: Browser, client_uri: str, source: str, *, enabled: bool
) -> None:
    client = make_client(client_uri=client_uri, enabled=enabled)
    Client.objects.filter(client_id=client.client_id).update(registration_source=source)
    asked = {"client_id": client.client_id, "redirect_uri": "https://evil.example/"}
    page = browser.get("/authorize", params=asked)
    links = re.findall(r'href="((?:https?|ftp):[^"]+)"', page.text)
    sound = client_uri.startswith("http") and source == "manual" and enabled
    assert links == [
        *([client_uri] if sound else []),
        *(link for link in links if link.startswith(f"{ISSUER}/developers/errors/")),
    ]
    assert ("Back to <bdi>Test app</bdi>" in page.text) == sound
    assert ("Go back to the app you came from" in page.text) == (not sound)


HIDDEN = [
    "client_secret",
    "code",
    "refresh_token",
    "code_verifier",
    "id_token_hint",
    "password",
    "token",
    "access_token",
    "state",
    "nonce",
    "login_hint",
    "username",
    "client_assertion",
    "request",
    "x",
]


def rows_since(event_id: int) -> str:
    """Return all that was recorded meanwhile, as text."""
    return serialize("json", Event.objects.filter(pk__gt=event_id).order_by("pk"))


def shown_by(page: httpx.Response) -> str:
    """Return a page but for the address that it was asked at, which the language switch needs."""
    return re.sub(r'<input type="hidden" name="next" value="[^"]*">', "", page.text)


@spec("ASVS", "16.2.5")
@pytest.mark.parametrize("name", HIDDEN)
def test_secrets_are_on_no_page_and_in_no_event(relying_party: RelyingParty, name: str) -> None:
    newest = Event.objects.latest("id").pk if Event.objects.exists() else 0
    secret = unique("hush")
    browser, client = relying_party.browser, relying_party.client
    asked = relying_party.parameters(redirect_uri="https://evil.example/", **{name: secret})
    leaving = {"client_id": client.client_id, "post_logout_redirect_uri": "x", name: secret}
    pages = [
        browser.get("/authorize", params=asked),
        browser.post("/authorize", data=asked),
        browser.get("/end_session", params=leaving),
        browser.post("/end_session", data=leaving),
    ]
    answers = [
        relying_party.token(**{"grant_type": "x", name: secret}),
        relying_party.token(**{"grant_type": "authorization_code", "code": "x", name: secret}),
        relying_party.post("/introspect", **{name: secret, "x": "y"}),
        relying_party.post("/revoke", **{name: secret, "x": "y"}),
        httpx.post(f"{ISSUER}/token", data={"client_id": client.client_id, name: [secret, secret]}),
        httpx.post(f"{ISSUER}/token", auth=(client.client_id, secret), data={"x": "y"}),
        httpx.get(f"{ISSUER}/userinfo?access_token={secret}", verify=False),
        httpx.get(f"{ISSUER}/userinfo", headers={"Authorization": f"Bearer {secret}"}),
    ]
    assert [page.status_code for page in pages] == [400] * 4
    for page in pages:
        assert secret not in shown_by(page)
    for answer in answers:
        assert secret not in answer.text
    rows = rows_since(newest)
    assert len(json.loads(rows)) >= 10
    assert secret not in rows
    assert "•••" in json.loads(rows)[0]["fields"]["details"]["parameters"].values().__repr__()


@spec("ASVS", "16.2.5")
def test_a_token_sent_where_names_belong_is_measured_only(provider: object) -> None:
    newest = Event.objects.latest("id").pk if Event.objects.exists() else 0
    token = "eyJ" + unique("hush") * 4
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    httpx.post(f"{ISSUER}/token", content=f"{token}=&{token}==", headers=form, verify=False)
    page = httpx.get(f"{ISSUER}/authorize?client_id=x&{token}==", verify=False)
    assert token not in shown_by(page)
    assert token not in rows_since(newest)


@spec("ASVS", "16.2.5")
def test_the_story_shows_what_the_event_has(provider: object) -> None:
    owner = make_user()
    client = owned_by(owner)
    secret = unique("hush")
    answer = httpx.post(
        f"{ISSUER}/token",
        auth=(client.client_id, secret),
        data={"grant_type": "authorization_code", "code": secret, "code_verifier": secret},
        verify=False,
    ).json()
    reference = answer["error_uri"].partition("reference=")[2]
    text = story(reference, owner, answer["error"]).text
    assert secret not in text
    assert f"••• ({len(secret)} characters)" in text
    assert "authorization_code" in text
