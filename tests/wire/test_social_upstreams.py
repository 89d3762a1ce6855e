"""Sign in with accounts at GitHub and Apple, as stubs play them. docs/identity-providers.md."""

import json

from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from accounts.models import User
from tests.elsewhere import Elsewhere
from tests.relying_party import Browser, RelyingParty, is_page, make_client, make_user, spec
from tests.social import APPLE_IDS, KEY, FakeApple, FakeGitHub
from tests.upstreams import SECRET, challenge_of


@spec("RFC 7636", "4.3")
def test_github_says_who_a_user_is_by_its_api(browser: Browser, foreign_site: Elsewhere) -> None:
    github = FakeGitHub(foreign_site)
    asked = github.begin(browser, choose="1")
    assert (asked["scope"], asked["prompt"]) == ("user:email", "select_account")
    page = github.come_back(browser, asked)
    assert page.url.path == "/account/", page.text
    user = User.objects.get(email=github.email)
    assert user.name == "Octo Cat"
    [form] = foreign_site.forms(github.token_path)
    assert challenge_of(form["code_verifier"]) == asked["code_challenge"]
    assert (form["client_id"], form["client_secret"]) == ("our client", SECRET)
    assert form["redirect_uri"] == asked["redirect_uri"]
    said = [headers for path, headers in foreign_site.asked if path == github.emails_path]
    assert said[0]["Authorization"].startswith("Bearer gho")
    # From now on it is known by its number, whatever login and address are.
    github.say(login="renamed", address={"email": "new@example.org", "verified": False})
    with Browser() as another:
        assert github.sign_in(another).url.path == "/account/"
    assert user.sessions.count() == 2
    # It can't ask for a new sign-in, so an app that wants one is told before anybody goes there.
    app = RelyingParty(make_client(), browser, make_user())
    for wanted in ({"prompt": "login"}, {"max_age": "60"}):
        with Browser() as app.browser:
            page = app.visit(idp_hint=github.row.slug, **wanted)
            assert page.status_code == 400
            assert "You have to sign in again" in page.text


@spec("OAuth 2.0 Form Post Response Mode", "2")
def test_apple_answers_by_a_form_and_says_a_name_once(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    apple = FakeApple(foreign_site)
    asked = apple.begin(browser, login_hint="eve@example.org")
    assert (asked["scope"], asked["response_mode"]) == ("openid name email", "form_post")
    assert not {"login_hint", "prompt", "max_age", "ui_locales"} & set(asked)
    claims = apple.claims(asked, name=None, email_verified="true", is_private_email="true")
    apple.grants(apple.issuer.token(apple.subject, **claims))
    name = {"firstName": "Eve", "lastName": "Elsewhere"}
    page = apple.come_back(
        browser, asked, user=json.dumps({"name": name, "email": "victim@example.org"})
    )
    assert page.url.path == "/account/", page.text
    user = User.objects.get(email=apple.email)
    assert (user.name, user.given_name, user.family_name) == ("Eve Elsewhere", "Eve", "Elsewhere")
    [form] = foreign_site.forms(apple.token_path)
    assert challenge_of(form["code_verifier"]) == asked["code_challenge"]
    public = JWK.from_pyca(KEY.public_key())
    secret = JWT(jwt=form["client_secret"], key=public, algs=["ES256"])
    assert json.loads(secret.header)["kid"] == APPLE_IDS["key_id"]
    said = json.loads(secret.claims)
    assert (said["iss"], said["sub"]) == (APPLE_IDS["team_id"], "our client")
    assert said["aud"] == apple.issuer.name
    assert 0 < said["exp"] - said["iat"] <= 600
    # Later the form has no name; what somebody writes there instead is none.
    for user_parameter in (None, "{", "[]", '{"name": 1}', '{"name": {"firstName": "\\u0000"}}'):
        with Browser() as another:
            asked = apple.begin(another)
            apple.grants(apple.issuer.token(apple.subject, **apple.claims(asked, name=None)))
            members = {} if user_parameter is None else {"user": user_parameter}
            page = apple.come_back(another, asked, **members)
            assert page.url.path == "/account/", page.text
    user.refresh_from_db()
    assert user.name == "Eve Elsewhere"
    # Who changes their mind there can sign in another way.
    asked = apple.begin(browser)
    page = apple.come_back(browser, asked, error="user_cancelled_authorize")
    assert "You were not signed in" in page.text
    assert not is_page(page, "/account/")
