"""The authorization code flow, from the first request to the claims."""

from tests.relying_party import ISSUER, RelyingParty, spec, verified


@spec("OIDC Core", "3.1")
def test_a_user_signs_in_agrees_and_comes_back(relying_party: RelyingParty) -> None:
    tokens = relying_party.tokens(scope="openid email")
    claims = verified(tokens["id_token"])
    assert claims["iss"] == ISSUER
    assert claims["sub"] == relying_party.user.sub
    userinfo = relying_party.userinfo(tokens["access_token"]).json()
    assert userinfo == {
        "sub": relying_party.user.sub,
        "email": relying_party.user.email,
        "email_verified": True,
    }


@spec("OIDC Core", "3.1.2.6")
def test_prompt_none_without_a_session(relying_party: RelyingParty) -> None:
    answer = relying_party.authorize(prompt="none")
    assert answer.error == "login_required"
    assert answer.state == relying_party.state
