"""The page of a key: what was made with it and is alive, and the next step of rotation."""

import html
import re

from django.utils import timezone

from accounts.models import Session
from idp import policy
from idp.models import SigningKey
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import Browser, RelyingParty, make_api, make_client, make_user

ALGORITHM = "PS384"  # no other test's
State = SigningKey.State


def page_of(state: str) -> str:
    key = SigningKey.objects.get(algorithm=ALGORITHM, state=state)
    return f"idp/signingkey/{key.pk}/change/"


def alive_on(page) -> int:
    found = re.search(r"(\d+) access tokens \(JWT\)", page.text)
    assert found, page.text
    return int(found[1])


def test_tokens_that_are_alive_are_counted_under_their_key(
    support: Operator, browser: Browser
) -> None:
    api = make_api(access_token_signing_alg=ALGORITHM)
    scope = f"openid {api['scopes'][0]}"
    before = alive_on(support.open(page_of(State.ACTIVE)))
    RelyingParty(
        make_client(access_token_format="jwt", id_token_signed_response_alg=ALGORITHM),
        browser,
        make_user(),
    ).tokens()
    relying_party = RelyingParty(make_client(scope=scope), browser, make_user())
    relying_party.browser.cookies.clear()
    relying_party.tokens(scope=scope, resource=api["identifier"])
    relying_party.tokens(scope="openid")  # an opaque one
    assert alive_on(support.open(page_of(State.ACTIVE))) == before + 2


def test_an_emergency_ends_what_was_signed_and_if_wanted_all_sessions(
    operator: Operator, browser: Browser
) -> None:
    client = make_client(access_token_format="jwt", id_token_signed_response_alg=ALGORITHM)
    app = RelyingParty(client, browser, make_user())
    signed = app.tokens()
    question = operator.open(
        page_of(State.ACTIVE).replace("change/", "action/replace-and-sign-out/")
    )
    assert re.search(r"Sessions that are live: [1-9]", question.text)
    operator.run_action(page_of(State.ACTIVE), "replace-and-sign-out")
    assert app.userinfo(signed["access_token"]).status_code == 401
    assert Session.objects.get(user__email=app.user.email).ending == "key-replaced"
    assert events_of(operator)[-1].reason == "Replace at once, and sign all users out"


def test_rotation_says_what_follows_and_offers_only_what_does_something(
    operator: Operator,
) -> None:
    assert "The worker publishes the next key on" in operator.open(page_of(State.ACTIVE)).text
    operator.run_action(page_of(State.ACTIVE), "rotate")
    waiting = operator.open(page_of(State.ACTIVE))
    assert "The next key is published already" in waiting.text
    assert 'data-action="rotate"' not in waiting.text
    following = operator.open(page_of(State.NEXT))
    assert 'data-action="rotate"' not in following.text
    assert "It can sign from" in following.text
    SigningKey.objects.filter(algorithm=ALGORITHM, state=State.NEXT).update(
        created_at=timezone.now() - policy.KEY_PUBLISHED_BEFORE
    )
    old = SigningKey.objects.get(algorithm=ALGORITHM, state=State.ACTIVE)
    operator.run_action(page_of(State.NEXT), "rotate")
    retired = html.unescape(operator.open(f"idp/signingkey/{old.pk}/change/").text)
    assert "Nothing new is made with it." in retired
    assert [event.kind for event in events_of(operator)] == ["admin-action", "admin-action"]
    assert SigningKey.objects.get(pk=old.pk).state == State.RETIRED
