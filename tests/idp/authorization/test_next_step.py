from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.authentication import Authentication
from accounts.levels import SINGLE_FACTOR
from accounts.models import User
from idp.authorization.next_step import Answer, AskConsent, ChooseAccount, SignIn, next_step
from idp.authorization.request import AuthorizationRequest
from idp.clients.redirect_uris import ReplyAddress
from idp.models import Client
from idp.protocol.errors import ConsentRequired, LoginRequired

SECOND = timedelta(seconds=1)
ARRIVAL = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
OPENID = frozenset({"openid"})
CLIENT = Client(client_id="app")
REQUEST = AuthorizationRequest(
    client=CLIENT,
    reply_to=ReplyAddress(CLIENT, "https://rp.example.com/callback", "query", None),
    arrived_at=ARRIVAL,
    response_type="code",
    response_mode=None,
    scopes=OPENID,
    prompts=frozenset(),
)


def signed_in(at: datetime, session_id: str = "one") -> Authentication:
    return Authentication(User(), session_id, at, ("pwd",), SINGLE_FACTOR)


RECENT = signed_in(ARRIVAL - SECOND)


def asking(**changes: object) -> AuthorizationRequest:
    return replace(REQUEST, **changes)


def test_nobody_signed_in() -> None:
    assert next_step(REQUEST, None, OPENID) == SignIn()


def test_signed_in_and_agreed() -> None:
    assert next_step(REQUEST, RECENT, OPENID) == Answer(RECENT)


def test_signed_in_and_not_agreed() -> None:
    assert next_step(REQUEST, RECENT, frozenset()) == AskConsent()


def test_a_new_scope_is_asked_for_again() -> None:
    request = asking(scopes=OPENID | {"email"})
    assert next_step(request, RECENT, OPENID) == AskConsent()


def test_a_first_party_client_is_not_asked_for() -> None:
    request = asking(client=Client(client_id="app", skip_authorization=True))
    assert next_step(request, RECENT, frozenset()) == Answer(RECENT)


def test_max_age_sends_an_older_sign_in_back_to_login() -> None:
    older = signed_in(ARRIVAL - 61 * SECOND)
    assert next_step(asking(max_age=60), older, OPENID) == SignIn(fresh=True)


def test_max_age_is_met_to_the_microsecond() -> None:
    just = signed_in(ARRIVAL - 60 * SECOND)
    assert next_step(asking(max_age=60), just, OPENID) == Answer(just)


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_prompt_login_is_satisfied_by_a_sign_in_after_the_arrival(prompt: str) -> None:
    request = asking(prompts=frozenset({prompt}))
    before, after = signed_in(ARRIVAL - SECOND / 1000), signed_in(ARRIVAL + SECOND / 1000)
    missing = SignIn(fresh=True) if prompt == "login" else ChooseAccount()
    assert next_step(request, before, OPENID) == missing
    assert next_step(request, after, OPENID) == Answer(after)


def test_max_age_zero_means_the_same() -> None:
    assert next_step(asking(max_age=0), RECENT, OPENID) == SignIn(fresh=True)


def test_prompt_consent_asks_although_it_was_given_before() -> None:
    assert next_step(asking(prompts=frozenset({"consent"})), RECENT, OPENID) == AskConsent()


def test_consent_of_this_interaction_counts_for_the_session_that_gave_it() -> None:
    request = asking(prompts=frozenset({"consent"}), consented_in="one")
    other = signed_in(ARRIVAL, session_id="other")
    assert next_step(request, RECENT, OPENID) == Answer(RECENT)
    assert next_step(request, other, OPENID) == AskConsent()


SILENT = frozenset({"none"})


def test_silence_without_a_session() -> None:
    with pytest.raises(LoginRequired):
        next_step(asking(prompts=SILENT), None, OPENID)


def test_silence_with_an_old_session() -> None:
    with pytest.raises(LoginRequired):
        next_step(asking(prompts=SILENT, max_age=0), RECENT, OPENID)


def test_silence_without_consent() -> None:
    with pytest.raises(ConsentRequired):
        next_step(asking(prompts=SILENT), RECENT, frozenset())


def test_silence_where_nothing_is_missing() -> None:
    assert next_step(asking(prompts=SILENT), RECENT, OPENID) == Answer(RECENT)
