"""Sign-outs and levels that an upstream tells of, and what a forger makes of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from jwcrypto.common import base64url_decode

from accounts.models import Session, UsedUpstreamToken
from idp import housekeeping
from tests.assertions import make_key
from tests.devices import Device, approve
from tests.elsewhere import Elsewhere
from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    spec,
    unique,
)
from tests.upstreams import FakeUpstream

EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}


@pytest.fixture
def upstream(provider: object, foreign_site: Elsewhere) -> FakeUpstream:
    return FakeUpstream(foreign_site, {"trusts_email": True})


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


def said_by(jwt: str) -> dict[str, Any]:
    return json.loads(base64url_decode(jwt.split(".")[1]))  # type: ignore[no-any-return]


def tell(upstream: FakeUpstream, token: str) -> httpx.Response:
    """Post a logout token as the upstream would."""
    address = f"{ISSUER}/account/upstream/{upstream.row.slug}/backchannel-logout"
    return httpx.post(address, data={"logout_token": token}, verify=False)


def logout_token(upstream: FakeUpstream, sid: Any, **changes: Any) -> str:
    stated = {"aud": "our client", "events": EVENT, "sid": sid, **changes}
    subject = stated.pop("sub", upstream.subject)
    header = {"typ": stated.pop("typ", "logout+jwt")}
    return upstream.issuer.token(subject, header=header, **stated)


@spec("OIDC Back-Channel Logout", "2.6")
def test_forged_logout_tokens_end_nothing(
    browser: Browser, upstream: FakeUpstream, foreign_site: Elsewhere
) -> None:
    sid, now = unique("sid"), int(time.time())
    upstream.sign_in(browser, sid=sid)
    other = FakeUpstream(foreign_site)
    forged = {
        "another key": logout_token(upstream, sid, key=make_key()),
        "another audience": logout_token(upstream, sid, aud="another client"),
        "another issuer": logout_token(upstream, sid, iss=other.issuer.name),
        "expired": logout_token(upstream, sid, iat=now - 600, exp=now - 300),
        "without an end": logout_token(upstream, sid, exp=None),
        "far ahead": logout_token(upstream, sid, exp=now + 100_000),
        "without jti": logout_token(upstream, sid, jti=None),
        "an ID token": logout_token(upstream, sid, events=None, nonce="n"),
        "with a nonce": logout_token(upstream, sid, nonce="n"),
        "another event": logout_token(upstream, sid, events={"other": {}}),
        "events that are a text": logout_token(upstream, sid, events="backchannel-logout"),
        "about nobody": logout_token(upstream, None, sub=None),
        "with an odd sid": logout_token(upstream, [sid]),
        "of another type": logout_token(upstream, sid, typ="at+jwt"),
        "no JWT": "x.y.z",
        "nothing": "",
    }
    answers = {name: tell(upstream, token) for name, token in forged.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        forged, 400
    )
    assert all("error" in answer.json() for answer in answers.values())
    # What another upstream signs is not this one's, wherever it is sent.
    assert tell(upstream, logout_token(other, sid, sub=upstream.subject)).status_code == 400
    assert tell(other, logout_token(other, sid, sub=upstream.subject)).status_code == 204
    # And another session's or user's end is not the end of this one.
    assert tell(upstream, logout_token(upstream, unique("sid"))).status_code == 204
    assert tell(upstream, logout_token(upstream, sid, sub=unique("sub"))).status_code == 204
    assert is_signed_in(browser)


def test_a_logout_token_stops_a_sign_in_that_waits_for_a_code(
    browser: Browser, upstream: FakeUpstream
) -> None:
    upstream.row.trusts_email = False
    upstream.row.save()
    sid = unique("sid")
    for changes, is_stopped in (
        ({"sub": unique("sub")}, False),  # another user's end
        ({}, True),
        ({"sub": None}, True),
        ({"sid": None}, True),
    ):
        upstream.subject, upstream.email = unique("sub"), f"{unique('eve')}@example.org"
        with Browser() as waiting:
            page = upstream.sign_in(waiting, sid=sid)
            assert is_page(page, "/account/confirm-email/")
            assert tell(upstream, logout_token(upstream, **{"sid": sid, **changes})).is_success
            page = waiting.submit(page, code=mailed_code(upstream.email))
            assert is_signed_in(waiting) != is_stopped, changes
            assert is_page(page, "/account/login/") == is_stopped
            assert ("have signed out at" in page.text) == is_stopped
            # A new sign-in there is one that it does not mean.
            assert upstream.sign_in(waiting, sid=sid).url.path == "/account/"
            sid = unique("sid")


@spec("OIDC Back-Channel Logout", "2.7")
@pytest.mark.parametrize("names", ["sid", "sub", "both"])
def test_a_logout_token_ends_its_sessions_once(
    browser: Browser, upstream: FakeUpstream, names: str
) -> None:
    sid = unique("sid")
    upstream.sign_in(browser, sid=sid)
    changes: dict[str, Any] = {"sid": {"sub": None}, "sub": {"sid": None}, "both": {}}[names]
    token = logout_token(upstream, **{"sid": sid, **changes})
    answer = tell(upstream, token)
    assert (answer.status_code, "no-store" in answer.headers["Cache-Control"]) == (204, True)
    assert not is_signed_in(browser)
    session = Session.objects.filter(user__email=upstream.email).latest("created_at")
    assert session.ending == "signed-out-upstream"
    # Replayed, it does not end what began since.
    upstream.sign_in(browser, sid=sid)
    assert tell(upstream, token).status_code == 400
    assert is_signed_in(browser)
    # Of many at once one counts, in whichever process.
    many = [logout_token(upstream, unique("sid"))] * 8
    with ThreadPoolExecutor(8) as all_at_once:
        answers = list(all_at_once.map(lambda each: tell(upstream, each).status_code, many))
    assert sorted(answers) == [204, *[400] * 7]
    used = UsedUpstreamToken.objects.filter(upstream=upstream.row)
    assert used.count() == 2
    housekeeping.tidy(timezone.now() + timedelta(hours=1))
    assert not used.exists()


@spec("OIDC Back-Channel Logout", "2.7")
def test_what_was_made_from_an_upstreams_session_ends_with_it(
    browser: Browser, upstream: FakeUpstream
) -> None:
    """The session, its apps' tokens, and what was approved in it for apps on devices."""
    sid = unique("sid")
    upstream.sign_in(browser, sid=sid)
    app, device = RelyingParty(make_client(first_party=True), browser, None), Device()  # type: ignore[arg-type]
    tokens = app.exchange(app.answer(app.visit()).code).json()
    approve(browser, None, device.shows())  # type: ignore[arg-type]
    of_device = device.tokens()
    later = Device()
    approve(browser, None, later.shows())  # type: ignore[arg-type]
    assert app.userinfo(tokens["access_token"]).status_code == 200
    assert app.userinfo(of_device["access_token"]).status_code == 200
    # Approved in a session that began otherwise, with the same account.
    assert tell(upstream, logout_token(upstream, unique("sid"))).status_code == 204
    assert app.userinfo(of_device["access_token"]).status_code == 200
    assert tell(upstream, logout_token(upstream, sid)).status_code == 204
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert app.userinfo(of_device["access_token"]).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": of_device["refresh_token"]}
    assert device.post("/token", **form).json()["error"] == "invalid_grant"
    assert later.error() == "invalid_grant"
    sessions = Session.objects.filter(user__email=upstream.email)
    assert set(sessions.values_list("ending", flat=True)) == {"signed-out-upstream"}
    assert sessions.count() == 3


