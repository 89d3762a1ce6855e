from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator

from accounts.authentication import Authentication
from accounts.levels import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR
from accounts.models import User
from idp import policy
from idp.authorization.checks import essential_acr_is_known
from idp.authorization.claims_request import ClaimRequest, ClaimsRequest
from idp.authorization.next_step import (
    Answer,
    AskConsent,
    ChooseAccount,
    DenyAccess,
    SetUp,
    SignIn,
    StepUp,
    next_step,
)
from idp.authorization.request import AuthorizationRequest
from idp.clients.redirect_uris import ReplyAddress
from idp.models import Client
from idp.protocol.errors import (
    ConsentRequired,
    InteractionRequired,
    LoginRequired,
    UnmetAuthenticationRequirements,
)
from idp.statements.sso_session import Agreed
from tests.relying_party import unique

SECOND = timedelta(seconds=1)
ARRIVAL = datetime(2026, 11, 23, 12, 0, 0, 500_000, tzinfo=UTC)
SCOPES = frozenset({"openid"})
OPENID, NOTHING = Agreed(SCOPES), Agreed()
CLIENT = Client(client_id="app")
REQUEST = AuthorizationRequest(
    client=CLIENT,
    reply_to=ReplyAddress(CLIENT, "https://rp.example.com/callback", "query", None),
    arrived_at=ARRIVAL,
    response_type="code",
    response_mode=None,
    scopes=SCOPES,
    prompts=frozenset(),
)


def signed_in(at: datetime, session_id: str = "one") -> Authentication:
    return Authentication(User(), session_id, at, ("pwd",), SINGLE_FACTOR)


RECENT = signed_in(ARRIVAL - SECOND)


def asking(**changes: object) -> AuthorizationRequest:
    return replace(REQUEST, **changes)


def test_no_user_signed_in() -> None:
    assert next_step(REQUEST, None, OPENID) == SignIn()


def test_signed_in_and_agreed() -> None:
    assert next_step(REQUEST, RECENT, OPENID) == Answer(RECENT)


def test_signed_in_and_not_agreed() -> None:
    assert next_step(REQUEST, RECENT, NOTHING) == AskConsent()


def test_a_new_scope_is_asked_for_again() -> None:
    authorization_request = asking(scopes=SCOPES | {"email"})
    assert next_step(authorization_request, RECENT, OPENID) == AskConsent()


def test_a_first_party_client_is_not_asked_for() -> None:
    authorization_request = asking(client=Client(client_id="app", skip_authorization=True))
    assert next_step(authorization_request, RECENT, NOTHING) == Answer(RECENT)


def test_a_new_api_is_asked_for_again() -> None:
    authorization_request = asking(resource=("https://api.example.com",))
    assert next_step(authorization_request, RECENT, OPENID) == AskConsent()
    known = Agreed(SCOPES, resources=frozenset(authorization_request.resource))
    assert next_step(authorization_request, RECENT, known) == Answer(RECENT)
    assert next_step(REQUEST, RECENT, known) == Answer(RECENT)


def on_device(uri: str, **columns: object) -> AuthorizationRequest:
    client = Client(
        **{
            "client_id": "app",
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "redirect_uris": ["http://127.0.0.1:8400/callback", "com.example.app:/callback"],
            **columns,
        }
    )
    return asking(client=client, reply_to=ReplyAddress(client, uri, "query", None))


def test_another_port_of_the_device_is_asked_for_once() -> None:
    request = on_device("http://127.0.0.1:51004/callback")
    assert next_step(request, RECENT, OPENID) == AskConsent()
    agreed = Agreed(SCOPES, loopback_ports=frozenset({51004}))
    assert next_step(request, RECENT, agreed) == Answer(RECENT)
    assert next_step(on_device("http://127.0.0.1:51005/callback"), RECENT, agreed) == AskConsent()
    assert next_step(on_device("http://127.0.0.1/callback"), RECENT, agreed) == AskConsent()
    with pytest.raises(ConsentRequired):
        next_step(replace(request, prompts=SILENT), RECENT, OPENID)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: on_device("http://127.0.0.1:8400/callback"),
        lambda: on_device("com.example.app:/callback"),
        lambda: on_device("http://127.0.0.1:5/callback", skip_authorization=True),
        lambda: on_device(
            "http://127.0.0.1:5/callback", token_endpoint_auth_method="client_secret_basic"
        ),
    ],
    ids=["registered port", "own scheme", "first party", "with a secret"],
)
def test_what_is_no_other_port(request_of) -> None:
    assert next_step(request_of(), RECENT, OPENID) == Answer(RECENT)


