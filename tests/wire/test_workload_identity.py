"""A client proves itself with a token of its platform. RFC 7523 §2.2, docs/adr/0045."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jwcrypto.jwk import JWK

from idp.models import Client, Event, TrustedIssuer
from tests.assertions import TYPE, assertion_of, jwks_of, make_key, make_key_client, sign
from tests.elsewhere import Elsewhere
from tests.issuers import Issuer, machine, trust
from tests.relying_party import ISSUER, Registered, make_api, spec, unique

POD = "system:serviceaccount:shop:web"
SVIDS = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"


def send(path: str, assertion: str, client_id: str | None, **form: str) -> httpx.Response:
    """Send a request with a token of a platform."""
    form = {"client_assertion_type": TYPE, "client_assertion": assertion, **form}
    if client_id is not None:
        form["client_id"] = client_id
    return httpx.post(f"{ISSUER}{path}", data=form, verify=False, timeout=30)


def outcome(token: str, client: Registered | None, **form: str) -> str:
    """Return the error of a request for a token, or `ok`."""
    client_id = client.client_id if client else None
    answer = send("/token", token, client_id, grant_type="client_credentials", **form)
    assert answer.status_code < 500, answer.text
    return answer.json().get("error", "ok")


@pytest.fixture(scope="module")
def cluster(provider: object, foreign_site: Elsewhere) -> Issuer:
    """A Kubernetes cluster whose keys are found by discovery."""
    cluster = Issuer(foreign_site)
    trust(cluster, "workloads")
    return cluster


@pytest.fixture
def client(cluster: Issuer) -> Registered:
    scope = make_api()["scopes"][0]
    return machine(workloads=[{"issuer": cluster.name, "subject": POD}], scope=scope)


@spec("RFC 7523", "2.2")
def test_a_workload_is_the_client_wherever_clients_authenticate(
    provider: object, foreign_site: Elsewhere
) -> None:
    cluster = Issuer(foreign_site)
    trust(cluster, "workloads")
    scope = make_api()["scopes"][0]
    client = machine(workloads=[{"issuer": cluster.name, "subject": POD}], scope=scope)
    token, own = cluster.token(POD), client.client_id
    answer = send("/token", token, own, grant_type="client_credentials")
    assert answer.status_code == 200, answer.text
    given = answer.json()["access_token"]
    # Platforms give one token for many requests.
    assert send("/introspect", token, own, token=given).json()["client_id"] == own
    assert send("/revoke", token, own, token=given).status_code == 200
    assert send("/introspect", token, own, token=given).json() == {"active": False}
    assert foreign_site.times(cluster.jwks_path) == 1
    # It is recorded once an hour.
    events = Event.objects.filter(client_id=own, kind=Event.Kind.ASSERTION_ACCEPTED)
    assert [event.target for event in events] == [f"trusted issuer {cluster.name}"]


@spec("RFC 7523", "3")
def test_tokens_that_prove_nothing(cluster: Issuer, client: Registered) -> None:
    now, stranger = int(time.time()), make_key()
    public = stranger.export_public(as_dict=True)
    text = cluster.key.export_public()
    head, body, signature = cluster.token(POD).split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")
    claims = {"iss": cluster.name, "sub": POD, "aud": ISSUER, "exp": now + 60}
    refused = {
        "another subject": cluster.token("system:serviceaccount:shop:other"),
        "another namespace": cluster.token("system:serviceaccount:evil:web"),
        "a longer subject": cluster.token(f"{POD}-2"),
        "a line at its end": cluster.token(f"{POD}\n"),
        "capitals": cluster.token(POD.upper()),
        "letters that look alike": cluster.token(POD.replace("e", "\u0435")),
        "no subject": cluster.token(POD, sub=None),
        "a list": cluster.token(POD, sub=[POD]),
        "another audience": cluster.token(POD, aud="https://api.example"),
        "several audiences": cluster.token(POD, aud=[ISSUER, "https://api.example"]),
        "no audience": cluster.token(POD, aud=None),
        "an audience with a slash": cluster.token(POD, aud=f"{ISSUER}/"),
        "expired": cluster.token(POD, exp=now - 60),
        "no end": cluster.token(POD, exp=None),
        "a day": cluster.token(POD, exp=now + 86400),
        "tomorrow's": cluster.token(POD, nbf=now + 3600),
        "an issuer that is not trusted": cluster.token(POD, iss="https://evil.example"),
        "an issuer with a slash": cluster.token(POD, iss=f"{cluster.name}/"),
        "a list of issuers": cluster.token(POD, iss=[cluster.name]),
        "another key": cluster.token(POD, key=stranger),
        "its kid": cluster.token(POD, key=stranger, header={"kid": cluster.key["kid"]}),
        "a key of its own": cluster.token(POD, key=stranger, header={"jwk": public}),
        "an address of its own": cluster.token(
            POD, header={"jku": "https://evil.example"}, key=stranger
        ),
        "an access token": cluster.token(POD, header={"typ": "at+jwt"}),
        "an assertion about a user": cluster.token(POD, header={"typ": "oauth-id-jag+jwt"}),
        "the public key for a secret": sign(claims, JWK.from_password(text), "HS256"),
        "unsigned": f"{unsigned}.{body}.",
        "unsigned, with a signature": f"{unsigned}.{body}.{signature}",
        "cut": f"{head}.{body}.AAAA",
    }
    found = {name: outcome(token, client) for name, token in refused.items()}
    assert set(found.values()) == {"invalid_client"}, found
    # Without an iss it would be the client's own, if its sub were the client_id.
    assert outcome(cluster.token(POD, iss=None), client) == "invalid_request"
    assert outcome(cluster.token(POD), client) == "ok"
    # The denial says which of them it was.
    denials = Event.objects.filter(client_id=client.client_id, error="invalid_client")
    assert denials.latest("id").details["section"] == "RFC 7523 §3"
    assert denials.filter(reason__contains="expired").count() == 1


@spec("RFC 7521", "4.2")
def test_the_request_names_the_client_and_the_token_does_not(
    cluster: Issuer, client: Registered
) -> None:
    other = machine(workloads=[{"issuer": cluster.name, "subject": f"{POD}-other"}])
    without = make_key_client(make_key())
    assert outcome(cluster.token(POD), None) == "invalid_client"
    for another in (other, without):
        assert outcome(cluster.token(POD), another) == "invalid_client"
    # Naming oneself as the workload's subject, or another client as the issuer, gains nothing.
    assert outcome(cluster.token(client.client_id), client) == "invalid_client"
    assert outcome(cluster.token(POD, iss=client.client_id), client) == "invalid_client"
    own = sign({"iss": client.client_id, "sub": client.client_id, "aud": ISSUER}, cluster.key)
    assert outcome(own, client) == "invalid_client"
    assert outcome(cluster.token(POD), client, client_secret="x" * 40) == "invalid_request"


@spec("OIDC Core", "9")
def test_workloads_beside_a_key_of_its_own_and_not_beside_a_secret(cluster: Issuer) -> None:
    key, workloads = make_key(), [{"issuer": cluster.name, "subject": POD}]
    both = machine(workloads=workloads, jwks=jwks_of(key))
    assert outcome(cluster.token(POD), both) == "ok"
    assert outcome(assertion_of(both, key), both) == "ok"
    secretive = machine(workloads=workloads, token_endpoint_auth_method="client_secret_basic")
    assert outcome(cluster.token(POD), secretive) == "invalid_client"


@spec("RFC 7523", "3")
def test_patterns_audiences_claims_and_single_use(cluster: Issuer) -> None:
    audience = unique("audience")
    job = "repo:bakery/{}:ref:refs/heads/{}"
    client = machine(
        workloads=[
            {"issuer": cluster.name, "subject": job.format("*", "main")},
            {"issuer": cluster.name, "subject": "one:of:these", "audience": audience},
            {
                "issuer": cluster.name,
                "subject": "one:of:those",
                "claims": {"environment": "production", "protected": "true", "id": "7"},
            },
            {"issuer": cluster.name, "subject": "one:of:ones", "single_use": True},
        ]
    )
    for name, expected in {
        job.format("shop", "main"): "ok",
        job.format("shop", "main2"): "invalid_client",
        job.format("shop/x", "main"): "invalid_client",
        job.format("x:ref:refs/heads/main:shop", "main"): "invalid_client",
        job.format("", "main"): "invalid_client",
        job.format("\ud800", "main"): "invalid_client",
        job.format("a\0", "main"): "invalid_client",
        job.format("shop", "main").replace("bakery", "bakery2"): "invalid_client",
        "one:of:these": "invalid_client",
    }.items():
        assert outcome(cluster.token(name), client) == expected, name
    assert outcome(cluster.token("one:of:these", aud=audience), client) == "ok"
    claims: dict[str, Any] = {"environment": "production", "protected": True, "id": 7}
    assert outcome(cluster.token("one:of:those", **claims), client) == "ok"
    for wrong in ({"environment": "Production"}, {"protected": 1}, {"id": [7]}, {"id": None}):
        token = cluster.token("one:of:those", **{**claims, **wrong})
        assert outcome(token, client) == "invalid_client", wrong
    once = cluster.token("one:of:ones")
    assert [outcome(once, client), outcome(once, client)] == ["ok", "invalid_client"]
    assert outcome(cluster.token("one:of:ones", jti=None), client) == "invalid_client"


@spec("RFC 7523", "3")
def test_what_an_operator_takes_away_ends_at_once(cluster: Issuer, foreign_site: Elsewhere) -> None:
    issuer = Issuer(foreign_site)
    trust(issuer, "workloads")
    client = machine(workloads=[{"issuer": issuer.name, "subject": POD}])
    rows = TrustedIssuer.objects.filter(issuer=issuer.name)
    assert outcome(issuer.token(POD), client) == "ok"
    for change, back in (
        ({"enabled": False}, {"enabled": True}),
        ({"purposes": ["users"]}, {"purposes": ["workloads"]}),
        ({"algorithms": ["RS256"]}, {"algorithms": []}),
        ({"longest_life": 60}, {"longest_life": 3600}),
        ({"claims": {"tenant": "a"}}, {"claims": {}}),
    ):
        rows.update(**change)
        assert outcome(issuer.token(POD), client) == "invalid_client", change
        rows.update(**back)
    assert outcome(issuer.token(POD), client) == "ok"
    Client.objects.get(client_id=client.client_id).delete()
    assert outcome(issuer.token(POD), client) == "invalid_client"
    rows.delete()
    another = machine(workloads=[{"issuer": cluster.name, "subject": POD}])
    assert outcome(issuer.token(POD), another) == "invalid_client"


@spec("SPIFFE JWT-SVID", "3")
def test_svids_are_of_their_trust_domain(foreign_site: Elsewhere) -> None:
    domain, key, tls = unique("domain"), make_key(), make_key()
    bundle = {
        "spiffe_sequence": 1,
        "keys": [
            {**tls.export_public(as_dict=True), "use": "x509-svid"},
            {**key.export_public(as_dict=True), "use": "jwt-svid"},
        ],
    }
    uri = foreign_site.says(f"/{domain}", json.dumps(bundle).encode())
    trust(f"spiffe://{domain}", "workloads", jwks_uri=uri)
    web = f"spiffe://{domain}/web"
    client = machine(workloads=[{"issuer": f"spiffe://{domain}", "subject": web}])
    spire = Issuer(foreign_site, key=key)
    assert outcome(spire.token(web, iss=None, jti=None), client) == "ok"
    assert outcome(spire.token(web, iss=None), client, client_assertion_type=SVIDS) == "ok"
    assert outcome(spire.token(web), client) == "ok"  # an iss is not what is compared
    refused = (
        spire.token(web, key=tls, iss=None),
        spire.token(f"{web}/x", iss=None),
        spire.token(f"spiffe://{domain}", iss=None),
        spire.token(f"spiffe://{domain}.evil/web", iss=None),
        spire.token(f"SPIFFE://{domain}/web", iss=None),
        spire.token(f"spiffe://{domain}@evil/web", iss=None),
        spire.token(f"/{domain}/web", iss=f"spiffe://{domain}"),
    )
    # One without an iss is the client's own otherwise, and then its sub is the client_id.
    assert {outcome(token, client) for token in refused} == {"invalid_client", "invalid_request"}


@pytest.fixture
def untouched(foreign_site: Elsewhere) -> Iterator[None]:
    """The site is asked for nothing."""
    asked = len(foreign_site.asked)
    yield
    assert len(foreign_site.asked) == asked


def test_keys_inside_our_network_are_not_fetched(
    provider: object, foreign_site: Elsewhere, untouched: None
) -> None:
    inside = f"https://127.0.0.1:{foreign_site.port}"
    for members in ({"jwks_uri": f"{inside}/keys"}, {}):
        name = f"{inside}/{unique('issuer')}"
        trust(name, "workloads", **members)
        client = machine(workloads=[{"issuer": name, "subject": POD}])
        issuer = Issuer(foreign_site)
        assert outcome(issuer.token(POD, iss=name), client) == "invalid_client"


@spec("OIDC Discovery", "4.3")
def test_a_discovery_document_that_leads_elsewhere(
    provider: object, foreign_site: Elsewhere
) -> None:
    for described in (
        {"issuer": "https://another.example"},
        {"jwks_uri": f"https://127.0.0.1:{foreign_site.port}/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ):
        issuer = Issuer(foreign_site)
        keys = foreign_site.address + issuer.jwks_path
        issuer.describe(**{"issuer": issuer.name, "jwks_uri": keys, **described})
        trust(issuer, "workloads")
        client = machine(workloads=[{"issuer": issuer.name, "subject": POD}])
        assert outcome(issuer.token(POD), client) == "invalid_client", described
    # A document of RFC 8414 stands where OpenID Connect's is missing.
    issuer = Issuer(foreign_site)
    document = foreign_site.pages.pop(issuer.discovery_path)
    foreign_site.pages[f"/.well-known/oauth-authorization-server{issuer.path}"] = document
    trust(issuer, "workloads")
    client = machine(workloads=[{"issuer": issuer.name, "subject": POD}])
    assert outcome(issuer.token(POD), client) == "ok"
