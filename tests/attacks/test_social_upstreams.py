"""Take over an account, or sign a victim in, by an account at GitHub or Apple. RFC 9700 §4."""

import json
from typing import Any

from accounts.allauth_door import social_accounts
from accounts.models import User
from accounts.upstream.answers import UpstreamAnswer
from idp.models import Event
from tests.elsewhere import Elsewhere, answering
from tests.relying_party import Browser, is_page, make_user, spec, unique
from tests.social import FakeApple, FakeGitHub


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def refusal(upstream: FakeGitHub | FakeApple) -> str:
    """Return the reason of the newest refused sign-in at an upstream."""
    events = Event.objects.filter(kind="sign-in-failed", details__upstream=upstream.row.slug)
    return events.latest("id").reason


def test_an_address_or_a_login_at_github_takes_over_no_account(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    victim = make_user()
    github = FakeGitHub(foreign_site)
    # The primary address is unverified, whatever else the API says of it.
    public = {"email": victim.email, "email_verified": True, "sub": "1"}
    github.say(address={"email": victim.email, "verified": False}, **public)
    assert is_page(github.sign_in(browser), "/account/confirm-email/")
    # A verified one that is not primary counts as little, and so does the public one.
    github.say(address={"email": victim.email, "primary": False}, **public)
    page = github.sign_in(browser)
    assert "We need an email address" in page.text
    # A verified and primary one is connected with a proof of the account only.
    github.say(address={"email": victim.email})
    assert is_page(github.sign_in(browser), "/account/login/")
    assert not is_signed_in(browser)
    assert social_accounts.of(User.objects.get(email=victim.email)).count() == 0
    # A login that was free again is another user's, by its number.
    github.say()
    with Browser() as first:
        assert github.sign_in(first).url.path == "/account/"
    owner = User.objects.get(email=github.email)
    github.number, github.email = github.number + 1, f"{unique('next')}@example.org"
    github.say()
    with Browser() as second:
        assert github.sign_in(second).url.path == "/account/"
    assert owner.sessions.count() == 1
    assert User.objects.get(email=github.email) != owner
    # What is no number identifies nobody.
    for odd in (None, "1", True, 0, -1, 1.0, [1]):
        github.say(id=odd)
        assert github.sign_in(browser).status_code == 400, odd
        assert "no number" in refusal(github)
    assert not is_signed_in(browser)


@spec("RFC 9700", "4.4")
def test_answers_of_other_sign_ins_at_github(browser: Browser, foreign_site: Elsewhere) -> None:
    github, other = FakeGitHub(foreign_site), FakeGitHub(foreign_site)
    # Mix-up: the code of one upstream with the state of a sign-in at another.
    asked = other.begin(browser)
    assert github.come_back(browser, asked).status_code == 400
    assert "no sign-in with this state" in refusal(github)
    assert foreign_site.forms(github.token_path) == []
    # Login CSRF: the state of the attacker's browser.
    with Browser() as attacker:
        asked = github.begin(attacker)
        assert github.come_back(browser, asked).status_code == 400
        assert "no sign-in with this state" in refusal(github)
        assert github.come_back(attacker, asked).url.path == "/account/"
        assert github.come_back(attacker, asked).status_code == 400
    # It answers by no form.
    path = f"/account/upstream/{github.row.slug}/callback"
    answer = browser.post(path, data={"code": "a-code", "state": github.begin(browser)["state"]})
    assert answer.status_code == 400
    assert not is_signed_in(browser)


def test_answers_of_github_that_say_nothing_usable(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    github = FakeGitHub(foreign_site)
    inside = foreign_site.says(f"/{unique('inside')}", json.dumps({"id": 1}).encode())
    moved = answering(b"", status=302, Location=inside)
    huge = answering(json.dumps([{"email": "x" * 70_000}]).encode())
    not_json, wrong_type = answering(b"<p>"), answering(b"{}", "text/html")
    twice = answering(b'{"id": 1, "id": 2}')
    broken: list[tuple[str, Any, str]] = [
        (github.token_path, answering(b'{"error": "bad_verification_code"}'), "bad_verification"),
        (github.token_path, answering(b'{"error": "x"}', status=401), "error 'x'"),
        (github.token_path, answering(b'{"access_token": "a b"}'), "no usable access token"),
        (github.token_path, moved, "a redirect"),
        (github.user_path, moved, "a redirect"),
        (github.user_path, huge, "larger than"),
        (github.user_path, twice, "not a JSON object"),
        (github.user_path, wrong_type, "content type"),
        (github.emails_path, moved, "a redirect"),
        (github.emails_path, huge, "larger than"),
        (github.emails_path, not_json, "not a JSON array"),
        (github.emails_path, answering(b"{}"), "not a JSON array"),
        (github.emails_path, answering(b"", status=403), "status 403"),
    ]
    for path, page, reason in broken:
        github.say()
        foreign_site.pages[path] = page
        assert github.sign_in(browser).status_code == 400, reason
        assert reason in refusal(github)
    assert not foreign_site.times(inside.removeprefix(foreign_site.address))
    github.say()
    denied = github.come_back(browser, github.begin(browser), code=None, error="access_denied")
    assert "You were not signed in" in denied.text
    assert github.come_back(browser, github.begin(browser), error="x\n").status_code == 400
    # Addresses of any shape are no reason to fail.
    foreign_site.says(github.emails_path, b'[1, null, {"primary": true, "email": 7}]')
    assert "We need an email address" in github.sign_in(browser).text
    assert not is_signed_in(browser)


@spec("RFC 9700", "4.7")
def test_forms_of_apple_that_belong_to_no_sign_in_of_this_browser(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    apple, other = FakeApple(foreign_site), FakeApple(foreign_site)
    # Login CSRF: the attacker's form in the victim's browser, and its ticket in another's.
    with Browser() as attacker:
        asked = apple.begin(attacker)
        apple.grants(apple.issuer.token(apple.subject, **apple.claims(asked)))
        sent = apple.post(asked, code="the-code").headers["Location"]
        assert browser.get(sent).status_code == 400
        assert "no sign-in with this state" in refusal(apple)
        # The ticket is used up, and so is the form.
        assert attacker.get(sent).status_code == 400
        assert apple.post(asked, code="the-code").status_code == 400
        assert not is_signed_in(attacker)
    # A ticket of another upstream; parameters without the form.
    sent = other.post(other.begin(browser)).headers["Location"]
    moved = sent.replace(other.row.slug, apple.row.slug)
    assert browser.get(moved).status_code == 400
    asked = apple.begin(browser)
    path = f"/account/upstream/{apple.row.slug}/callback"
    for query in ({"code": "a", "state": asked["state"]}, {"ticket": "x"}, {}):
        assert browser.get(path, params=query).status_code == 400
    # Nothing is kept of odd forms.
    rows = UpstreamAnswer.objects.filter(upstream=apple.row)
    before = rows.count()
    for form in ({}, {"state": ["a", "b"]}, {"code": "a"}, {"state": "a", "user": "x" * 9000}):
        assert browser.post(path, data=form).status_code == 400
    assert rows.count() == before
    # An ID token with the nonce of another sign-in.
    claims = apple.claims(asked, nonce="another")
    apple.grants(apple.issuer.token(apple.subject, **claims))
    assert apple.come_back(browser, asked).status_code == 400
    assert "nonce" in refusal(apple)
    # The name in the form, which nobody signs, is no address: `email` in it counts for nothing.
    victim = make_user()
    asked = apple.begin(browser)
    apple.grants(apple.issuer.token(apple.subject, **apple.claims(asked, email=None)))
    said = json.dumps({"email": victim.email, "email_verified": True, "sub": victim.sub})
    assert "We need an email address" in apple.come_back(browser, asked, user=said).text
    assert not is_signed_in(browser)