def test_max_age_sends_an_older_sign_in_back_to_login() -> None:
    older = signed_in(ARRIVAL - 61 * SECOND)
    assert next_step(asking(max_age=60), older, OPENID) == SignIn(fresh=True)


def test_max_age_is_met_to_the_microsecond() -> None:
    just = signed_in(ARRIVAL - 60 * SECOND)
    assert next_step(asking(max_age=60), just, OPENID) == Answer(just)


@pytest.mark.parametrize("prompt", ["login", "select_account"])
def test_prompt_login_is_satisfied_by_a_sign_in_after_the_arrival(prompt: str) -> None:
    authorization_request = asking(prompts=frozenset({prompt}))
    before, after = signed_in(ARRIVAL - SECOND / 1000), signed_in(ARRIVAL + SECOND / 1000)
    missing = SignIn(fresh=True) if prompt == "login" else ChooseAccount()
    assert next_step(authorization_request, before, OPENID) == missing
    assert next_step(authorization_request, after, OPENID) == Answer(after)


@pytest.mark.parametrize("here", [True, False])
def test_a_sub_asked_for_that_is_anothers_is_chosen_if_it_is_here(here: bool) -> None:
    other = User()
    authorization_request = asking(
        claims=ClaimsRequest(id_token={"sub": ClaimRequest(values=(str(other.sub),))})
    )
    if here:
        assert next_step(authorization_request, RECENT, OPENID, others=[other]) == ChooseAccount()
        return
    with pytest.raises(LoginRequired):
        next_step(authorization_request, RECENT, OPENID)


def test_max_age_zero_means_the_same() -> None:
    assert next_step(asking(max_age=0), RECENT, OPENID) == SignIn(fresh=True)


def test_prompt_consent_asks_although_it_was_given_before() -> None:
    assert next_step(asking(prompts=frozenset({"consent"})), RECENT, OPENID) == AskConsent()


def test_consent_of_this_interaction_counts_for_the_session_that_gave_it() -> None:
    authorization_request = asking(prompts=frozenset({"consent"}), consented_in="one")
    other = signed_in(ARRIVAL, session_id="other")
    assert next_step(authorization_request, RECENT, OPENID) == Answer(RECENT)
    assert next_step(authorization_request, other, OPENID) == AskConsent()


SILENT = frozenset({"none"})


def test_silence_without_a_session() -> None:
    with pytest.raises(LoginRequired):
        next_step(asking(prompts=SILENT), None, OPENID)


def test_silence_with_an_old_session() -> None:
    with pytest.raises(LoginRequired):
        next_step(asking(prompts=SILENT, max_age=0), RECENT, OPENID)


def test_silence_without_consent() -> None:
    with pytest.raises(ConsentRequired):
        next_step(asking(prompts=SILENT), RECENT, NOTHING)


def test_silence_where_nothing_is_missing() -> None:
    assert next_step(asking(prompts=SILENT), RECENT, OPENID) == Answer(RECENT)


# --- levels of authentication ---


def user_with(kind: str | None) -> Authentication:
    """Return the sign-in by password of a user who has this second factor."""
    user_row = User.objects.create_user(f"{unique('level')}@example.com")
    if kind is not None:
        Authenticator.objects.create(user=user_row, type=kind, data={})
    return replace(RECENT, user=user_row)


@pytest.mark.parametrize(
    ("has", "essential", "step"),
    [
        ("totp", MULTI_FACTOR, StepUp(MULTI_FACTOR)),
        ("webauthn", MULTI_FACTOR, StepUp(MULTI_FACTOR)),
        ("webauthn", PHISHING_RESISTANT, StepUp(PHISHING_RESISTANT)),
    ],
)
def test_an_essential_acr_is_asked_for(has: str, essential: str, step: StepUp) -> None:
    assert next_step(asking(essential_acr=(essential,)), user_with(has), OPENID) == step


