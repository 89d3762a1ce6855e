"""Lists: what their searches find, and that what they show are words."""

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote

from accounts.models import Session, User
from idp.admin.events import _plain
from idp.models import (
    Client,
    Consent,
    Delivery,
    Event,
    InitialAccessToken,
    ResourceServer,
    Scope,
)
from tests.idp.admin.conftest import Operator, tab_of
from tests.introducing import introduced_before
from tests.relying_party import RelyingParty, make_api, make_client, make_user, unique


def results(page: Any) -> list[str]:
    """Return the rows of a list, as text."""
    rows = re.findall(r"<tr>(.*?)</tr>", page.text.partition("<tbody>")[2], re.DOTALL)
    return [re.sub(r"<[^>]+>", " ", row) for row in rows]


def test_every_list_opens_and_can_be_searched(superuser: Operator, relying_party: Any) -> None:
    relying_party.tokens()
    make_api()
    for model in admin.site._registry:
        path = f"{model._meta.app_label}/{model._meta.model_name}/"
        superuser.open(path)
        superuser.open(path, q="a")


def test_users_are_found_by_part_of_name_or_address(support: Operator) -> None:
    surname = unique("Okonkwo-SStraße")
    user = make_user(name=f"Chidi {surname}", given_name="Chidi", family_name=surname)
    name, _at, _domain = user.email.partition("@")
    for term in (surname[3:], surname.upper()[:7], f"{surname} chi", name[2:], user.sub):
        assert any(user.email in row for row in results(support.open("accounts/user/", q=term)))
    assert results(support.open("accounts/user/", q=f"{surname} nobody")) == []


def test_apps_are_found_by_part_of_name_id_or_host(support: Operator) -> None:
    word = unique("crumb")
    owner = make_user()
    client = make_client(client_name=f"Bakery {word} shop")
    row = Client.objects.get(client_id=client.client_id)
    row.redirect_uris = [f"https://{word}.example.com/callback"]
    row.user = User.objects.get(email=owner.email)
    row.save()
    for term in (f"{word} bak", word.upper(), f"{word}.example", row.client_id[2:], owner.email):
        assert any(row.client_id in found for found in results(support.open("idp/client/", q=term)))


def test_what_belongs_to_users_and_apps_is_found_by_their_names(
    support: Operator, relying_party: RelyingParty
) -> None:
    relying_party.exchange(relying_party.authorize_by_pages().code)
    word = unique("quay")
    user_row = User.objects.get(email=relying_party.user.email)
    user_row.name = f"Ana {word}"
    user_row.save()
    client = Client.objects.get(client_id=relying_party.client.client_id)
    client.name = f"App {word}app"
    client.save()
    Delivery.objects.create(client=client, sub="x", sid="y", state="failed")
    for path in ("accounts/session/", "idp/consent/", "idp/grant/", "idp/event/"):
        assert any(user_row.email in row for row in results(support.open(path, q=word[1:])))
    for path in ("idp/consent/", "idp/grant/", "idp/event/", "idp/delivery/"):
        assert results(support.open(path, q=f"{word}app".upper()))


@pytest.mark.parametrize(
    "typed",
    [
        *(str.lower, lambda it: it.replace("-", ""), lambda it: it.replace("-", " ").lower()),
        *(lambda it: f" {it} ", lambda it: it.replace("-", "–"), lambda it: it.replace("-", "_")),
    ],
)
def test_a_reference_is_found_however_it_is_typed(support: Operator, typed: Any) -> None:
    event = Event.objects.create(kind=Event.Kind.DENIED)
    assert len(results(support.open("idp/event/", q=typed(event.reference)))) == 1


def test_the_operator_is_who_changed_an_app(operator: Operator) -> None:
    owner = make_user()
    row = Client.objects.get(client_id=make_client().client_id)
    row.user = User.objects.get(email=owner.email)
    row.save()
    operator.save(tab_of(row.client_id, "name"), name="Renamed")
    (found,) = results(operator.open("idp/event/", client_id=row.client_id, kind__exact="changed"))
    assert operator.user.email in found
    assert owner.email not in found
    assert f"client {row.client_id}: client_name" in found


FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\0=1"),
    *(
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20SUM",
        "\u22121",
        "\ufe631",
    ),
    *("\u00a0=1", "\u200b=1", "\ufeff=1", "\u3000\uff1d1", "\u2028=1", "\u202e=1"),
    *("x;=1", "x,=1", "x\n=1", "x\t=1", "x|=1", "x; \u200b\uff1d1", ';"=1"', "x\r\n @1"),
]
#: What spreadsheets skip at the beginning of a cell, and what they then take for a formula.
SKIPPED = re.compile(r'["\s\x00-\x20\u200b\u202e\ufeff]*')
BEGINNINGS = set("=+-@\uff1d\uff0b\uff0d\uff20\u2212\ufe63")


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_wherever_cells_end(text: str, delimiter: str) -> None:
    """Read as a spreadsheet does in any country, with what it skips at a cell's beginning."""
    line = io.StringIO()
    csv.writer(line).writerow(["a", _plain(text), "b"])
    rows = csv.reader(re.split(r"[\r\n]+", line.getvalue()), delimiter=delimiter)
    begun = [SKIPPED.sub("", cell, count=1)[:1] for row in rows for cell in row]
    assert BEGINNINGS.isdisjoint(begun)


