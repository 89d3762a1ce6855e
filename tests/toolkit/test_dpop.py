"""Bound tokens at views beside Signet, however the toolkit protects them. RFC 9449."""

from django.http import HttpResponse

from tests.dpop import Prover
from tests.relying_party import spec
from tests.toolkit.conftest import Api, Bakery

#: What the toolkit's own validator answers: it sees no proof, so it lets nobody in.
UNSEEN = ["decorated"]
SEEN = ["plain", "scoped", "with-metadata", "rest", "rest-with-metadata", "their-server"]


def knock(api: Api, door: str, token: str, proof: str | None, scheme: str = "DPoP") -> HttpResponse:
    headers = {"authorization": f"{scheme} {token}", **({"dpop": proof} if proof else {})}
    return api.ask(door, **headers)


@spec("RFC 9449", "7.1")
def test_each_door_opens_to_the_owner_of_a_bound_token(api: Api, bakery: Bakery) -> None:
    owner, thief, party = Prover(), Prover(), bakery()
    asked = {"scope": "openid bread.read", "resource": api.identifier}
    token = owner.tokens(party, **asked)["access_token"]
    plain = party.tokens(**asked)["access_token"]
    for door in SEEN:
        path = f"/apis/{api.name}/{door}"
        proof = owner.proof(path, "GET", token)
        assert knock(api, door, token, proof).status_code == 200, door
        attempts = {
            "replayed": (token, proof, "DPoP"),
            "unproven": (token, None, "DPoP"),
            "as a bearer token": (token, owner.proof(path, "GET", token), "Bearer"),
            "without a word of it": (token, None, "Bearer"),
            "by another": (token, thief.proof(path, "GET", token), "DPoP"),
            "at another door": (token, owner.proof("/userinfo", "GET", token), "DPoP"),
            "by another method": (token, owner.proof(path, "POST", token), "DPoP"),
            "of another token": (token, owner.proof(path, "GET", plain), "DPoP"),
            "that is not bound": (plain, owner.proof(path, "GET", plain), "DPoP"),
        }
        for name, (shown, with_proof, scheme) in attempts.items():
            refused = knock(api, door, shown, with_proof, scheme)
            assert refused.status_code in {401, 403}, (door, name)
        assert knock(api, door, plain, None, "Bearer").status_code == 200, door
    for door in UNSEEN:
        proof = owner.proof(f"/apis/{api.name}/{door}", "GET", token)
        for scheme in ("DPoP", "Bearer"):
            assert knock(api, door, token, proof, scheme).status_code == 403
        assert knock(api, door, plain, None, "Bearer").status_code == 200


@spec("RFC 9449", "7.1")
def test_the_challenge_is_of_its_scheme(api: Api, bakery: Bakery) -> None:
    owner = Prover()
    answer = owner.tokens(bakery(), scope="openid bread.read", resource=api.identifier)
    refused = knock(api, "rest", answer["access_token"], None)
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("DPoP ")
    assert 'error="invalid_dpop_proof"' in refused["WWW-Authenticate"]
    assert 'algs="ES256' in refused["WWW-Authenticate"]