@spec("OIDC Core", "2")
def test_levels_and_times_are_those_of_the_upstream(
    browser: Browser, upstream: FakeUpstream
) -> None:
    """An old sign-in there is no new one here; and its words count as declared, no more."""
    upstream.row.levels = {"acr": {"gold": "urn:signet:acr:multi-factor"}}
    upstream.row.full_clean()
    upstream.row.save()
    app = RelyingParty(make_client(), browser, None)  # type: ignore[arg-type]
    hour_ago = int(time.time()) - 3600
    for acr, level in {"phr": "single-factor", "gold": "multi-factor"}.items():
        with Browser() as app.browser:
            asked = upstream.begin(app.browser)
            said = upstream.claims(asked, auth_time=hour_ago, acr=acr, amr=["phr", "mfa"])
            upstream.grants(upstream.issuer.token(upstream.subject, **said))
            upstream.come_back(app.browser, asked)
            session = Session.objects.filter(user__email=upstream.email).latest("created_at")
            assert session.authenticated_at.timestamp() == hour_ago
            page = app.visit()
            if is_page(page, "/consent"):
                page = app.browser.submit(page, "allow")
            token = app.exchange(app.answer(page).code).json()["id_token"]
            claims = said_by(token)
            assert claims["acr"] == f"urn:signet:acr:{level}"
            assert claims["auth_time"] == hour_ago
            # Fresh it is not.
            assert app.answer(app.visit(prompt="none", max_age="600")).error == "login_required"


@spec("OIDC Core", "3.1.2.1")
def test_who_authenticated_too_long_ago_is_asked_again_there(
    browser: Browser, upstream: FakeUpstream
) -> None:
    asked = upstream.begin(browser)
    assert "max_age" not in asked
    old = int(time.time()) - 40 * 24 * 3600
    upstream.grants(
        upstream.issuer.token(upstream.subject, **upstream.claims(asked, auth_time=old))
    )
    path = f"/account/upstream/{upstream.row.slug}/callback"
    page = browser.get(path, params={"code": "a-code", "state": asked["state"]})
    again = dict(httpx.URL(page.headers["Location"]).params)
    assert int(again["max_age"]) > 0
    # Once only: an upstream that pays no heed is refused.
    upstream.grants(
        upstream.issuer.token(upstream.subject, **upstream.claims(again, auth_time=old))
    )
    page = upstream.come_back(browser, again)
    assert page.status_code == 400
    assert not is_signed_in(browser)
