"""Operators end all users' sessions, and an app's part in them; apps are notified."""

import re

from django.core.management import call_command

from accounts.models import Session
from idp.models import Client, Delivery
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import Browser, RelyingParty, is_page, make_client, make_user, unique


def told_app(browser: Browser, foreign_site: Elsewhere) -> RelyingParty:
    path = foreign_site.says(f"/{unique('told')}", b"")
    return RelyingParty(make_client(backchannel_logout_uri=path), browser, make_user())


def test_signing_all_users_out_of_an_app(
    operator: Operator, browser: Browser, foreign_site: Elsewhere
) -> None:
    app = told_app(browser, foreign_site)
    tokens = app.tokens()
    client = Client.objects.get(client_id=app.client.client_id)
    path = f"idp/client/{client.pk}/"
    assert "It takes part in sessions: 1." in operator.open(f"{path}action/sign-out/").text
    operator.run_action(f"{path}change/", "sign-out")
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert is_page(browser.open("/account/"), "/account/")
    call_command("worker", "--once")
    assert Delivery.objects.get(client=client).state == Delivery.State.DELIVERED
    again = app.tokens()
    operator.run_action(f"{path}change/", "revoke")
    assert app.userinfo(again["access_token"]).status_code == 401
    assert Delivery.objects.filter(client=client).count() == 2
    assert [event.client_id for event in events_of(operator)] == [client.client_id] * 2


def test_signing_all_users_out(
    superuser: Operator, operator: Operator, browser: Browser, foreign_site: Elsewhere
) -> None:
    """Operators sign out everyone but staff; a superuser everyone."""
    app = told_app(browser, foreign_site)
    app.tokens()
    page = operator.open("accounts/session/")
    assert "/admin/accounts/session/end-all/" in page.text
    question = operator.open("accounts/session/end-all/")
    assert re.search(r"Sessions that are live: [1-9]", question.text)
    done = operator.browser.submit(question)
    assert "Sessions ended: " in done.text, "the operator is still here"
    assert not is_page(browser.open("/account/"), "/account/")
    live = Session.objects.filter(ended_at=None)
    assert all(session.user.is_staff or session.user.is_superuser for session in live)
    assert {superuser.user.email, operator.user.email} <= {session.user.email for session in live}
    superuser.browser.submit(superuser.open("accounts/session/end-all/"))
    assert [session.user.email for session in live.all()] == [superuser.user.email]
    assert Delivery.objects.filter(client__client_id=app.client.client_id).count() == 1
    [event] = events_of(operator)
    assert event.target == "all sessions"
    assert re.fullmatch(r"Sign all users out: [1-9]\d*\.", event.reason)


def test_whoever_only_looks_ends_nothing(support: Operator) -> None:
    assert "end-all" not in support.open("accounts/session/").text
    assert support.browser.open("/admin/accounts/session/end-all/").status_code == 403
