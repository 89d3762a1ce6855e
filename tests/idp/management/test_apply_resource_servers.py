"""`manage.py apply`: APIs and who introspects for them."""

from typing import Any

import pytest
from jwcrypto.jwk import JWK

from idp.declaration import DeclarationError, apply
from idp.models import Client, ResourceServer
from tests.relying_party import unique

RSA = JWK.generate(kty="RSA", size=2048)
EC = JWK.generate(kty="EC", crv="P-256")
PUBLIC_RSA: dict[str, Any] = RSA.export_public(as_dict=True)
PUBLIC_EC: dict[str, Any] = EC.export_public(as_dict=True)
SECRET = "k" * 32


def api(**changes: Any) -> dict[str, Any]:
    name = unique("api")
    return {"identifier": f"https://{name}.example.com", "scopes": [f"{name}:read"], **changes}


def client(**changes: Any) -> dict[str, Any]:
    return {
        "client_id": unique("client"),
        "client_secret": "x" * 40,
        "grant_types": ["client_credentials"],
        **changes,
    }


def run(*apis: dict[str, Any], dry_run: bool = False, **lists: Any) -> list[str]:
    changes = apply({"resource_servers": list(apis), **lists}, dry_run=dry_run)
    return [line for change in changes for line in change.lines()]


def test_the_second_time_changes_nothing() -> None:
    caller = client()
    entry = api(
        name="Bakery",
        access_token_encryption_alg="dir",
        encryption_secret=SECRET,
        introspection_clients=[caller["client_id"]],
    )
    assert run(entry, clients=[caller])[0] == f"+ resource server {entry['identifier']}"
    assert run(entry, clients=[caller]) == []


def test_a_client_may_have_the_scopes_of_an_api_of_the_same_file() -> None:
    entry = api()
    caller = client(scope=entry["scopes"][0])
    run(entry, clients=[caller])
    assert Client.objects.get(client_id=caller["client_id"]).allowed_scopes == set(entry["scopes"])


def test_a_change_is_shown_and_what_is_left_out_has_its_default_again() -> None:
    entry = api(access_token_lifetime=60, access_token_signing_alg="ES256")
    run(entry)
    del entry["access_token_lifetime"]
    lines = run({**entry, "name": "Bakery"})
    assert [line.strip() for line in lines[1:]] == [
        "name: '' -> 'Bakery'",
        "access_token_lifetime: 60 -> 600",
    ]
    assert ResourceServer.objects.get(identifier=entry["identifier"]).access_token_lifetime == 600


def test_a_shared_key_is_sealed_and_never_shown() -> None:
    entry = api(access_token_encryption_alg="dir", encryption_secret=SECRET)
    assert SECRET not in "\n".join(run(entry))
    sealed = ResourceServer.objects.get(identifier=entry["identifier"]).encryption_secret_sealed
    assert sealed
    assert SECRET not in sealed
    lines = run({**entry, "encryption_secret": "n" * 32})
    assert lines[1].strip() == "encryption_secret: '•••' -> '••• (new)'"


def test_a_shared_key_stays_where_the_file_does_not_repeat_it() -> None:
    entry = api(access_token_encryption_alg="dir", encryption_secret=SECRET)
    run(entry)
    del entry["encryption_secret"]
    assert run(entry) == []


def test_a_shared_key_goes_when_the_api_has_one_of_its_own() -> None:
    entry = api(access_token_encryption_alg="dir", encryption_secret=SECRET)
    run(entry)
    del entry["encryption_secret"]
    run({**entry, "access_token_encryption_alg": "RSA-OAEP-256", "encryption_jwk": PUBLIC_RSA})
    server = ResourceServer.objects.get(identifier=entry["identifier"])
    assert server.encryption_secret_sealed == ""
    with pytest.raises(DeclarationError, match="encryption_secret is missing"):
        run(entry)


def test_an_appointment_is_taken_back() -> None:
    caller = client()
    entry = api(introspection_clients=[caller["client_id"]])
    run(entry, clients=[caller])
    server = ResourceServer.objects.get(identifier=entry["identifier"])
    assert server.introspection_clients.count() == 1
    lines = run({**entry, "introspection_clients": []})
    assert lines[1].strip() == f"introspection_clients: - {caller['client_id']}"
    assert server.introspection_clients.count() == 0


