"""Operators trust issuers, link users and name workloads on pages; a file does the same."""

from typing import Any

import pytest
import yaml

from idp.declaration import Actor, DeclarationError, apply, export
from idp.models import Client, Event, IssuerLink, TrustedIssuer
from tests.assertions import jwks_of, make_key
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator, events_of, tab_of
from tests.issuers import JWT_BEARER, Issuer, machine, trust
from tests.relying_party import make_client, make_user, no_event, unique


def test_an_issuer_is_trusted_checked_linked_and_named(
    operator: Operator, foreign_site: Elsewhere
) -> None:
    issuer, user, client = Issuer(foreign_site), make_user(), make_client()
    page = operator.save(
        "idp/trustedissuer/add/",
        issuer=issuer.name,
        name="Example Ltd",
        purposes=["workloads", "users"],
        email_domains="example.com",
        claims="tenant = acme",
    )
    assert "errorlist" not in page.text
    row = TrustedIssuer.objects.get(issuer=issuer.name)
    assert (row.purposes, row.claims) == (["workloads", "users"], {"tenant": "acme"})
    assert (row.jwks, row.email_domains, row.longest_life) == (None, ["example.com"], 3600)
    said = operator.run_action(f"idp/trustedissuer/{row.pk}/change/", "check").text
    assert "Its keys by algorithm: P-256 (1)." in said
    # A user is linked; staff only by superusers.
    form = {"issuer": str(row.pk), "subject": "U1", "user": user.email}
    boss = make_user(is_staff=True)
    refused = operator.save("idp/issuerlink/add/", **{**form, "user": boss.email})
    assert "Only superusers link staff." in refused.text
    assert "errorlist" not in operator.save("idp/issuerlink/add/", **form).text
    assert IssuerLink.objects.get(issuer=row).user.email == user.email
    # An app names a workload; its patterns are checked.
    tab = tab_of(client.client_id, "workloads")
    workload = {"issuer": issuer.name, "subject": "system:serviceaccount:shop:*"}
    fields = {f"workloads-0-{name}": value for name, value in workload.items()}
    wrong = {**fields, "workloads-0-subject": "system:serviceaccount:shop:web*"}
    assert "stands for a whole part" in operator.save(tab, **wrong).text
    fields |= {"workloads-0-claims": "environment = production", "workloads-0-single_use": "on"}
    assert "errorlist" not in operator.save(tab, **fields).text
    stored = Client.objects.get(client_id=client.client_id).workloads
    claims = {"environment": "production"}
    assert stored == [{**workload, "claims": claims, "single_use": True}]
    findings = operator.open(f"idp/client/{row_of(client.client_id)}/findings/").text
    assert "Its workloads cannot prove it" in findings
    assert "Every workload that system:serviceaccount:shop:* means" in findings
    # What is not changed stays; an emptied subject removes the workload.
    assert "errorlist" not in operator.save(tab).text
    assert Client.objects.get(client_id=client.client_id).workloads == stored
    operator.save(tab, **{"workloads-0-subject": ""})
    assert Client.objects.get(client_id=client.client_id).workloads == []
    kinds = [(event.kind, event.target) for event in events_of(operator)]
    name = f"trusted issuer {issuer.name}"
    for expected in (("created", name), ("admin-action", name)):
        assert expected in kinds
    assert kinds.count(("created", name)) == 2


def row_of(client_id: str) -> int:
    return int(Client.objects.get(client_id=client_id).pk)


def test_taking_back_what_an_issuer_gave(superuser: Operator, foreign_site: Elsewhere) -> None:
    from accounts.models import User
    from idp.models import Grant

    issuer, client, user = Issuer(foreign_site), make_client(), make_user()
    trust(issuer, "users")
    about = {
        "client": Client.objects.get(client_id=client.client_id),
        "user": User.objects.get(email=user.email),
        "auth_time": "2026-01-01T00:00:00Z",
    }
    given = Grant.objects.create(asserted_by=issuer.name, **about)
    other = Grant.objects.create(**about)
    row = TrustedIssuer.objects.get(issuer=issuer.name)
    superuser.run_action(f"idp/trustedissuer/{row.pk}/change/", "revoke")
    assert Grant.objects.get(pk=given.pk).revoked_at is not None
    assert Grant.objects.get(pk=other.pk).revoked_at is None


def declare(**entry: Any) -> list[str]:
    """Apply one issuer; return the changes."""
    changes = apply({"trusted_issuers": [entry]}, dry_run=False, actor=Actor(no_event))
    return [line for change in changes for line in change.lines()]


