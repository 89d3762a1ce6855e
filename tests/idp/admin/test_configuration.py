"""Import and export at a browser: what was shown is what is done, by superusers alone."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from accounts.models import Session, User
from idp.models import Client, Event, InitialAccessToken, Scope
from tests.idp.admin.conftest import Operator, events_of
from tests.idp.admin.test_recent_authentication import a_while_ago
from tests.relying_party import ISSUER, is_page, make_client, make_user, unique

PAGE = "configuration/"


def proposed(operator: Operator, text: str, **boxes: str):
    """Paste a file; return the page that shows its changes, or its problems."""
    return operator.browser.submit(operator.open(PAGE), "show", text=text, **boxes)


def uploaded(operator: Operator, content: bytes, **form: str):
    operator.open(PAGE)
    answer = operator.browser.post(
        f"/admin/{PAGE}",
        data={"csrfmiddlewaretoken": operator.browser.cookies["signet-csrf"], **form},
        files={"file": ("signet.yaml", content)},
        headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/{PAGE}"},
    )
    return operator.browser.settle(answer)


def a_scope(name: str, description: str) -> str:
    return f"scopes:\n  - name: {name}\n    description: {description}\n"


def test_a_file_is_shown_first_and_then_applied(superuser: Operator) -> None:
    name, secret = unique("scope"), "x" * 40
    client = make_client()
    text = (
        f"{a_scope(name, 'See bread')}clients:\n  - client_id: {client.client_id}\n"
        f"    client_name: Renamed\n    client_secret: {secret}\n"
        "    redirect_uris: [https://rp.example.com/callback]\n"
    )
    page = uploaded(superuser, text.encode())
    shown = html.unescape(page.text)
    assert f"+ scope {name}" in shown
    assert "client_name: 'Test app' -> 'Renamed'" in shown
    assert "Added: 1; Changed: 1" in shown
    assert secret not in shown
    assert not Scope.objects.filter(name=name).exists()
    assert events_of(superuser) == []
    done = superuser.browser.submit(page, "confirm")
    assert "Added: 1; Changed: 1" in done.text
    assert Client.objects.get(client_id=client.client_id).name == "Renamed"
    created, changed, whole = sorted(
        events_of(superuser), key=lambda event: event.kind == "admin-action"
    )
    assert {created.target, changed.target} == {f"scope {name}", f"client {client.client_id}"}
    assert {created.details["by"], changed.details["by"]} == {"import"}
    assert {created.client_id, changed.client_id} == {"", client.client_id}
    assert changed.session == Session.objects.get(user__email=superuser.user.email).pk
    assert created.ip_address
    assert whole.reason == "Imported a file. 1 added, 1 changed, 0 removed."
    assert "is here no longer" in superuser.browser.submit(page, "confirm").text


def test_only_what_was_shown_is_done(superuser: Operator) -> None:
    name = unique("scope")
    Scope.objects.create(name=name, description="One")
    page = proposed(superuser, a_scope(name, "Two"))
    assert "'One' -> 'Two'" in html.unescape(page.text)
    Scope.objects.filter(name=name).update(description="Three")
    again = superuser.browser.submit(page, "confirm")
    assert "something was changed since you saw this page" in again.text
    assert "'Three' -> 'Two'" in html.unescape(again.text)
    assert Scope.objects.get(name=name).description == "Three"
    superuser.browser.submit(again, "confirm")
    assert Scope.objects.get(name=name).description == "Two"


def test_an_import_that_was_stopped_shows_the_rest(superuser: Operator) -> None:
    """Another operator is faster with one of many changes, after some are made."""
    name, many = unique("scope"), 200
    page = proposed(
        superuser, yaml.safe_dump({"scopes": [{"name": f"{name}.{n}"} for n in range(many)]})
    )
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(superuser.browser.submit, page, "confirm")
        while not Scope.objects.filter(name=f"{name}.0").exists():
            assert not answer.done()
        Scope.objects.create(name=f"{name}.{many - 50}")
        rest = answer.result()
    made = Scope.objects.filter(name__startswith=name).count() - 1
    assert 0 < made < many - 1
    assert f"{made} of {many} changes are made; then another operator changed" in rest.text
    assert f"Added: {many - 1 - made}" in rest.text
    assert f"{made} added" in max(events_of(superuser), key=lambda event: event.pk).reason
    assert "The file is applied." in superuser.browser.submit(rest, "confirm").text
    assert Scope.objects.filter(name__startswith=name).count() == many


def test_all_problems_are_named_at_once(superuser: Operator) -> None:
    text = (
        "scopes:\n  - name: 'a b'\nusers:\n  - email: nobody@example.com\n    nme: x\n"
        "clients:\n  - client_id: a\n    redirect_uris: [http://example.com]\n"
    )
    said = html.unescape(proposed(superuser, text).text)
    for problem in ("scope a b", "unknown: nme", "It starts with http://"):
        assert problem in said


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "Choose a file, or paste its text."),
        (b"\xff", "This is not UTF-8."),
        (b"scopes: [", "This is neither YAML nor JSON"),
        (b"# " + b"x" * 256 * 1024, "too large for a browser"),
        (b"scopes: [" + b"{}, " * 501 + b"]", "too large for a browser"),
        (b"users: [" + b"{email: a, password: b}, " * 21 + b"]", "20 passwords"),
        (
            b"users: [{email: a@example.com, password: {env: DATABASE_URL}}]",
            "user a@example.com: password cannot come from the environment here",
        ),
    ],
    ids=["nothing", "binary", "broken", "large", "long", "passwords", "environment"],
)
def test_what_is_refused(superuser: Operator, content: bytes, problem: str) -> None:
    assert problem in html.unescape(uploaded(superuser, content).text)


def test_nothing_is_done_without_a_sign_in_of_the_last_minutes(superuser: Operator) -> None:
    name = unique("scope")
    page = proposed(superuser, a_scope(name, "One"))
    a_while_ago(superuser)
    led = superuser.browser.submit(page, "confirm")
    assert is_page(led, "/account/login/")
    assert not Scope.objects.filter(name=name).exists()
    back = superuser.browser.sign_in(superuser.user, led)
    assert back.url == page.url
    superuser.browser.submit(back, "confirm")
    assert Scope.objects.filter(name=name).exists()


def test_giving_rights_is_pointed_out(superuser: Operator) -> None:
    user = make_user()
    page = proposed(superuser, f"users: [{{email: {user.email}, is_superuser: true}}]")
    assert "It gives rights in this administration" in page.text
    superuser.browser.submit(page, "confirm")
    assert User.objects.get(email=user.email).is_superuser


def test_removing_is_asked_for_by_a_box(superuser: Operator) -> None:
    """Nothing goes for want of being named, unless the box is ticked."""
    name = unique("token")
    superuser.save("idp/initialaccesstoken/add/", name=name)
    nothing = "initial_access_tokens: []"
    assert "Nothing to change." in proposed(superuser, nothing).text
    page = proposed(superuser, nothing, prune="on")
    assert f"- initial access token {name}" in page.text
    assert 'class="danger"' in page.text
    assert InitialAccessToken.objects.filter(name=name).exists()


def test_an_export_is_what_can_be_imported(superuser: Operator) -> None:
    client = make_client()
    query: dict[str, Any] = {"lists": ["clients", "scopes"], "form": "yaml"}
    answer = superuser.browser.get("/admin/configuration/export/", params=query)
    named = answer.headers["Content-Disposition"]
    assert re.search(r'filename="configuration-\d{8}-\d{4}\.yaml"', named)
    exported = yaml.safe_load(answer.text)
    assert set(exported) == {"clients", "scopes"}
    entry = next(e for e in exported["clients"] if e["client_id"] == client.client_id)
    assert "client_secret" not in entry
    assert events_of(superuser)[-1].kind == Event.Kind.EXPORTED
    page = proposed(superuser, yaml.safe_dump({"clients": [entry]}))
    assert "Nothing to change." in page.text
    assert 'id="confirm"' not in page.text


def test_operators_who_are_no_superusers_can_do_neither(
    operator: Operator, superuser: Operator
) -> None:
    name = unique("scope")
    page = proposed(superuser, a_scope(name, "One"))
    assert "/admin/configuration/" not in operator.open("").text
    for path in ("", "export/?lists=scopes&form=yaml", "import/x/"):
        assert operator.browser.get(f"/admin/{PAGE}{path}").status_code == 403
    assert operator.browser.get(str(page.url)).status_code == 403
    other = User.objects.filter(email=operator.user.email)
    other.update(is_superuser=True)
    assert "is here no longer" in operator.browser.open(str(page.url)).text
