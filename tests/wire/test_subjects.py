"""Public and pairwise subjects. OIDC Core §8."""

import json
import threading
from typing import Any

import httpx
import pytest

from idp.models import PairwiseSubject
from idp.protocol.vocabulary import CIBA
from tests.asking import Desk
from tests.elsewhere import Elsewhere, answering
from tests.registering import manage, register, registered, replaceable
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)


def pairwise(host: str, **metadata: Any) -> Registered:
    """Register a client at a host that knows users by subjects of its own."""
    uris = [f"https://{host}/callback"]
    return make_client(**{"subject_type": "pairwise", "redirect_uris": uris, **metadata})


@pytest.fixture
def host() -> str:
    return f"{unique('shop')}.example.com"


@spec("OIDC Core", "8.1")
def test_a_subject_of_each_sector(browser: Browser, user: EndUser, host: str) -> None:
    def known_to(client: Registered, whose: EndUser = user) -> str:
        with Browser() as fresh:
            return verified(RelyingParty(client, fresh, whose).tokens()["id_token"])["sub"]

    here = known_to(pairwise(host))
    assert here == known_to(pairwise(host))
    elsewhere = known_to(pairwise(f"www.{host}"))
    assert len({here, elsewhere, user.sub}) == 3
    assert known_to(pairwise(host), make_user()) != here
    assert known_to(make_client()) == user.sub


@spec("OIDC Core", "5.3.2")
def test_it_is_the_same_wherever_the_client_meets_it(
    browser: Browser, user: EndUser, host: str
) -> None:
    grants = ["authorization_code", "refresh_token"]
    client = pairwise(host, grant_types=grants, access_token_format="jwt")
    party = RelyingParty(client, browser, user)
    tokens = party.tokens(scope="openid offline_access email", prompt="consent")
    sub = verified(tokens["id_token"])["sub"]
    assert sub != user.sub
    renewed = party.refresh(tokens["refresh_token"]).json()
    seen = [
        party.userinfo(tokens["access_token"]).json()["sub"],
        verified(tokens["access_token"])["sub"],
        party.introspect(tokens["access_token"])["sub"],
        party.introspect(renewed["refresh_token"])["sub"],
        verified(renewed["id_token"])["sub"],
        party.userinfo(renewed["access_token"]).json()["sub"],
    ]
    assert set(seen) == {sub}
    assert user.sub not in json.dumps([tokens, renewed])


@spec("OIDC Core", "2")
def test_one_of_elsewhere_is_sent_as_it_is(browser: Browser) -> None:
    """A subject of a person who moved in, which has an @; another's differs in case alone."""
    shared = unique("Corp|Ab c@X")
    moved, other = make_user(sub=shared), make_user(sub=shared.swapcase())
    assert (moved.sub, other.sub) == (shared, shared.swapcase())
    client = make_client(grant_types=["authorization_code", CIBA])
    party = RelyingParty(client, browser, moved)
    tokens = party.tokens()
    seen = [
        verified(tokens["id_token"])["sub"],
        party.userinfo(tokens["access_token"]).json()["sub"],
        party.introspect(tokens["access_token"])["sub"],
    ]
    assert set(seen) == {shared}
    for known in (moved, other):
        named = Desk(known, client).asks(login_hint=known.sub).row.user
        assert named is not None
        assert named.email == known.email


@spec("OIDC Core", "3.1.2.1")
def test_hints_name_it(browser: Browser, user: EndUser, host: str) -> None:
    client = pairwise(host)
    party = RelyingParty(client, browser, user)
    hint = party.tokens()["id_token"]
    assert party.answer(party.visit(prompt="none", id_token_hint=hint)).code
    with Browser() as other:
        stranger = RelyingParty(client, other, make_user())
        stranger.authorize()
        answer = stranger.answer(stranger.visit(prompt="none", id_token_hint=hint))
        assert answer.error == "login_required"
    page = browser.get("/end_session", params={"id_token_hint": hint})
    assert page.is_redirect
    assert is_page(party.visit(), "/account/login/")


