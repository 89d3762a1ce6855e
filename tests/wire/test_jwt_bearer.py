"""A trusted issuer vouches for a user: JWT bearer grant and ID-JAG. RFC 7523 §2.1, ID-JAG §4.4."""

import threading
import time
from typing import Any

import httpx
import pytest

from accounts.models import User
from idp.clients import enabled_grants
from idp.endpoints.metadata import provider_metadata
from idp.models import Client, Event, Grant, TrustedIssuer
from tests.assertions import make_key
from tests.elsewhere import Elsewhere
from tests.issuers import JWT_BEARER, Issuer, trust
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    forms_of,
    make_api,
    make_client,
    make_user,
    spec,
    unique,
)

DOMAIN = "example.com"  # of all users of tests


@pytest.fixture(scope="module")
def company(provider: object, foreign_site: Elsewhere) -> Issuer:
    """A company's identity provider, which names its users by their addresses."""
    company = Issuer(foreign_site)
    purposes = ("users", "id_jags")
    trust(company, *purposes, email_domains=[DOMAIN], name="Example Ltd")
    return company


@pytest.fixture(scope="module")
def api(provider: object) -> dict[str, Any]:
    name = unique("notes")
    return make_api(scopes=[f"{name}:read", f"{name}:write", f"{name}:admin"])


def app_of(company: Issuer, api: dict[str, Any], **metadata: Any) -> Registered:
    """Register an app that may read and write for the users of a company."""
    read, write, admin = api["scopes"]
    return make_client(
        **{
            "grant_types": [JWT_BEARER],
            "response_types": None,
            "redirect_uris": None,
            "profile": None,
            "scope": f"openid email {read} {write} {admin}",
            "user_assertions": {company.name: f"openid email {read} {write}"},
            **metadata,
        }
    )


@pytest.fixture
def app(company: Issuer, api: dict[str, Any]) -> Registered:
    return app_of(company, api)


def present(assertion: str, client: Registered, **form: Any) -> httpx.Response:
    """Ask for a token with an assertion."""
    form = {"grant_type": JWT_BEARER, "assertion": assertion, **form}
    auth = (client.client_id, client.secret or "")
    answer = httpx.post(f"{ISSUER}/token", data=form, auth=auth, verify=False, timeout=30)
    assert answer.status_code < 500, answer.text
    return answer


def outcome(assertion: str, client: Registered, **form: Any) -> str:
    return present(assertion, client, **form).json().get("error", "ok")


def by_email(company: Issuer, user: EndUser, **claims: Any) -> str:
    """Return an assertion that names a user by their address."""
    claims = {"email": user.email, "email_verified": True, **claims}
    return company.token(claims.pop("sub", unique("sub")), **claims)