def test_naming_a_client_twice_appoints_it_once() -> None:
    caller = client()
    entry = api(introspection_clients=[caller["client_id"]] * 2)
    run(entry, clients=[caller])
    assert run(entry, clients=[caller]) == []


def test_a_dry_run_says_the_same_and_does_nothing() -> None:
    caller = client()
    entry = api(introspection_clients=[caller["client_id"]])
    said = run(entry, clients=[caller], dry_run=True)
    assert not ResourceServer.objects.filter(identifier=entry["identifier"]).exists()
    assert run(entry, clients=[caller]) == said


def test_one_bad_entry_undoes_the_others() -> None:
    good, bad = api(), api(access_token_format="magic")
    with pytest.raises(DeclarationError, match=bad["identifier"]):
        run(good, bad)
    assert not ResourceServer.objects.filter(identifier=good["identifier"]).exists()


RSA_ALG = {"access_token_encryption_alg": "RSA-OAEP-256"}
EC_ALG = {"access_token_encryption_alg": "ECDH-ES"}
DIR = {"access_token_encryption_alg": "dir"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"identifier": "bakery"}, "identifier: "),
        ({"identifier": "https://api.example.com/#x"}, "identifier: "),
        ({"identifier": 7}, "identifier"),
        ({"scopes": "read"}, "scopes: "),
        ({"scopes": [7]}, "scopes: "),
        ({"scopes": {"read": 7}}, "scopes: "),
        ({"scopes": ["openid"]}, "scopes: .*openid"),
        ({"scopes": ["read write"]}, "scopes: "),
        ({"scopes": ['"']}, "scopes: "),
        ({"scopes": [""]}, "scopes: "),
        ({"access_token_format": "magic"}, "access_token_format: "),
        ({"access_token_signing_alg": "none"}, "access_token_signing_alg: "),
        ({"access_token_lifetime": 29}, "access_token_lifetime: "),
        ({"access_token_lifetime": 86401}, "access_token_lifetime: "),
        ({"access_token_lifetime": "soon"}, "access_token_lifetime: "),
        ({"access_token_encryption_alg": "magic"}, "access_token_encryption_alg: "),
        (
            {"access_token_encryption_alg": "magic", "encryption_jwk": PUBLIC_RSA},
            "access_token_encryption_alg: ",
        ),
        ({**DIR}, "encryption_secret is missing"),
        ({**DIR, "encryption_secret": "short"}, "encryption_secret has to be 32"),
        ({**DIR, "encryption_secret": 7}, "encryption_secret has to be a text"),
        ({"encryption_secret": SECRET}, "encryption_secret goes with"),
        ({**DIR, "encryption_secret": SECRET, "access_token_format": "opaque"}, "Only JWT"),
        ({**RSA_ALG}, "encryption_jwk: This is not"),
        ({**RSA_ALG, "encryption_jwk": "key"}, "encryption_jwk: "),
        ({**RSA_ALG, "encryption_jwk": {"kty": "RSA"}}, "encryption_jwk: This is not"),
        ({**RSA_ALG, "encryption_jwk": {"kty": ["RSA"]}}, "encryption_jwk: This is not"),
        ({**RSA_ALG, "encryption_jwk": RSA.export(as_dict=True)}, "private"),
        ({**RSA_ALG, "encryption_jwk": PUBLIC_EC}, "does not go with"),
        ({**RSA_ALG, "encryption_jwk": {**PUBLIC_RSA, "n": "AQAB"}}, "Nothing can be encrypted"),
        ({**EC_ALG, "encryption_jwk": {**PUBLIC_EC, "x": "AA"}}, "Nothing can be encrypted"),
        ({"introspection_clients": ["nobody"]}, "introspection_clients: unknown: nobody"),
        ({"introspection_clients": "nobody"}, "introspection_clients"),
        ({"introspection_clients": [{}]}, "introspection_clients"),
        ({"colour": "red"}, "unknown: colour"),
    ],
)
def test_a_bad_api_is_refused_by_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(DeclarationError, match=says):
        run(api(**changes))