@pytest.mark.parametrize(("has", "essential"), [(None, MULTI_FACTOR), ("totp", PHISHING_RESISTANT)])
def test_an_essential_acr_out_of_reach_is_an_error(has: str | None, essential: str) -> None:
    for prompts in (frozenset(), SILENT):
        authorization_request = asking(essential_acr=(essential,), prompts=prompts)
        with pytest.raises(UnmetAuthenticationRequirements):
            next_step(authorization_request, user_with(has), OPENID)


def test_an_essential_acr_that_is_none_of_ours_is_an_error_before_any_page() -> None:
    with pytest.raises(UnmetAuthenticationRequirements):
        essential_acr_is_known(asking(essential_acr=("urn:x",)))


def test_of_several_essential_levels_the_lowest_is_enough() -> None:
    authorization_request = asking(essential_acr=("urn:x", PHISHING_RESISTANT, SINGLE_FACTOR))
    assert next_step(authorization_request, RECENT, OPENID) == Answer(RECENT)


def test_an_essential_acr_and_silence() -> None:
    authorization_request = asking(essential_acr=(MULTI_FACTOR,), prompts=SILENT)
    with pytest.raises(InteractionRequired):
        next_step(authorization_request, user_with("totp"), OPENID)


@pytest.mark.parametrize(
    ("reached", "asked", "told"),
    [
        (PHISHING_RESISTANT, (MULTI_FACTOR,), MULTI_FACTOR),
        (PHISHING_RESISTANT, (SINGLE_FACTOR, MULTI_FACTOR), MULTI_FACTOR),
        (PHISHING_RESISTANT, (), PHISHING_RESISTANT),
        (MULTI_FACTOR, ("urn:x", SINGLE_FACTOR, PHISHING_RESISTANT), SINGLE_FACTOR),
    ],
)
def test_the_acr_told_is_one_asked_for_and_reached(
    reached: str, asked: tuple[str, ...], told: str
) -> None:
    signed_in = replace(RECENT, acr=reached)
    known = tuple(level for level in asked if level in policy.ACR_VALUES)  # others are no wish
    for request in (asking(essential_acr=asked), asking(acr_values=known)):
        assert next_step(request, signed_in, OPENID) == Answer(replace(signed_in, acr=told))


def test_an_operator_has_users_set_up_what_they_lack() -> None:
    client = Client(client_id="app", required_acr=PHISHING_RESISTANT)
    authorization_request = asking(client=client, essential_acr=(MULTI_FACTOR,))
    assert next_step(authorization_request, user_with("totp"), OPENID) == SetUp(PHISHING_RESISTANT)
    assert next_step(authorization_request, user_with("webauthn"), OPENID) == StepUp(
        PHISHING_RESISTANT
    )


def test_nobody_sets_up_anything_for_an_app_that_is_not_theirs() -> None:
    client = Client(client_id="app", required_acr=PHISHING_RESISTANT, allowed_groups=["bakers"])
    user = user_with(None)
    assert next_step(asking(client=client), user, OPENID) == DenyAccess()
    assert next_step(asking(client=client, max_age=0), user, OPENID) == SignIn(fresh=True)


def test_a_wish_is_not_repeated_after_a_sign_in_since_the_arrival() -> None:
    authorization_request = asking(acr_values=(PHISHING_RESISTANT,))
    user = user_with("webauthn")
    assert next_step(authorization_request, user, OPENID) == StepUp(PHISHING_RESISTANT)
    since = replace(user, authenticated_at=ARRIVAL + SECOND, acr=MULTI_FACTOR)
    assert next_step(authorization_request, since, OPENID) == Answer(since)


def test_a_wish_is_asked_for_after_one_factor_at_a_trusted_browser() -> None:
    """There, the sign-in has not asked for the second factor."""
    authorization_request = asking(acr_values=(MULTI_FACTOR,))
    for kind, step in {"totp": StepUp(MULTI_FACTOR), None: Answer}.items():
        user = replace(user_with(kind), authenticated_at=ARRIVAL + SECOND)
        found = next_step(authorization_request, user, OPENID)
        assert found == step or type(found) is step