def userinfo(token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{ISSUER}/userinfo", headers=headers, verify=False)


@spec("RFC 7523", "2.1")
def test_a_user_is_vouched_for_sees_it_and_takes_it_back(
    company: Issuer, app: Registered, browser: Browser
) -> None:
    user, subject = make_user(), unique("U")
    trust(
        company,
        *("users", "id_jags"),
        email_domains=[DOMAIN],
        name="Example Ltd",
        links={subject: user.email},
    )
    assertion = company.token(subject, auth_time=int(time.time()) - 60)
    answer = present(assertion, app, scope="openid email")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json()["scope"] == "email openid"
    token = answer.json()["access_token"]
    assert userinfo(token).json()["email"] == user.email
    grant = Grant.objects.get(client__client_id=app.client_id)
    assert (grant.asserted_by, grant.user.email, grant.amr) == (company.name, user.email, [])
    [event] = Event.objects.filter(kind=Event.Kind.ASSERTION_ACCEPTED, client_id=app.client_id)
    assert (event.user, event.target) == (grant.user, f"trusted issuer {company.name}")
    # It works once.
    assert outcome(assertion, app) == "invalid_grant"
    # The user sees the app among those connected, and takes its access away.
    browser.sign_in(user)
    page = browser.get("/account/apps/")
    assert "Example Ltd</bdi> vouched for you" in page.text
    form = next(form for form in forms_of(page) if not form.action and form.fields)
    browser.post("/account/apps/", data={**form.fields, "remove": app.client_id})
    assert userinfo(token).status_code == 401
    assert app.client_id not in browser.get("/account/apps/").text


@spec("RFC 7523", "3")
def test_users_are_found_by_addresses_of_the_issuers_domains_alone(
    company: Issuer, app: Registered
) -> None:
    user = make_user()
    elsewhere = make_user(email=f"{unique('ana')}@other.example")
    unverified = make_user(email_verified=False)
    assert outcome(by_email(company, user), app) == "ok"
    assert outcome(by_email(company, user, email=user.email.upper()), app) == "ok"
    jag = company.id_jag(unique("sub"), app, email=user.email)
    assert outcome(jag, app) == "ok"  # an ID-JAG need not repeat that it is verified
    refused = {
        "not verified": by_email(company, user, email_verified=False),
        "verified as a text": by_email(company, user, email_verified="true"),
        "verified by nobody": by_email(company, user, email_verified=None),
        "an ID-JAG that says it is not": company.id_jag(
            unique("sub"), app, email=user.email, email_verified=False
        ),
        "another domain": by_email(company, elsewhere),
        "not verified here": by_email(company, unverified),
        "unknown": by_email(company, user, email=f"{unique('x')}@{DOMAIN}"),
        "a part of a domain": by_email(company, user, email=f"a@sub.{DOMAIN}"),
        "two addresses": by_email(company, user, email=f"{elsewhere.email}@{DOMAIN}"),
        "a list": by_email(company, user, email=[user.email]),
        "a subject that is an address": company.token(user.email),
        "a subject that is ours": company.token(user.sub),
    }
    found = {name: outcome(assertion, app) for name, assertion in refused.items()}
    assert set(found.values()) == {"invalid_grant"}, found


@spec("RFC 7523", "3")
def test_assertions_that_prove_nothing(
    company: Issuer, app: Registered, foreign_site: Elsewhere
) -> None:
    user, now, stranger = make_user(), int(time.time()), make_key()
    others = Issuer(foreign_site)
    trust(others, "users", "id_jags", email_domains=[DOMAIN])  # but not for this app
    workloads = Issuer(foreign_site)
    trust(workloads, "workloads")
    refused = {
        "another issuer": by_email(others, user),
        "one for workloads": by_email(workloads, user),
        "an issuer that is unknown": by_email(company, user, iss="https://evil.example"),
        "another key": by_email(company, user, key=stranger),
        "another audience": by_email(company, user, aud="https://api.example"),
        "several audiences": by_email(company, user, aud=[ISSUER, "https://api.example"]),
        "the app for an audience": by_email(company, user, aud=app.client_id),
        "expired": by_email(company, user, exp=now - 60),
        "a day": by_email(company, user, exp=now + 86400),
        "no jti": by_email(company, user, jti=None),
        "an access token": by_email(company, user, header={"typ": "at+jwt"}),
        "another app": by_email(company, user, client_id="another"),
        "a tenant": by_email(company, user, tenant="acme"),
        "scopes as a list": by_email(company, user, scope=["openid"]),
        "an API that is none": by_email(company, user, resource=7),
        "an API with a NUL": by_email(company, user, resource=["a\0"]),
        "half a letter in an API": by_email(company, user, resource="\ud800"),
        "half a letter in an address": by_email(company, user, email=f"\ud800@{DOMAIN}"),
        "half a letter in a subject": by_email(company, user, sub="\ud800"),
        "a NUL in a subject": by_email(company, user, sub="a\0b"),
        "half a letter in an issuer": by_email(company, user, iss="\ud800"),
        "no JWT": "x.y.z",
        "unsigned": "eyJhbGciOiJub25lIn0.e30.",
    }
    found = {name: outcome(assertion, app) for name, assertion in refused.items()}
    assert set(found.values()) == {"invalid_grant"}, found
    assert present("", app).json()["error"] == "invalid_request"


def at_once(requests: list[tuple[str, Registered]]) -> list[str]:
    """Present assertions at the same moment, and return the outcomes."""
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda each=each: found.append(outcome(*each))) for each in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@spec("RFC 7523", "3")
def test_an_assertion_works_once_at_all_apps_together(
    company: Issuer, app: Registered, api: dict[str, Any]
) -> None:
    other, user = app_of(company, api), make_user()
    for assertion in (by_email(company, user), by_email(company, user, jti="é" * 300)):
        found = at_once([(assertion, app), (assertion, other)] * 5)
        assert sorted(found) == ["invalid_grant"] * 9 + ["ok"]
    # What was refused for another reason may be presented again.
    assertion = by_email(company, user)
    assert outcome(assertion, app, resource="https://unknown.example") == "invalid_target"
    assert outcome(assertion, app, scope="openid") == "ok"


@spec("RFC 6749", "3.3")
def test_scopes_are_those_that_all_name(
    company: Issuer, app: Registered, api: dict[str, Any]
) -> None:
    read, write, admin = api["scopes"]
    user = make_user()

    def granted(asserted: str | None, asked: str = "") -> Any:
        answer = present(by_email(company, user, scope=asserted), app, scope=asked).json()
        return set(answer["scope"].split()) if "scope" in answer else answer["error"]

    assert granted(None) == {"openid", "email", read, write}
    assert granted(f"{read} {admin} unknown") == {read}
    assert granted(None, f"{write}") == {write}
    assert granted(f"{read} {write}", f"{write} email") == {write}
    assert granted(f"{admin}") == "invalid_scope"
    assert granted(f"{read}", write) == "invalid_scope"
    assert granted(None, admin) == "invalid_scope"  # not for users of this issuer
    assert granted(None, "offline_access") == "invalid_scope"


