"""A person's page, what support does there, groups in words, and events that lead to sessions."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from accounts import password_limits
from accounts.devices import words_for
from accounts.models import Session, User
from accounts.second_factor import is_set_up
from foundation import rate_limits
from idp.models import Client, Event
from tests.idp.admin.conftest import Operator, events_of
from tests.idp.admin.test_staff import send, with_token
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_link,
    make_client,
    make_user,
    make_user_with_app,
    unique,
    was_mailed,
)

NEW_PASSWORD = "nine quiet herons on ice"


def row_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def page_of(user: EndUser) -> str:
    return f"accounts/user/{row_of(user).pk}/change/"


def action(user: EndUser, name: str) -> str:
    return f"accounts/user/{row_of(user).pk}/action/{name}/"


def links_in(text: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', text)


def headings(page: Any) -> set[str]:
    return set(re.findall(r'<h2 id="([a-z-]+)"', page.text))


def test_a_persons_page_tells_what_support_is_asked_about(
    support: Operator, hire: Any, relying_party: RelyingParty
) -> None:
    relying_party.tokens()
    user = row_of(relying_party.user)
    session = Session.objects.get(user=user)
    page = support.open(page_of(relying_party.user))
    assert headings(page) >= {"sign-in-methods", "devices", "apps", "groups-and-roles"}
    text = html.unescape(page.text)
    for link in (
        f"/admin/accounts/session/{session.pk}/change/",
        f"/admin/accounts/session/{session.pk}/action/end/",
        f"/admin/idp/client/{Client.objects.get(client_id=relying_party.client.client_id).pk}/",
        f"/admin/idp/event/{Event.objects.filter(user=user, kind='signed-in').get().pk}/change/",
    ):
        assert link in text
    assert "/action/withdraw/" not in text, "support withdraws no consent"
    # Whoever may see people alone sees no devices, apps, roles or events of theirs.
    watcher = hire()
    row_of(watcher.user).user_permissions.add(Permission.objects.get(codename="view_user"))
    page = watcher.open(page_of(relying_party.user))
    assert headings(page).isdisjoint({"devices", "apps", "last-events"})
    assert session.pk not in page.text


def test_support_unlocks_sends_a_reset_and_ends_sessions(
    support: Operator, user: EndUser, browser: Browser
) -> None:
    browser.sign_in(user)
    counted = (password_limits.UNKNOWN_BROWSERS, user.email)
    for _ in range(password_limits.UNKNOWN_BROWSERS.allowed):
        rate_limits.count(counted)
    support.run_action(page_of(user), "unlock")
    rate_limits.check(counted)  # does not raise any more
    support.run_action(page_of(user), "end-sessions")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert is_page(browser.type_password(user), "/account/")
    support.run_action(page_of(user), "send-reset")
    with Browser() as elsewhere:
        page = elsewhere.open(mailed_link(user.email))
        assert is_page(elsewhere.submit(page, password1=NEW_PASSWORD), "/account/")
        assert elsewhere.open(mailed_link(user.email)).status_code == 410, "it works once"
    assert is_page(browser.open("/account/"), "/account/login/"), "the new password signs out"
    reasons = [(event.kind, event.user, event.reason) for event in events_of(support)]
    did = ("Unlock", "End all sessions", "Send a password reset")
    assert reasons == [("admin-action", row_of(user), reason) for reason in did]


def test_support_removes_a_lost_second_factor_for_a_reason(
    support: Operator, browser: Browser
) -> None:
    user = make_user_with_app()
    browser.sign_in(user)
    assert user.app
    question = support.open(action(user, "remove-factors"))
    for empty in ("", "   ", "\u200b", "x" * 501):
        refused = support.browser.submit(question, reason=empty)
        assert 'id="reason-problem"' in refused.text
    assert is_set_up(row_of(user))
    assert events_of(support) == []
    support.browser.submit(question, reason="Lost phone, called back <b>at work</b>")
    assert not is_set_up(row_of(user))
    assert is_page(browser.open("/account/"), "/account/login/")
    assert is_page(browser.type_password(user), "/account/")
    assert was_mailed(user.email, "second step of signing in was removed")
    done = events_of(support)
    assert {event.user for event in done} == {row_of(user)}
    assert [event.kind for event in done[:-1]] == ["factor-removed"] * (len(done) - 1)
    assert done[-1].details["typed_reason"] == "Lost phone, called back <b>at work</b>"
    listed = support.open("idp/event/", user=str(row_of(user).pk)).text
    assert "called back &lt;b&gt;at work" in listed
    assert "at work" not in browser.open("/account/activity/").text, "it is for operators"


def test_nobody_resets_who_has_more_rights(
    support: Operator, operator: Operator, superuser: Operator
) -> None:
    above = make_user_with_app(is_staff=True, is_superuser=True)
    other = make_user_with_app(is_staff=True, groups=["operators"])
    for attacker, victim in (
        *((support, above), (support, other), (operator, above)),
        *((operator, other), (support, support.user), (superuser, superuser.user)),
    ):
        with_token(attacker)
        for name in ("remove-factors", "send-reset", "end-sessions", "unlock"):
            assert attacker.browser.get(f"/admin/{action(victim, name)}").status_code == 403
            answer = send(attacker, action(victim, name), reason="Urgent")
            assert answer.status_code == 403
        assert events_of(attacker) == []
    assert is_set_up(row_of(above))
    assert is_set_up(row_of(other))


def test_what_staff_may_do_is_chosen_in_words(superuser: Operator, operator: Operator) -> None:
    group = Group.objects.create(name=unique("team"))
    odd = Permission.objects.get(codename="add_client", content_type__app_label="idp")
    odder = Permission.objects.get(codename="view_session", content_type__app_label="sessions")
    group.permissions.add(odd, odder)
    path = f"auth/group/{group.pk}/change/"
    page = superuser.open(path)
    assert len(re.findall(r'name="powers"', page.text)) < 30
    assert 'name="permissions"' not in page.text
    superuser.save(path, powers=["unlock", "see-events"])
    held = {"view_user", "unlock_user", "send_reset_user", "view_event"}
    assert codes(group) == held | {"add_client", "view_session"}, "the others stay"
    event = events_of(superuser)[-1]
    assert event.details["changes"]["permissions"][1] == sorted(codes(group))
    page = superuser.open(path)
    assert re.findall(r'value="([a-z-]+)"[^>]*checked', page.text) == [
        "see-people",
        "unlock",
        "see-events",
    ]
    superuser.save(path, powers=["see-people"], taken="idp.add_client")
    assert codes(group) == {"view_user", "view_session"}
    # A member of staff has it in words on their page, and it holds.
    member = row_of(operator.user)
    member.groups.set([group])
    text = superuser.open(page_of(operator.user)).text
    assert "See people" in text
    assert "view session" in text
    assert send(operator, path, powers="edit-people").status_code == 403
    assert codes(group) == {"view_user", "view_session"}


def codes(group: Group) -> set[str]:
    return set(group.permissions.values_list("codename", flat=True))


def test_a_group_shows_its_members_and_the_apps_that_it_opens(
    superuser: Operator, hire: Any, user: EndUser
) -> None:
    group = Group.objects.create(name=unique("team"))
    opened = make_client(allowed_groups=[group.name])
    make_client(allowed_groups=["another"])
    path = f"auth/group/{group.pk}/"
    members = superuser.open(f"{path}members/")
    superuser.browser.submit(members, give=user.email)
    assert row_of(user).groups.get() == group
    event = events_of(superuser)[-1]
    assert (event.user, event.details["changes"]) == (
        row_of(user),
        {"groups": [[], [group.name]]},
    )
    page = superuser.open(f"{path}change/").text
    assert user.email in page
    assert re.findall(r"<code>([^<]+)</code>", page.partition('id="opens"')[2]) == [
        opened.client_id
    ]
    assert user.email in superuser.open(f"{path}members/", q=user.email[:12]).text
    assert user.email not in superuser.open(f"{path}members/", q=unique("nobody")).text
    watcher = hire()
    may_look = Permission.objects.filter(codename__in=["view_user", "view_group"])
    row_of(watcher.user).user_permissions.add(*may_look)
    assert 'name="give"' not in watcher.open(f"{path}members/").text
    refused = send(watcher, f"{path}members/", give=watcher.user.email)
    assert refused.status_code == 403
    send(superuser, f"{path}members/", take=str(row_of(user).pk))
    assert not row_of(user).groups.exists()


def test_an_event_leads_to_its_session_while_there_is_a_record_of_it(
    support: Operator, relying_party: RelyingParty
) -> None:
    relying_party.tokens()
    user = row_of(relying_party.user)
    session = Session.objects.get(user=user)
    address = f"/admin/accounts/session/{session.pk}/change/"
    event = Event.objects.get(user=user, kind="signed-in")
    assert event.session == session.pk
    for page in ("idp/event/", f"idp/event/{event.pk}/change/"):
        assert address in support.open(page, user=str(user.pk)).text
    support.run_action(f"accounts/session/{session.pk}/change/", "end")
    ended = Event.objects.get(user=user, kind="session-ended")
    assert ended.session == session.pk
    page = support.open(address.removeprefix("/admin/")).text
    assert "ended by an operator" in page
    of_session = f"/admin/idp/event/?session={session.pk}"
    assert of_session in page
    elsewhere = Event.objects.create(kind="signed-in", user=user, session="of-another-browser")
    listed = support.open("idp/event/", session=session.pk).text
    assert f"Events of a session: {words_for(session.user_agent)}" in listed
    assert (event.reference in listed, ended.reference in listed) == (True, True)
    assert elsewhere.reference not in listed
    assert {of_session, f"/admin/accounts/user/{user.pk}/change/"} <= set(links_in(listed))
    for odd in ("\0", "x" * 33, "of-nothing"):
        answer = support.browser.open("/admin/idp/event/", session=odd)
        assert answer.status_code in {200, 400}
        assert event.reference not in answer.text
    Session.objects.filter(pk=session.pk).delete()
    for page in ("idp/event/", f"idp/event/{event.pk}/change/"):
        assert address not in support.open(page, user=str(user.pk)).text


@pytest.mark.parametrize("path", ["members/", "members/?q=%00", "members/?q=" + "x" * 600])
def test_odd_searches_for_members(superuser: Operator, path: str) -> None:
    group = Group.objects.get(name="support")
    found = superuser.browser.get(f"/admin/auth/group/{group.pk}/{path}")
    assert found.status_code in {200, 400}
    missing = superuser.browser.get(f"/admin/auth/group/999999999999999999999/{path}")
    assert missing.status_code in {400, 404}


def test_a_user_who_is_told_of_an_operator_is_not_asked_whether_it_was_them(
    support: Operator, browser: Browser
) -> None:
    """The actor is who did it: on the user's own page, too."""
    user = make_user(name="Ana Lima")
    browser.sign_in(user)
    support.run_action(page_of(user), "unlock")
    # What an operator did says neither where they are nor with what, whatever became of them.
    about = {"user": row_of(user), "ip_address": "203.0.113.7"}
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
    for actor in (row_of(support.user), None):
        details = {"user_agent": agent, **({} if actor else {"by": "operator"})}
        for kind in ("changed", "admin-action", "email-changed", "factor-removed"):
            Event.objects.create(kind=kind, actor=actor, details=details, **about)
    Event.objects.filter(kind="admin-action").update(ip_address="203.0.113.7")
    page = browser.open("/account/activity/").text
    assert "An administrator changed your account" in page
    assert page.count("by an administrator") == 4
    page += browser.open("/account/not-me/").text + browser.open("/account/data/").text
    exported = browser.submit(browser.open("/account/data/")).text
    assert "203.0.113.7" not in page + exported
    assert "Firefox" not in page + exported


def test_the_list_of_sessions_names_browsers(support: Operator, user: EndUser) -> None:
    """Not the id of the browser, whose column has the same name."""
    at = row_of(user).date_joined
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
    session = Session.objects.create(
        user=row_of(user),
        authenticated_at=at,
        last_seen_at=at,
        user_agent=agent,
        browser="id-of-it",
    )
    for path in ("accounts/session/", f"accounts/session/{session.pk}/change/"):
        text = support.open(path, q=user.email).text
        assert "Firefox on Linux" in text
        assert "id-of-it" not in text