@spec("OIDC Core", "8.1")
def test_two_first_visits_at_once_make_one_subject(user: EndUser, host: str) -> None:
    clients, subjects = [pairwise(host) for _ in range(6)], []
    parties = []
    for client in clients:
        party = RelyingParty(client, Browser(), user)
        parties.append((party, party.authorize().code))

    def exchange(party: RelyingParty, code: str | None) -> None:
        subjects.append(verified(party.exchange(code).json()["id_token"])["sub"])

    PairwiseSubject.objects.filter(sector=host).delete()
    threads = [threading.Thread(target=exchange, args=pair) for pair in parties]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for party, _code in parties:
        party.browser.close()
    assert len(subjects) == 6
    assert len(set(subjects)) == 1
    assert PairwiseSubject.objects.filter(sector=host).count() == 1


def test_a_client_that_becomes_pairwise_learns_nothing_more_by_old_tokens(
    browser: Browser, user: EndUser, host: str
) -> None:
    client = pairwise(host, subject_type="public")
    party = RelyingParty(client, browser, user)
    before = party.tokens()
    pairwise(host, client_id=client.client_id, client_secret=client.secret)
    assert party.userinfo(before["access_token"]).status_code == 401
    after = party.tokens()
    assert verified(after["id_token"])["sub"] != user.sub
    assert party.userinfo(after["access_token"]).status_code == 200


# --- sectors ------------------------------------------------------------------------------------

SEVERAL = ["https://a.example.com/callback", "https://b.example.com/callback"]


@spec("OIDC Dynamic Client Registration", "5")
def test_a_sector_of_several_hosts(
    foreign_site: Elsewhere, user: EndUser, provider: object
) -> None:
    uri = foreign_site.says(
        f"/{unique('sector')}", json.dumps([*SEVERAL, "https://x.example"]).encode()
    )
    members = {"redirect_uris": SEVERAL, "subject_type": "pairwise", "sector_identifier_uri": uri}
    information = registered(**members)
    assert {name: information[name] for name in members} == members
    client = make_client(**members)
    with Browser() as browser:
        sub = verified(RelyingParty(client, browser, user).tokens()["id_token"])["sub"]
    assert PairwiseSubject.objects.get(sub=sub).sector == "localhost"
    replaced = replaceable(information, redirect_uris=[*SEVERAL, "https://c.example.com/callback"])
    refused = manage("PUT", information, body=replaced)
    assert refused.json()["error"] == "invalid_client_metadata"


@spec("OIDC Core", "8.1")
def test_several_hosts_need_one(provider: object) -> None:
    answer = register(redirect_uris=SEVERAL, subject_type="pairwise")
    assert answer.json()["error"] == "invalid_client_metadata"
    assert register(redirect_uris=SEVERAL, subject_type="public").status_code == 201


@spec("OIDC Dynamic Client Registration", "5")
@pytest.mark.parametrize("subject_type", ["pairwise", "public"])
@pytest.mark.parametrize(
    "body", [b"", b"x", b"{}", b"[" * 30_000, json.dumps(SEVERAL[:1]).encode(), b"\xff"]
)
def test_a_sector_that_does_not_vouch(
    provider: object, foreign_site: Elsewhere, body: bytes, subject_type: str
) -> None:
    uri = foreign_site.says(f"/{unique('sector')}", body)
    answer = register(redirect_uris=SEVERAL, sector_identifier_uri=uri, subject_type=subject_type)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@spec("OIDC Dynamic Client Registration", "5")
def test_a_sector_that_cannot_be_fetched(provider: object, foreign_site: Elsewhere) -> None:
    path = f"/{unique('sector')}"
    foreign_site.pages[path] = answering(b"", status=302, Location="https://localhost/")
    for uri in (foreign_site.address + path, "https://10.255.255.1/", "http://localhost/", "x"):
        answer = register(redirect_uris=SEVERAL, sector_identifier_uri=uri)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


@spec("OIDC Discovery", "3")
def test_both_are_listed(provider: object) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    assert set(facts["subject_types_supported"]) == {"public", "pairwise"}