@spec("ID-JAG", "4.4.1")
def test_an_id_jag_is_for_one_app_and_its_apis(
    company: Issuer, app: Registered, api: dict[str, Any]
) -> None:
    read, write, _admin = api["scopes"]
    user, other = make_user(), make_api()

    def jag(**claims: Any) -> str:
        claims = {"email": user.email, "resource": api["identifier"], **claims}
        return company.id_jag(unique("sub"), app, **claims)

    answer = present(jag(scope=f"{read} {write}"), app, scope=read)
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == read
    facts = httpx.post(
        f"{ISSUER}/introspect",
        data={"token": answer.json()["access_token"]},
        auth=(app.client_id, app.secret or ""),
        verify=False,
    ).json()
    assert (facts["aud"], facts["sub"]) == (api["identifier"], user.sub)
    assert outcome(jag(), app, resource=api["identifier"]) == "ok"
    assert outcome(jag(), app, resource=other["identifier"]) == "invalid_target"
    assert outcome(jag(resource="https://unknown.example"), app) == "invalid_target"
    refused = {
        "another app": jag(client_id=app_of(company, api).client_id),
        "no app": jag(client_id=None),
        "the token endpoint": jag(aud=f"{ISSUER}/token"),
        "no jti": jag(jti=None),
        "no iat": jag(iat=None),
        "another type": jag(header={"typ": "application/x"}),
    }
    found = {name: outcome(assertion, app) for name, assertion in refused.items()}
    assert set(found.values()) == {"invalid_grant"}, found
    once = jag()
    assert [outcome(once, app), outcome(once, app)] == ["ok", "invalid_grant"]
    # Each of the two kinds has to be trusted.
    rows = TrustedIssuer.objects.filter(issuer=company.name)
    try:
        for purposes, expected in ((["users"], "invalid_grant"), (["id_jags"], "ok")):
            rows.update(purposes=purposes)
            assert outcome(jag(), app) == expected
        assert outcome(by_email(company, user), app) == "invalid_grant"
        # A tenant that the operator names is one that is trusted.
        rows.update(purposes=["users", "id_jags"], claims={"tenant": "acme"})
        assert outcome(jag(tenant="acme"), app) == "ok"
        assert {outcome(jag(tenant=t), app) for t in ("other", None, "")} == {"invalid_grant"}
    finally:
        rows.update(purposes=["users", "id_jags"], claims={})


@spec("RFC 6749", "5.2")
def test_what_is_disabled_gets_nothing(company: Issuer, api: dict[str, Any]) -> None:
    app, user = app_of(company, api), make_user()
    token = present(by_email(company, user), app, scope="openid").json()["access_token"]
    changes: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
        (
            TrustedIssuer.objects.filter(issuer=company.name),
            {"enabled": False},
            {"enabled": True},
            "invalid_grant",
        ),
        (
            User.objects.filter(email=user.email),
            {"is_active": False},
            {"is_active": True},
            "invalid_grant",
        ),
    ]
    for rows, change, back, expected in changes:
        rows.update(**change)
        assert outcome(by_email(company, user), app) == expected
        rows.update(**back)
    User.objects.filter(email=user.email).update(is_active=False)
    assert userinfo(token).status_code == 401
    User.objects.filter(email=user.email).update(is_active=True)
    for metadata, expected in (
        ({"required_acr": "phr"}, "invalid_grant"),
        ({"allowed_groups": [unique("bakers")]}, "invalid_grant"),
        ({"enabled": False}, "invalid_client"),
    ):
        strict = app_of(company, api)
        row = Client.objects.get(client_id=strict.client_id)
        for column, value in metadata.items():
            setattr(row, column, value)
        row.save()
        assert outcome(by_email(company, user), strict) == expected, metadata


@spec("ID-JAG", "7.2")
def test_discovery_lists_what_an_app_can_use(
    foreign_site: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def discovered() -> dict[str, Any]:
        monkeypatch.setattr(enabled_grants, "_known", None)  # it is at most seconds old
        return provider_metadata(enabled_grants.enabled_grants())

    rows = Client.objects.filter(has_extension_grants=True)
    users = [row.pk for row in rows if JWT_BEARER in row.grant_types]
    Client.objects.filter(pk__in=users).update(enabled=False)
    before = discovered()
    assert JWT_BEARER not in before["grant_types_supported"]
    assert "authorization_grant_profiles_supported" not in before
    company = Issuer(foreign_site)
    for purposes, profiles in (
        (["users"], None),
        (["id_jags"], ("urn:ietf:params:oauth:grant-profile:id-jag",)),
    ):
        trust(company, *purposes)
        app_of(company, {"scopes": ["profile", "address", "phone"]})
        after = discovered()
        assert JWT_BEARER in after["grant_types_supported"]
        assert after.get("authorization_grant_profiles_supported") == profiles


@spec("ID-JAG", "8")
def test_assertions_need_a_client_that_authenticates(provider: object) -> None:
    from idp.declaration import DeclarationError

    with pytest.raises(DeclarationError, match="without a secret"):
        make_client(
            grant_types=[JWT_BEARER],
            response_types=None,
            redirect_uris=None,
            token_endpoint_auth_method="none",
        )