@pytest.mark.parametrize("text", ["", "bakery", "7KQ2-M9XD", "a = b", "https://x/?a=b", "5"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert _plain(text) == text


#: What says how a value is kept, not what it is.
RAW = re.compile(
    r">\s*(None|null|True|False)\s*<|\.\d{6}\b|\[\]|\{\}"
    r"|(\[|\{)(&#x27;|&quot;)|&quot;:|datetime\.|&lt;\w+ object"
)
NOT_SHOWN = re.compile(r"<(script|textarea|style|option|details)\b.*?</\1>", re.DOTALL)


def test_nothing_is_shown_as_it_is_kept(
    superuser: Operator, support: Operator, relying_party: RelyingParty
) -> None:
    relying_party.tokens()
    relying_party.exchange("unknown")
    user_row = User.objects.get(email=relying_party.user.email)
    client = Client.objects.get(client_id=relying_party.client.client_id)
    session = Session.objects.filter(user=user_row).first()
    assert session
    assert str(session).startswith(f"Session of {user_row.email} since")
    scope = Scope.objects.create(name=unique("scope"), description="", claims={"team": "groups"})
    superuser.save(f"idp/scope/{scope.pk}/change/", claims="")
    superuser.save(tab_of(client.client_id, "require_auth_time"), require_auth_time="on")
    token = InitialAccessToken.objects.create(name=unique("t"), hashed=unique("t"))
    rows: list[Any] = [user_row, session, client, token, scope]
    rows.append(Client.objects.get(client_id=introduced_before().client_id))
    rows.append(ResourceServer.objects.get(identifier=make_api()["identifier"]))
    rows += [
        Consent.objects.get(user=user_row),
        Delivery.objects.create(client=client, sub="x", sid="y", state="failed"),
    ]
    rows += Event.objects.order_by("-pk")[:6]
    models = admin.site._registry
    for operator in (superuser, support):
        for row in rows:
            path = f"{row._meta.app_label}/{row._meta.model_name}/{quote(row.pk)}/change/"
            check(operator.open(path).text, path)
        for model in models:
            for_superusers = model._meta.label_lower in {"auth.group", "accounts.upstream"}
            if for_superusers and operator is support:
                continue
            path = f"{model._meta.app_label}/{model._meta.model_name}/"
            check(operator.open(path).text, path)


def check(text: str, path: str) -> None:
    content = text.partition('<div id="content"')[2]
    content = re.sub(
        r"<(script|textarea|style|option|details)\b.*?</\1>", "", content, flags=re.DOTALL
    )
    content = re.sub(r"<[^>]+>", " ", content)
    found = RAW.search(content)
    assert not found, (path, content[max(0, found.start() - 80) : found.end() + 40])


def test_a_line_of_the_log_leads_to_all_who_are_in_it(support: Operator) -> None:
    """Who did it comes first, the user concerned beside them; then the app, if there is one."""
    actor, subject = (User.objects.get(email=make_user().email) for _ in range(2))
    client = Client.objects.get(client_id=make_client().client_id)
    event = Event.objects.create(
        kind="changed", actor=actor, user=subject, client_id=client.client_id
    )
    (line,) = rows_of(support.open("idp/event/", user=str(subject.pk)), event)
    assert re.findall(r'href="([^"]+)"', line) == [
        f"/admin/idp/event/{event.pk}/change/",
        f"/admin/accounts/user/{actor.pk}/change/",
        f"/admin/accounts/user/{subject.pk}/change/",
        f"/admin/idp/client/{client.pk}/change/",
    ]
    assert line.index(actor.email) < line.index(subject.email)


def test_an_app_that_does_not_exist_is_no_link(support: Operator) -> None:
    event = Event.objects.create(kind="denied", client_id=unique("<b>nobody"))
    (line,) = rows_of(support.open("idp/event/", client_id=event.client_id), event)
    assert "&lt;b&gt;nobody" in line
    assert "/admin/idp/client/" not in line


def rows_of(page: Any, event: Event) -> list[str]:
    """Return the lines of the log about an event, as HTML."""
    rows = re.findall(r"<tr>.*?</tr>", page.text.partition("<tbody>")[2], re.DOTALL)
    return [row for row in rows if event.reference in row]


def test_the_log_is_filtered_by_a_range_of_dates(support: Operator) -> None:
    client_id = unique("dated")
    for day in (1, 2, 3):
        at = datetime(2026, 2, day, 12, tzinfo=UTC)
        Event.objects.create(kind="denied", client_id=client_id, at=at, reason=f"Day {day}.")

    def days(**query: str) -> list[str]:
        page = support.open("idp/event/", client_id=client_id, **query)
        return sorted(set(re.findall(r"Day \d", page.text)))

    assert days(at__gte="2026-02-02", at__lt="2026-02-03") == ["Day 2"]
    assert days(at__gte="2026-02-02", at__lt="") == ["Day 2", "Day 3"]
    assert days(at__gte="", at__lt="") == ["Day 1", "Day 2", "Day 3"]
    for odd in ("yesterday", "2026-99-99 00:00:00+00:00"):
        answer = support.browser.get("/admin/idp/event/", params={"at__gte": odd})
        assert answer.status_code == 400
