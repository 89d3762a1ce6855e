"""Take over an account, or sign a victim in, by an account at another provider. RFC 9700 §4."""

import json
import re
import time
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session as BrowserSession
from jwcrypto.jwk import JWK

from accounts.allauth_door import social_accounts
from accounts.models import User
from idp.models import Event
from tests.assertions import make_key
from tests.elsewhere import Elsewhere
from tests.relying_party import (
    Browser,
    EndUser,
    is_page,
    mailed_code,
    make_user,
    spec,
    unique,
    was_mailed,
)
from tests.upstreams import FakeUpstream

LOGIN = "/account/login/"


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def links_of(user: EndUser) -> int:
    return social_accounts.of(User.objects.get(email=user.email)).count()


def refusal(upstream: FakeUpstream) -> str:
    """Return the reason of the newest refused sign-in at an upstream."""
    events = Event.objects.filter(kind="sign-in-failed", details__upstream=upstream.row.slug)
    return events.latest("id").reason


def _shape(page: httpx.Response) -> str:
    """Return what a page says to whoever asserts an address, whichever it and its upstream are."""
    text = page.text[page.text.index("<main") : page.text.index("</main>")]
    token = r'(?<=csrfmiddlewaretoken" value=")\w+'
    odd = rf"{token}|[\w.-]+@example\.com|Up-\w+|up-\w+|\w{{4}}-\w{{4}}|\d+"
    return re.sub(odd, "", text)


@pytest.fixture
def upstream(provider: object, foreign_site: Elsewhere) -> FakeUpstream:
    return FakeUpstream(foreign_site, {"trusts_email": True})


@pytest.mark.parametrize("trusts_email", [True, False])
@pytest.mark.parametrize("verified", [True, "true", False])
def test_an_asserted_address_takes_over_no_account(
    browser: Browser, foreign_site: Elsewhere, trusts_email: bool, verified: Any
) -> None:
    victim = make_user()
    upstream = FakeUpstream(foreign_site, {"trusts_email": trusts_email})
    page = upstream.sign_in(browser, email=victim.email.upper(), email_verified=verified)
    assert not is_signed_in(browser)
    assert links_of(victim) == 0
    if trusts_email and verified is True:
        assert is_page(page, LOGIN)  # for a proof, which the attacker does not have
        mallory = make_user()
        browser.sign_in(mallory, page)
        assert (links_of(mallory), links_of(victim)) == (0, 0)
    else:
        # The answer does not tell whether there is such an account: its user is told by mail.
        nobody = f"{unique('nobody')}@example.com"
        other = FakeUpstream(foreign_site, {"trusts_email": trusts_email})
        with Browser() as another:
            same = other.sign_in(another, email=nobody, email_verified=verified)
        assert _shape(page) == _shape(same)
        assert was_mailed(victim.email, "There is one already")
        assert is_page(browser.submit(page, code="123456"), "/account/confirm-email/")
        for creation in ("invited", "off"):
            for row in (upstream.row, other.row):
                row.creation = creation
                row.save()
            page = upstream.sign_in(browser, email=victim.email, email_verified=verified)
            nobody = f"{unique('nobody')}@example.com"
            same = other.sign_in(browser, email=nobody, email_verified=verified)
            assert (page.status_code, _shape(page)) == (400, _shape(same))


def test_only_an_upstream_for_invited_people_opens_accounts_without_a_way_in(
    browser: Browser, upstream: FakeUpstream
) -> None:
    """What an operator has entered is the invited person's; imported accounts look the same."""
    entered = User.objects.create_user(f"{unique('entered')}@example.org")
    staff = User.objects.create_user(f"{unique('staff')}@example.org", is_staff=True)
    assert is_page(upstream.sign_in(browser, email=entered.email), LOGIN)
    upstream.row.creation = "invited"
    upstream.row.save()
    assert is_page(upstream.sign_in(browser, email=staff.email), LOGIN)
    page = upstream.sign_in(browser, email=entered.email, email_verified=False)
    assert page.status_code == 400
    assert social_accounts.of(entered).count() == 0
    assert upstream.sign_in(browser, email=entered.email).url.path == "/account/"
    assert social_accounts.of(entered).count() == 1
    assert "at an identity provider" in browser.get("/account/").text


