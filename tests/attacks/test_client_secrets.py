"""One method, one place, never in an address, and no guessing. RFC 6749 §2.3."""

import httpx
import pytest

from idp.declaration import apply
from tests.relying_party import ISSUER, RelyingParty, make_client, spec, unique

GRANT = {"grant_type": "authorization_code", "code": "x" * 43}
URL = f"{ISSUER}/token"


def from_address(address: str, client_id: str, secret: str) -> httpx.Response:
    return httpx.post(
        URL,
        data=GRANT,
        auth=(client_id, secret),
        headers={"X-Forwarded-For": address},
        verify=False,
    )


@spec("RFC 6749", "2.3.1")
def test_a_secret_in_the_address_is_refused(provider: object) -> None:
    client = make_client(token_endpoint_auth_method="client_secret_post")
    credentials = {"client_id": client.client_id, "client_secret": client.secret or ""}
    for query, body in (
        (credentials, GRANT),
        ({"client_secret": client.secret or ""}, {**GRANT, "client_id": client.client_id}),
        ({**GRANT, **credentials}, {}),
        (GRANT, credentials),
    ):
        response = httpx.post(URL, params=query, data=body, verify=False)
        assert response.status_code == 400
        assert response.json()["error"] == "invalid_request"
    assert httpx.get(URL, params={**GRANT, **credentials}, verify=False).status_code == 405


@spec("RFC 6749", "2.3")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_two_methods_at_once_are_refused_even_if_both_are_right(
    provider: object, method: str
) -> None:
    client = make_client(token_endpoint_auth_method=method)
    secret = client.secret or ""
    data = {**GRANT, "client_id": client.client_id, "client_secret": secret}
    response = httpx.post(URL, data=data, auth=(client.client_id, secret), verify=False)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


@spec("RFC 6749", "3.2")
@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "x"]
)
@pytest.mark.parametrize("same", [True, False])
def test_a_parameter_comes_once(relying_party: RelyingParty, name: str, same: bool) -> None:
    code = relying_party.authorize().code or ""
    sound = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": relying_party.client.redirect_uri,
        "code_verifier": relying_party.code_verifier,
        "client_id": relying_party.client.client_id,
        "x": "y",
    }
    response = httpx.post(
        URL,
        data={**sound, name: [sound[name], sound[name] if same else "other"]},
        auth=(relying_party.client.client_id, relying_party.client.secret or ""),
        verify=False,
    )
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert relying_party.exchange(code).status_code == 200, "the code was not touched"


@spec("RFC 6749", "3.1")
@pytest.mark.parametrize(
    "name", ["scope", "state", "nonce", "prompt", "response_type", "code_challenge", "x"]
)
@pytest.mark.parametrize("split", [True, False])
def test_a_parameter_of_an_authorization_request_comes_once(
    returning: RelyingParty, name: str, split: bool
) -> None:
    sound = returning.parameters(prompt="none", x="y")
    if split:
        response = returning.browser.post("/authorize", params={name: sound[name]}, data=sound)
    else:
        pairs = [*sound.items(), (name, sound[name])]
        response = returning.browser.get("/authorize", params=pairs)
    answer = returning.answer(response)
    assert answer.error == "invalid_request"
    assert answer.code is None


@spec("RFC 8707", "2")
def test_a_resource_may_come_more_often(returning: RelyingParty) -> None:
    apis = [f"https://{unique('api')}.example.com/" for _ in range(2)]
    apply({"resource_servers": [{"identifier": api} for api in apis]}, dry_run=False)
    pairs = [*returning.parameters().items(), *(("resource", api) for api in apis)]
    assert returning.answer(returning.browser.get("/authorize", params=pairs)).code


@spec("RFC 6749", "2.3.1")
def test_guessing_secrets_is_throttled_and_locks_nobody_else_out(provider: object) -> None:
    client, other = make_client(), make_client()
    right = client.secret or ""
    answers = [from_address("198.51.100.1", client.client_id, f"guess-{i}") for i in range(40)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert set(statuses) == {401, 429}
    throttled = answers[-1]
    assert throttled.json()["error"] == "invalid_client"
    assert int(throttled.headers["Retry-After"]) > 0
    assert from_address("198.51.100.2", client.client_id, "guess").status_code == 401
    assert from_address("198.51.100.2", client.client_id, right).status_code == 400
    assert from_address("198.51.100.1", client.client_id, right).status_code == 400
    assert from_address("198.51.100.1", other.client_id, "guess").status_code == 401


@spec("RFC 6749", "2.3.1")
def test_an_address_that_the_sender_wrote_does_not_reset_the_count(provider: object) -> None:
    client = make_client()
    answers = [
        from_address(f"203.0.113.{i}, 198.51.100.3", client.client_id, f"guess-{i}")
        for i in range(40)
    ]
    assert answers[-1].status_code == 429
