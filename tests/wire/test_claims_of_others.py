"""Aggregated and distributed claims, where an operator has configured sources. OIDC Core §5.6.2."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jwcrypto.jwt import JWT

from accounts.models import User
from idp.declaration import apply
from tests import secrecy
from tests.claim_sources import KEY, SOURCES, token_of
from tests.conftest import Server
from tests.ports import free_port
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

MEMBERS = {"_claim_names", "_claim_sources"}


@pytest.fixture(scope="module")
def configured(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A provider on the same database with sources of claims."""
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("configured") / "log",
        IDP_CLAIM_SOURCES=",".join(SOURCES),
    )
    server.wait()
    yield server
    server.stop()


@pytest.fixture
def there(configured: Server, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Server:
    """The same, which relying parties and browsers go to, and which `apply` knows of."""
    monkeypatch.setattr("tests.relying_party.ISSUER", configured.issuer)
    settings.IDP_CLAIM_SOURCES = SOURCES
    return configured


@pytest.fixture
def browser(there: Server) -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def known_user(there: Server) -> EndUser:
    user = make_user()
    secrecy.used.note(token_of(user_of(user)))
    return user


def user_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def make_scope(*claims: str) -> str:
    name = unique("scope")
    entry = {"name": name, "description": "Your standing"}
    entry["claims"] = dict.fromkeys(claims, "claims provider")
    apply({"scopes": [entry]}, dry_run=False)
    return name


def client_of(*claims: str) -> Registered:
    """Return a client that may ask for these claims by a scope of their own."""
    return make_client(scope=f"openid {make_scope(*claims)}")


def from_bureau(claims: dict[str, Any]) -> dict[str, Any]:
    """Return what the bureau has signed, as a client reads it."""
    [source] = claims["_claim_sources"].values()
    assert set(source) == {"JWT"}
    assert set(claims["_claim_names"].values()) == set(claims["_claim_sources"])
    return json.loads(JWT(jwt=source["JWT"], key=KEY, algs=["EdDSA"]).claims)


def discovery(issuer: str) -> dict[str, Any]:
    return httpx.get(f"{issuer}/.well-known/openid-configuration", verify=False).json()


@spec("OIDC Discovery", "3")
def test_they_are_advertised_where_a_source_is_configured_only(configured: Server) -> None:
    plain, facts = discovery(ISSUER), discovery(configured.issuer)
    assert plain["claim_types_supported"] == ["normal"]
    assert set(facts["claim_types_supported"]) == {"normal", "aggregated", "distributed"}
    more = set(facts["claims_supported"]) - set(plain["claims_supported"])
    assert more == {"credit_score", "paid_late", "land", "broken"}


@spec("OIDC Core", "5.6.2")
def test_aggregated_claims_are_agreed_to_and_come_as_their_provider_signed_them(
    browser: Browser, known_user: EndUser
) -> None:
    scope = make_scope("credit_score", "paid_late")
    client = make_client(scope=f"openid profile {scope}", userinfo_signed_response_alg="RS256")
    relying_party = RelyingParty(client, browser, known_user)
    page = browser.sign_in(known_user, relying_party.visit(scope=f"openid {scope}"))
    assert is_page(page, "/consent")
    for words in ("Your standing", "credit score, from Example Credit Bureau", "bills paid late"):
        assert words in page.text
    answer = relying_party.answer(browser.submit(page, "allow"))
    tokens = relying_party.exchange(answer.code).json()
    assert MEMBERS.isdisjoint(verified(tokens["id_token"]))
    claims = verified(relying_party.userinfo(tokens["access_token"]).text)
    assert set(claims["_claim_names"]) == {"credit_score", "paid_late"}
    assert from_bureau(claims) == {
        "iss": "https://bureau.example.com",
        "aud": client.client_id,
        "credit_score": 650,
        "paid_late": 3,
    }
    assert {"credit_score", "paid_late"}.isdisjoint(claims)
    assert "from Example Credit Bureau" in browser.open("/account/apps/").text


@spec("OIDC Core", "5.6.2")
def test_asked_for_one_by_one_each_is_in_its_place_alone(
    browser: Browser, known_user: EndUser
) -> None:
    relying_party = RelyingParty(
        client_of("credit_score", "paid_late", "land"), browser, known_user
    )
    claims = json.dumps({"id_token": {"credit_score": None}, "userinfo": {"land": None}})
    page = browser.sign_in(known_user, relying_party.visit(claims=claims))
    assert "credit score, from" in page.text
    assert "land you own, from Land Register" in page.text
    assert "bills paid late" not in page.text
    tokens = relying_party.exchange(relying_party.go_on(page).code).json()
    id_token = verified(tokens["id_token"])
    assert set(id_token["_claim_names"]) == {"credit_score"}
    assert {"credit_score", "paid_late"} & set(from_bureau(id_token)) == {"credit_score"}
    assert relying_party.userinfo(tokens["access_token"]).json() == {
        "sub": known_user.sub,
        "_claim_names": {"land": "src1"},
        "_claim_sources": {
            "src1": {
                "endpoint": "https://register.example.com/claims",
                "access_token": token_of(user_of(known_user)),
            }
        },
    }


@spec("OIDC Core", "5.5")
def test_they_are_for_no_client_that_may_not_have_a_scope_that_shows_them(
    browser: Browser, known_user: EndUser
) -> None:
    make_scope("credit_score", "land")
    asked = {"credit_score": {"essential": True}, "land": None}
    claims = json.dumps({"id_token": asked, "userinfo": asked})
    relying_party = RelyingParty(make_client(), browser, known_user)
    tokens = relying_party.tokens(claims=claims)
    assert MEMBERS.isdisjoint(verified(tokens["id_token"]))
    assert relying_party.userinfo(tokens["access_token"]).json() == {"sub": known_user.sub}


@spec("OIDC Core", "5.3.2")
def test_of_whom_nobody_asserts_anything_nothing_is_said(browser: Browser) -> None:
    unknown = make_user(nickname="")
    client = client_of("credit_score")
    tokens = RelyingParty(client, browser, unknown).tokens(scope=client.metadata["scope"])
    response = RelyingParty(client, browser, unknown).userinfo(tokens["access_token"])
    assert response.json() == {"sub": unknown.sub}


def test_a_source_that_fails_costs_its_own_claims_and_tells_no_secret(
    there: Server, browser: Browser, known_user: EndUser
) -> None:
    asked = {"broken": {"essential": True}, "land": None}
    claims = json.dumps({"id_token": asked, "userinfo": asked})
    relying_party = RelyingParty(client_of("broken", "land"), browser, known_user)
    response = relying_party.exchange(relying_party.authorize(claims=claims).code)
    userinfo = relying_party.userinfo(response.json()["access_token"])
    for claims_there in (verified(response.json()["id_token"]), userinfo.json()):
        assert claims_there["_claim_names"] == {"land": "src1"}
    for answer in (response, userinfo):
        [line] = there.logged(request_id=answer.headers["X-Request-ID"], event="claims_left_out")
        assert (line["level"], line["claims"]) == ("error", ["broken"])
        assert (line["source"], line["reason"]) == ("tests.claim_sources.Broken", "ValueError")
        assert "tests/claim_sources.py:" in line["at"][-1]
    assert token_of(user_of(known_user)) not in there.log.read_text()