@spec("OIDC Core", "3.1.3.7")
def test_id_tokens_that_prove_nothing(browser: Browser, upstream: FakeUpstream) -> None:
    now, issuer = int(time.time()), upstream.issuer
    public = JWK.from_json(issuer.key.export_public())
    secret = JWK(kty="oct", k=public.get("x"), kid=public["kid"])
    forged: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "is not signed with a key of its issuer": ({}, {"key": make_key()}),
        "is signed with HS256": ({}, {"key": secret, "algorithm": "HS256"}),
        "The iss of": ({"iss": "https://other.example"}, {}),
        "The aud of": ({"aud": "another client"}, {}),
        "has to be our client alone": ({"aud": ["our client", "another client"]}, {}),
        "another client (azp)": ({"azp": "another client"}, {}),
        "nonce of the ID token is that of another": ({"nonce": "another"}, {}),
        "has no nonce": ({"nonce": None}, {}),
        "has expired": ({"exp": now - 60}, {}),
        "The iat of": ({"iat": now + 3600}, {}),
        "of another type": ({}, {"header": {"typ": "logout+jwt"}}),
        "at_hash": ({"at_hash": "AAAA"}, {}),
        "1 to 255": ({"sub": "x" * 256}, {}),
    }
    for reason, (claims, how) in forged.items():
        asked = upstream.begin(browser)
        told = {**upstream.claims(asked, **claims)}
        subject = told.pop("sub", upstream.subject)
        upstream.grants(issuer.token(subject, **told, **how))
        assert upstream.come_back(browser, asked).status_code == 400, reason
        assert reason in refusal(upstream)
    asked = upstream.begin(browser)
    _head, body, _ = issuer.token(upstream.subject, **upstream.claims(asked)).split(".")
    upstream.grants(f"eyJhbGciOiJub25lIn0.{body}.")  # alg: none
    assert upstream.come_back(browser, asked).status_code == 400
    assert "is not a signed JWT" in refusal(upstream)
    assert not is_signed_in(browser)
    # The same without a forgery signs in.
    assert upstream.sign_in(browser).url.path == "/account/"


@spec("RFC 9207", "2.4")
def test_answers_of_other_sign_ins_and_issuers(browser: Browser, foreign_site: Elsewhere) -> None:
    named = {"authorization_response_iss_parameter_supported": True}
    upstream = FakeUpstream(foreign_site, {"trusts_email": True}, named)
    other = FakeUpstream(foreign_site, {"trusts_email": True})

    def come(browser: Browser, asked: dict[str, str], **members: Any) -> str:
        upstream.grants(upstream.issuer.token(upstream.subject, **upstream.claims(asked)))
        page = upstream.come_back(browser, asked, iss=upstream.issuer.name, **members)
        assert page.status_code == 400
        assert not is_signed_in(browser)
        return refusal(upstream)

    # Mix-up: the answer of another issuer, or of nobody named.
    asked = upstream.begin(browser)
    page = upstream.come_back(browser, asked, iss=other.issuer.name)
    assert page.status_code == 400
    assert "another issuer (iss)" in refusal(upstream)
    assert upstream.come_back(browser, upstream.begin(browser)).status_code == 400
    assert "does not name its issuer" in refusal(upstream)
    # The state of a sign-in at another upstream.
    assert "no sign-in with this state" in come(browser, other.begin(browser))
    # Login CSRF: the state of the attacker's own browser, in the victim's.
    with Browser() as attacker:
        asked = upstream.begin(attacker)
        assert "no sign-in with this state" in come(browser, asked)
        # It works once, where it began, and is used up then.
        upstream.grants(upstream.issuer.token(upstream.subject, **upstream.claims(asked)))
        page = upstream.come_back(attacker, asked, iss=upstream.issuer.name)
        assert page.url.path == "/account/", page.text
        page = upstream.come_back(attacker, asked, iss=upstream.issuer.name)
        assert page.status_code == 400
    # No state, two states, an odd one.
    path = f"/account/upstream/{upstream.row.slug}/callback"
    for query in ("", "?state=a&state=b", "?state=%FF", "?state=%00", "?code=a&state=%C3%A4"):
        assert browser.get(path + query).status_code == 400
    asked = upstream.begin(browser)
    assert browser.get(f"{path}?state={asked['state']}&code=a&code=b").status_code == 400
    assert not is_signed_in(browser)


