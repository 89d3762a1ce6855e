"""A view beside us asks for a better or newer sign-in. RFC 9470."""

from datetime import timedelta

from django.utils import timezone

from idp.models import Grant
from tests.relying_party import Browser, RelyingParty, make_user_with_app, spec
from tests.toolkit.conftest import Api, Bakery

MULTI = "urn:signet:acr:multi-factor"
SCOPE = "openid bread.read"


@spec("RFC 9470", "3")
def test_a_weaker_sign_in_is_told_what_to_ask_for(api: Api, bakery: Bakery) -> None:
    token = bakery().tokens(scope=SCOPE, resource=api.identifier)["access_token"]
    response = api.call("guarded", token)
    challenge = response.headers["WWW-Authenticate"]
    assert response.status_code == 401
    assert 'error="insufficient_user_authentication"' in challenge
    assert f'acr_values="{MULTI}"' in challenge
    assert 'max_age="600"' in challenge


@spec("RFC 9470", "3")
def test_a_good_and_recent_sign_in_opens_it_until_it_is_old(api: Api, bakery: Bakery) -> None:
    careful = make_user_with_app()
    with Browser() as browser:
        relying_party = RelyingParty(bakery().client, browser, careful)
        token = relying_party.tokens(scope=SCOPE, resource=api.identifier)["access_token"]
    assert api.call("guarded", token).status_code == 200
    Grant.objects.filter(user__sub=careful.sub).update(
        auth_time=timezone.now() - timedelta(hours=1)
    )
    assert api.call("guarded", token).status_code == 401


@spec("RFC 9470", "3")
def test_a_machine_has_no_sign_in(api: Api, bakery: Bakery) -> None:
    answer = bakery().token(
        grant_type="client_credentials", scope="bread.read", resource=api.identifier
    )
    assert api.call("guarded", answer.json()["access_token"]).status_code == 401


@spec("RFC 6750", "3")
def test_no_token_is_the_toolkits_to_refuse(api: Api) -> None:
    assert api.ask("guarded").status_code == 403
