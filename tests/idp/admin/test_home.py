"""The first page: figures from counts, health, and what needs whom."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import User
from foundation.models import Heartbeat, Mail
from idp.admin import attention, home
from idp.event_counts import hour_of, hours
from idp.models import Client, ClientSecret, Delivery, Event, EventCount
from tests.idp.admin.conftest import Operator
from tests.relying_party import make_client, unique

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    EventCount.objects.all().delete()
    yield
    EventCount.objects.all().delete()


def count(kind: str, hours_ago: int, number: int) -> None:
    at = hour_of(timezone.now()) - hours_ago * HOUR
    EventCount.objects.create(period="hour", begins_at=at, kind=kind, count=number)


def count_of_app(kind: str, client_id: str, number: int) -> None:
    day = hour_of(timezone.now()).replace(hour=0)
    EventCount.objects.create(
        period="day", begins_at=day, kind=kind, client_id=client_id, count=number
    )


def text(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def needs_of(client: Client) -> list[attention.Need]:
    request = type("Request", (), {"user": User(is_superuser=True)})()
    return [it for it in attention.needs(request, timezone.now()) if it.name == str(client)]


def client_called(name: str, **columns: Any) -> Client:
    client: Client = Client.objects.get(client_id=make_client(client_name=unique(name)).client_id)
    Client.objects.filter(pk=client.pk).update(**columns)
    client.refresh_from_db()
    return client


def test_the_figures_are_of_a_day_beside_the_day_before(support: Operator) -> None:
    count("signed-in", 0, 1000)
    count("signed-in", 23, 284)
    count("signed-in", 24, 1200)
    count("signed-in", 48, 7)
    count("denied", 30, 4)
    shown = text(support.open(""))
    assert "Sign-ins 1 284 ↑ 84 more" in shown
    assert "Denied requests 0 ↓ 4 fewer" in shown
    assert "Failed 0 as the day before" in shown


def test_the_drawing_has_a_table_that_says_the_same(support: Operator) -> None:
    count("signed-in", 2, 10)
    count("sign-in-failed", 2, 5)
    page = support.open("")
    at = hour_of(timezone.now()) - 2 * HOUR
    assert f"{at:%Y-%m-%d %H:%M} 10 5" in text(page)
    assert page.text.count('<rect class="bar') == page.text.count('<th scope="row">') == 24
    (bar,) = [bar for bar in home._bars(hours(timezone.now(), 24)) if bar.height]
    assert (bar.height, bar.failed_height) == (100, 50)


def test_busiest_apps_are_named_and_linked(support: Operator) -> None:
    client = client_called("Wiki")
    count_of_app("signed-in", client.client_id, 612)
    shown = support.open("")
    assert f'href="/admin/idp/client/{client.pk}/change/"' in shown.text
    assert "612" in text(shown)


def test_a_missing_worker_is_noticed(support: Operator) -> None:
    Heartbeat.objects.update_or_create(name="worker", defaults={"at": timezone.now()})
    assert "Worker running" in text(support.open(""))
    Heartbeat.objects.filter(name="worker").update(at=timezone.now() - timedelta(minutes=5))
    assert "Worker last seen 5 minutes ago" in text(support.open(""))
    Heartbeat.objects.all().delete()
    assert "Worker not seen yet" in text(support.open(""))
    assert "Look at this" in text(support.open(""))


def test_what_is_late_in_an_outbox_is_noticed(support: Operator) -> None:
    Delivery.objects.all().delete()  # those that other tests left
    Mail.objects.all().delete()
    client = client_called("Late")
    due = timezone.now() - timedelta(minutes=9)
    delivery = Delivery.objects.create(client=client, sub="x", sid="y", due_at=due)
    assert "Oldest due 9 minutes ago" in text(support.open(""))
    delivery.delete()
    assert "Oldest due" not in text(support.open(""))


def test_deployment_checks_are_for_superusers(support: Operator, superuser: Operator) -> None:
    """What is weak about the server is not for all of the staff."""
    assert "Deployment checks" not in text(support.open(""))
    assert "IDP_ISSUER is not an https address" in text(superuser.open(""))


def test_an_app_that_turns_users_away_is_shown_with_both_addresses(support: Operator) -> None:
    client = client_called("Bakery", redirect_uris=["https://bakery.example/callback"])
    parameters = {"redirect_uri": "https://bakery.example/callbakc"}
    Event.objects.create(
        kind="denied", client_id=client.client_id, times=5, details={"parameters": parameters}
    )
    count_of_app("denied", client.client_id, 5)
    (need,) = needs_of(client)
    assert need.what == "5 people were turned away"
    assert (need.came, need.registered) == ("/callbakc", "/callback")
    assert "/callbakc came, /callback is registered" in text(support.open(""))
    assert support.browser.get(need.address).status_code == 200


def test_a_foreign_address_is_not_recommended() -> None:
    """It may be an attacker's: only addresses at a registered host are near misses."""
    client = client_called("Bakery", redirect_uris=["https://bakery.example/callback"])
    parameters = {"redirect_uri": "https://evil.example/callback"}
    Event.objects.create(
        kind="denied", client_id=client.client_id, details={"parameters": parameters}
    )
    count_of_app("denied", client.client_id, 1)
    assert needs_of(client) == []