def test_an_upstream_that_is_disabled_signs_nobody_in(
    browser: Browser, upstream: FakeUpstream
) -> None:
    asked = upstream.begin(browser)
    upstream.grants(upstream.issuer.token(upstream.subject, **upstream.claims(asked)))
    upstream.row.enabled = False
    upstream.row.save()
    page = upstream.come_back(browser, asked)
    assert page.status_code == 400
    assert "isn’t available" in page.text
    assert browser.get(f"/account/upstream/{upstream.row.slug}/").status_code == 400
    assert upstream.row.name not in browser.get(LOGIN).text
    assert not is_signed_in(browser)


def test_a_subject_is_nobody_after_its_account_is_deleted(
    browser: Browser, upstream: FakeUpstream
) -> None:
    assert upstream.sign_in(browser).url.path == "/account/"
    user = User.objects.get(email=upstream.email)
    sub = user.sub
    user.delete()
    upstream.row.creation = "off"
    upstream.row.save()
    with Browser() as another:
        page = upstream.sign_in(another)
        assert page.status_code == 400
        assert "There is no account for you here yet" in page.text
    upstream.row.creation = "on"
    upstream.row.save()
    with Browser() as another:
        assert upstream.sign_in(another).url.path == "/account/"
    assert User.objects.get(email=upstream.email).sub != sub


@spec("OIDC Core", "5.3.2")
def test_userinfo_about_another_user_is_refused(
    browser: Browser, upstream: FakeUpstream, foreign_site: Elsewhere
) -> None:
    victim = make_user()
    said = f'{{"sub": "other", "email": "{victim.email}", "email_verified": true}}'
    foreign_site.says(upstream.userinfo_path, said.encode())
    page = upstream.sign_in(browser, email=None)
    assert page.status_code == 400
    assert "UserInfo is about another user" in refusal(upstream)
    # A token that would add a header to the request is not sent.
    asked = upstream.begin(browser)
    told = upstream.claims(asked, email=None)
    token = upstream.issuer.token(upstream.subject, **told)
    upstream.grants(token, access_token="at\r\nX-Header: 1")
    assert upstream.come_back(browser, asked).status_code == 400
    assert foreign_site.times(upstream.userinfo_path) == 1


def test_very_many_groups_cost_nothing(browser: Browser, foreign_site: Elsewhere) -> None:
    """100,000 are refused at once; as many as an answer may have are read, and not kept."""
    ours, other = (Group.objects.create(name=unique("Group")).name for _ in range(2))
    mapping = {"groups_claim": "their.groups", "groups": {"g77": ours, "absent": other}}
    upstream = FakeUpstream(foreign_site, {"mapping": mapping})
    many = [f"g{number}" for number in range(100_000)]
    began = time.monotonic()
    page = upstream.sign_in(browser, their={"groups": many})
    assert page.status_code == 400
    assert time.monotonic() - began < 5
    assert "larger than 65536 bytes" in refusal(upstream)
    upstream.site.says(
        upstream.userinfo_path,
        json.dumps({"sub": upstream.subject, "email": upstream.email, "groups": many}).encode(),
    )
    assert upstream.sign_in(browser, email=None).status_code == 400
    assert not User.objects.filter(email=upstream.email).exists()
    # An answer that is just small enough: they wait with the mailed code, and are given with it.
    page = upstream.sign_in(browser, their={"groups": many[:5000]})
    kept = BrowserSession.objects.get(session_key=browser.cookies[settings.SESSION_COOKIE_NAME])
    assert len(kept.session_data) < 10_000
    page = browser.submit(page, code=mailed_code(upstream.email))
    assert page.url.path == "/account/", page.text
    user = User.objects.get(email=upstream.email)
    assert [group.name for group in user.groups.all()] == [ours]
    session = user.sessions.get()
    assert len(session.at_upstream.sealed_id_token) < 10_000
    assert len(str(session.methods)) < 1000
    events = Event.objects.filter(user=user)
    assert max(len(str(event.details)) for event in events) < 2000
    assert len(str(social_accounts.of(user).get().extra_data)) < 1000