def test_a_file_declares_issuers_links_and_what_apps_name(foreign_site: Elsewhere) -> None:
    issuer, user, other = Issuer(foreign_site), make_user(), make_user()
    entry: dict[str, Any] = {
        "issuer": issuer.name,
        "purposes": ["workloads", "users"],
        "jwks": jwks_of(make_key()),
        "links": {"U1": user.email.upper(), "U2": other.email},
    }
    assert any("links" in line for line in declare(**entry))
    assert declare(**entry) == []
    assert declare(**{**entry, "links": {"U2": user.email}}) == [
        f"~ trusted issuer {issuer.name}",
        f"    links: ~ U2: '{other.email}' -> '{user.email}' - U1",
    ]
    del entry["links"]
    assert declare(**entry) == []  # links stay
    client = machine(
        workloads=[{"issuer": issuer.name, "subject": "a:b:c", "claims": {"x": "1"}}],
        grant_types=["client_credentials", JWT_BEARER],
        user_assertions={issuer.name: "openid"},
    )
    exported = yaml.safe_load("".join(export(only=("trusted_issuers", "clients"))))
    [found] = [each for each in exported["trusted_issuers"] if each["issuer"] == issuer.name]
    assert found == {**entry, "links": {"U2": user.email}}
    [app] = [each for each in exported["clients"] if each["client_id"] == client.client_id]
    assert app["workloads"] == client.metadata["workloads"]
    assert app["user_assertions"] == {issuer.name: "openid"}
    assert apply({"clients": [app]}, dry_run=True, actor=Actor(no_event)) == []
    event = Event.objects.filter(target=f"trusted issuer {issuer.name}")
    assert not event.exists()  # by this actor, nothing is recorded


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"purposes": []}, "Say what it is trusted for"),
        ({"purposes": ["everything"]}, "Not offered here"),
        ({"algorithms": ["HS256"]}, "Not offered here"),
        ({"jwks": jwks_of(make_key()), "jwks_uri": "https://a.example/keys"}, "not both"),
        ({"jwks": {"keys": []}}, "JWK set"),
        ({"jwks_uri": "ftp://a.example/keys"}, "https://"),
        ({"email_domains": ["*.example.com"]}, "cannot be used"),
        ({"longest_life": 10**6}, "less than or equal"),
        ({"claims": {"tenant": 1}}, "as a text"),
        ({"links": {"U1": "nobody@nowhere.example"}}, "No user has the address"),
        ({"links": {"": "x"}}, "1 to 255"),
        ({"issuer": "idp.example"}, "https address"),
        ({"issuer": "https://a.example/?x"}, "https address"),
        ({"issuer": "spiffe://example.org"}, "needs the address of its bundle"),
        ({"issuer": "spiffe://example.org/web"}, "SPIFFE trust domain"),
        ({"issuer": "OUR OWN"}, "own issuer"),
    ],
)
def test_issuers_that_are_refused(database: None, entry: dict[str, Any], problem: str) -> None:
    from idp import policy

    whole = {"issuer": f"https://{unique('idp')}.example", "purposes": ["workloads"], **entry}
    if whole["issuer"] == "OUR OWN":
        whole["issuer"] = policy.ISSUER
    with pytest.raises(DeclarationError, match=problem):
        declare(**whole)


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"workloads": [{"issuer": "ISSUER"}]}, "has no subject"),
        ({"workloads": [{"issuer": "ISSUER", "subject": "*"}]}, "whole part"),
        ({"workloads": [{"issuer": "ISSUER", "subject": "a:b:c", "x": 1}]}, "has the members"),
        ({"workloads": [{"issuer": "ISSUER", "subject": 1}]}, "cannot be read"),
        ({"workloads": [{"issuer": "ISSUER", "subject": "a", "claims": {"x": 1}}]}, "as a text"),
        ({"workloads": [{"issuer": "https://b.example", "subject": "a"}]}, "no trusted issuer"),
        ({"workloads": ["a"]}, "must be a mapping"),
        ({"user_assertions": {"ISSUER": "openid"}}, "not trusted for this"),
        ({"user_assertions": {"https://b.example": "openid"}}, "no trusted issuer"),
        ({"user_assertions": {"ISSUER": 1}}, "Write the scopes"),
        ({"user_assertions": ["openid"]}, "not of the right type"),
    ],
)
def test_what_an_app_may_not_name(
    foreign_site: Elsewhere, database: None, metadata: dict[str, Any], problem: str
) -> None:
    issuer = Issuer(foreign_site)
    trust(issuer, "workloads")
    text = yaml.safe_dump(metadata).replace("ISSUER", issuer.name)
    with pytest.raises(DeclarationError, match=problem):
        machine(jwks=jwks_of(make_key()), **yaml.safe_load(text))