def secret(client: Client, **columns: Any) -> None:
    row = ClientSecret.objects.create(client=client, hashed=unique("x"))
    ClientSecret.objects.filter(pk=row.pk).update(**columns)


def test_secrets_that_expire_or_are_old_are_shown() -> None:
    now, day = timezone.now(), timedelta(days=1)
    cases: list[tuple[list[dict[str, Any]], str]] = [
        ([{"expires_at": now + 3 * day}], f"its secret expires on {now + 3 * day:%Y-%m-%d}"),
        ([{"created_at": now - 425 * day, "last_used_at": now}], "its secret is 14 months old"),
        ([{"expires_at": now + 3 * day}, {}], ""),
        ([{"expires_at": now - day}], ""),
        ([{"expires_at": now + 20 * day}], ""),
        ([{"created_at": now - 425 * day, "last_used_at": now - 90 * day}], ""),
        ([{}], ""),
    ]
    for number, (secrets, expected) in enumerate(cases):
        client = client_called(f"Case {number}")
        client.secrets.all().delete()
        for columns in secrets:
            secret(client, **columns)
        assert [need.what for need in needs_of(client)] == ([expected] if expected else []), number
        client.secrets.all().delete()


def test_invitations_that_end_are_shown(support: Operator) -> None:
    invited = User.objects.create_user(f"{unique('sam')}@example.com")
    made_at = timezone.now() - timedelta(days=6)
    User.objects.filter(pk=invited.pk).update(date_joined=made_at)
    assert invited.email in text(support.open(""))
    Event.objects.create(kind="admin-action", user=invited, reason="Send an invitation")
    assert invited.email not in text(support.open(""))


def test_what_was_given_up_is_shown(support: Operator) -> None:
    client = client_called("Deaf")
    now = timezone.now()
    failed = {"state": "failed", "done_at": now}
    delivery = Delivery.objects.create(
        client=client, sub="x", sid="y", last_problem="It answered 503.", **failed
    )
    mail = Mail.objects.create(template="x", recipient="a@b.example", last_problem="No.", **failed)
    shown = text(support.open(""))
    assert re.search(r"Sign-out notifications : \d+ given up It answered 503\.", shown)
    assert re.search(r"Emails : \d+ given up No\.", shown)
    delivery.delete()
    mail.delete()


def test_an_app_that_registered_itself_is_shown(support: Operator) -> None:
    client_id = unique("newcomer")
    Event.objects.create(kind="registered", client_id=client_id)
    assert client_id in text(support.open(""))


def test_staff_see_what_they_may_view_only(hire: Any) -> None:
    client = client_called("Secretive")
    secret(client, expires_at=timezone.now() + timedelta(days=1))
    count("signed-in", 0, 77)
    nosy = hire()
    shown = text(nosy.open(""))
    assert client.name not in shown
    assert "Sign-ins" not in shown
    assert "Deliveries" not in shown
    permission = Permission.objects.get(codename="view_event")
    User.objects.get(email=nosy.user.email).user_permissions.add(permission)
    shown = text(nosy.open(""))
    assert "Sign-ins 77" in shown
    assert client.name not in shown
    client.secrets.all().delete()


def test_first_steps_are_ticked_as_they_are_done(
    superuser: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from idp.models import Grant

    monkeypatch.setattr(home, "Grant", type("None", (), {"objects": Grant.objects.none()}))
    request = type("Request", (), {"user": User(is_superuser=True)})()
    Heartbeat.objects.filter(name="mail").delete()
    assert not next(home._first_steps(request)).done
    Heartbeat.objects.create(name="mail", at=timezone.now())
    machine = {"grant_types": ["client_credentials"], "response_types": [], "redirect_uris": []}
    names = [client.client_id for client in (make_client(**machine), make_client())]
    only = Client.objects.filter(client_id__in=names)
    monkeypatch.setattr(home, "Client", type("Two", (), {"objects": only}))
    steps = list(home._first_steps(request))
    assert [step.done for step in steps][:2] == [True, True]
    answers = {step.address: superuser.browser.get(step.address).status_code for step in steps}
    assert set(answers.values()) == {200}, answers
