"""What is dangerous takes a sign-in of the last minutes. ASVS 7.5.3."""

import html
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Session, User
from idp.models import Client, SigningKey
from tests.idp.admin.conftest import Operator, events_of, tab_of
from tests.relying_party import (
    CODE_STEP,
    ISSUER,
    Browser,
    EndUser,
    is_page,
    make_client,
    make_user,
    make_user_with_app,
    unique,
)


def a_while_ago(operator: Operator) -> Operator:
    """Let an operator's sign-in be older than the limit."""
    sessions = Session.objects.filter(user__email=operator.user.email, ended_at=None)
    assert sessions.update(authenticated_at=timezone.now() - timedelta(minutes=16))
    return operator


def send(operator: Operator, path: str, **form: object):
    return operator.browser.post(
        f"/admin/{path}",
        data={"csrfmiddlewaretoken": operator.browser.cookies["signet-csrf"], **form},
        headers={"Origin": ISSUER, "Referer": f"{ISSUER}/admin/"},
    )


@pytest.fixture
def victim() -> User:
    return User.objects.get(email=make_user().email)


def test_one_signs_in_again_and_comes_back_to_the_question(
    operator: Operator, victim: User
) -> None:
    path = f"accounts/user/{victim.pk}/action/disable/"
    ready = operator.open(path)
    a_while_ago(operator)
    led = operator.browser.submit(ready)
    assert is_page(led, "/account/login/")
    victim.refresh_from_db()
    assert victim.is_active
    question = operator.browser.sign_in(operator.user, led)
    assert question.url.path == f"/admin/{path}"
    victim.refresh_from_db()
    assert victim.is_active
    operator.browser.submit(question)
    victim.refresh_from_db()
    assert not victim.is_active


def test_the_second_factor_is_asked_for_again(hire, victim: User) -> None:
    user = make_user_with_app(is_staff=True, is_superuser=True)
    with Browser() as browser:
        browser.sign_in(user)
        operator = a_while_ago(Operator(user, browser))
        path = f"accounts/user/{victim.pk}/action/disable/"
        page = operator.open(path)
        assert 'id="confirm"' not in page.text
        step = browser.type_password(user, browser.open(html.unescape(prove_on(page.text))))
        assert is_page(step, CODE_STEP)
        assert 'id="sign-in-again"' in operator.open(path).text
        assert user.app is not None
        back = browser.submit(step, code=user.app.code())
        assert back.url.path == f"/admin/{path}"
        assert 'id="confirm"' in back.text


def prove_on(text: str) -> str:
    return text.partition('id="sign-in-again" href="')[2].partition('"')[0]


@pytest.mark.parametrize(
    "path",
    [
        "accounts/user/{user}/action/end-sessions/",
        "accounts/user/{user}/action/require-password/",
        "accounts/user/{user}/action/unlock/",
        "accounts/user/{user}/action/send-reset/",
        "accounts/session/end-all/",
        "idp/client/{client}/action/sign-out/",
        "idp/signingkey/{key}/action/replace/",
        "idp/client/{client}/delete/",
        "idp/client/{client}/action/disable/",
        "idp/client/{client}/secrets/",
    ],
)
def test_nothing_dangerous_is_done_before(superuser: Operator, victim: User, path: str) -> None:
    client = Client.objects.get(client_id=make_client().client_id)
    key = SigningKey.objects.filter(state="active", algorithm="ES512").get()
    path = path.format(user=victim.pk, client=client.pk, key=key.pk)
    a_while_ago(superuser)
    shown = superuser.open(path).text
    assert 'id="sign-in-again"' in shown
    assert 'id="confirm"' not in shown
    assert 'id="make-secret"' not in shown
    answer = send(superuser, path, post="yes")
    assert answer.headers["Location"].startswith("/account/login/?fresh=1&next=%2Fadmin%2F")
    assert events_of(superuser) == []
    client.refresh_from_db()
    assert (client.enabled, client.secrets.count()) == (True, 1)
    assert SigningKey.objects.filter(pk=key.pk).exists()


def test_nor_to_several_at_once(superuser: Operator, user: EndUser, victim: User) -> None:
    superuser.open("accounts/user/")
    a_while_ago(superuser)
    form = {"action": "require-password", "_selected_action": str(victim.pk)}
    answer = send(superuser, "accounts/user/", **form)
    assert answer.headers["Location"].startswith("/account/login/?fresh=1")
    victim.refresh_from_db()
    assert not victim.password_change_required


def test_nor_are_powers_given(superuser: Operator, victim: User) -> None:
    a_while_ago(superuser)
    path = f"accounts/user/{victim.pk}/change/"
    refused = superuser.save(path, is_staff="on", nickname="Boss")
    assert "Only shortly after signing in." in refused.text
    victim.refresh_from_db()
    assert (victim.is_staff, victim.nickname) == (False, "Aninha")
    superuser.save(path, nickname="Boss")
    victim.refresh_from_db()
    assert victim.nickname == "Boss"


def test_nor_by_the_form_of_an_app_or_a_group(superuser: Operator) -> None:
    client = Client.objects.get(client_id=make_client().client_id)
    group = Group.objects.create(name=unique("team"))
    a_while_ago(superuser)
    access, team = tab_of(client.client_id, "enabled"), f"auth/group/{group.pk}/change/"
    for path, fields in (
        (access, {"enabled": None}),
        (access, {"skip_authorization": "on"}),
        (team, {"powers": "see-people"}),
    ):
        answer = superuser.save(path, **fields).text
        assert "Only shortly after signing in." in answer
    # A secret is not shown for changing what it is used for, either.
    superuser.save(tab_of(client.client_id, "name"), name="Bakery")
    keys = tab_of(client.client_id, "id_token_signed_response_alg")
    page = superuser.save(keys, id_token_signed_response_alg="HS256")
    assert page.url.path == f"/admin/idp/client/{client.pk}/secrets/"
    client.refresh_from_db()
    assert (client.name, client.enabled, client.skip_authorization) == ("Bakery", True, False)
    assert (client.secrets.count(), group.permissions.count()) == (1, 0)


def test_what_is_not_dangerous_goes_on(superuser: Operator, victim: User) -> None:
    a_while_ago(superuser)
    superuser.run_action(f"accounts/user/{victim.pk}/change/", "remove-picture")
    assert [event.kind for event in events_of(superuser)] == ["admin-action"]
