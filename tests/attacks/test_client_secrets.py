"""One method, one place, never in an address, and no guessing. RFC 6749 §2.3."""

import random
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import quote_plus

import httpx
import pytest
from django.utils import timezone

from foundation.models import RateCount
from idp.clients.authentication import WRONG_SECRETS
from idp.declaration import apply
from idp.protocol.vocabulary import TOKEN_REQUEST_PARAMETERS
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
        *(({name: "x"}, {**GRANT, **credentials}) for name in TOKEN_REQUEST_PARAMETERS),
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
    consent = returning.browser.settle(returning.browser.get("/authorize", params=pairs))
    assert all(api.split("/")[2] in consent.text for api in apis)
    assert returning.answer(returning.browser.submit(consent, "allow")).code


@spec("RFC 6749", "2.3.1")
def test_guessing_secrets_is_limited_and_locks_no_other_sender_out(provider: object) -> None:
    client, other = make_client(), make_client()
    right = client.secret or ""
    answers = [from_address("198.51.100.1", client.client_id, f"guess-{i}") for i in range(40)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert set(statuses) == {401, 429}
    assert statuses.count(401) == WRONG_SECRETS.allowed
    throttled = answers[-1]
    assert throttled.json()["error"] == "invalid_client"
    assert 1 <= int(throttled.headers["Retry-After"]) <= 60
    assert from_address("198.51.100.2", client.client_id, "guess").status_code == 401
    assert from_address("198.51.100.2", client.client_id, right).status_code == 400
    assert from_address("198.51.100.1", client.client_id, right).status_code == 400
    assert from_address("198.51.100.1", other.client_id, "guess").status_code == 401


@spec("RFC 6749", "2.3.1")
def test_the_window_ends_however_often_a_client_asks(provider: object) -> None:
    """A client with one wrong secret every few minutes is never throttled."""
    client, address = make_client(), "198.51.100.77"
    for i in range(WRONG_SECRETS.allowed + 3):
        assert from_address(address, client.client_id, f"guess-{i}").status_code in {401, 429}
    throttled = from_address(address, client.client_id, "guess")
    assert throttled.status_code == 429
    promised = int(throttled.headers["Retry-After"])
    RateCount.objects.filter(key__startswith=f"{WRONG_SECRETS.name}:").update(
        ends_at=timezone.now() + timedelta(seconds=1)
    )
    assert int(from_address(address, client.client_id, "x").headers["Retry-After"]) == 1 < promised
    time.sleep(1.1)
    assert from_address(address, client.client_id, "guess").status_code == 401


@spec("RFC 6749", "2.3.1")
def test_a_network_of_ipv6_addresses_counts_as_one(provider: object) -> None:
    client = make_client()
    answers = [
        from_address(f"2001:db8:7:7::{i:x}", client.client_id, f"guess-{i}")
        for i in range(WRONG_SECRETS.allowed + 1)
    ]
    assert [answer.status_code for answer in answers[-2:]] == [401, 429]
    assert from_address("2001:db8:7:8::1", client.client_id, "guess").status_code == 401


@spec("RFC 6749", "2.3.1")
def test_parallel_guesses_are_all_counted(provider: object) -> None:
    client = make_client()
    with ThreadPoolExecutor(10) as threads:
        guesses = [f"guess-{i}" for i in range(WRONG_SECRETS.allowed * 2)]
        answers = threads.map(
            lambda guess: from_address("198.51.100.4", client.client_id, guess), guesses
        )
        statuses = [answer.status_code for answer in answers]
    assert statuses.count(401) == WRONG_SECRETS.allowed


def basic(credentials: str, **form: str) -> httpx.Response:
    """Send credentials as they are, neither encoded nor decoded."""
    header = {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
    own = {"X-Forwarded-For": ".".join(str(random.randint(1, 250)) for _ in range(4))}
    return httpx.post(URL, data={**GRANT, **form}, headers={**header, **own}, verify=False)


def made(client_id: str, secret: str) -> str:
    """Make a client with this secret; return the id."""
    make_client(client_id=client_id, client_secret=secret)
    return client_id


@spec("RFC 6749", "2.3.1")
def test_what_a_header_can_be_read_as_proves_none_but_the_client_whose_secret_it_is(
    provider: object,
) -> None:
    """One header, two clients that it may mean: each is proven by its own secret alone."""
    name = unique("twin")
    encoded, plain = made(f"{name}%3Ax", "encoded-" * 8), made(f"{name}:x", "plain-" * 8)
    short = made(name, "short-" * 8)
    # Named in the body, so that the answer says who was meant.
    for client_id, secret in ((encoded, "encoded-" * 8), (plain, "plain-" * 8)):
        header = f"{encoded}:{secret}"  # form-decoded it names `plain`
        for named in (encoded, plain, short):
            proven = basic(header, client_id=named).status_code == 400 and (
                basic(header, client_id=named).json()["error"] == "invalid_grant"
            )
            assert proven == (named == client_id), (header, named)
    # Whatever is split where: no secret proves another client.
    for header in (
        f"{name}:x:{'short-' * 8}",
        f"{name}:{'plain-' * 8}",
        f"{name}:x:{'encoded-' * 8}",
    ):
        assert basic(header).status_code == 401, header
    for header in (f"{plain}:{'plain-' * 8}", f"{short}:{'short-' * 8}"):
        assert basic(header).json()["error"] == "invalid_grant", header


@spec("RFC 6749", "2.3.1")
def test_a_header_of_many_readings_counts_once(provider: object) -> None:
    name = unique("a")
    client_id = made(f"{name}:b:c", "secret-" * 8)
    made(name, "another-" * 8)
    address = "198.51.100.90"
    statuses = [
        httpx.post(
            URL,
            data={**GRANT, "client_id": client_id},
            headers={
                "Authorization": f"Basic {b64encode(f'{client_id}:100%+{i}'.encode()).decode()}",
                "X-Forwarded-For": address,
            },
            verify=False,
        ).status_code
        for i in range(WRONG_SECRETS.allowed + 1)
    ]
    assert statuses == [401] * WRONG_SECRETS.allowed + [429]


@spec("RFC 6749", "2.3.1")
def test_an_address_that_the_sender_wrote_does_not_reset_the_count(provider: object) -> None:
    client = make_client()
    answers = [
        from_address(f"203.0.113.{i}, 198.51.100.3", client.client_id, f"guess-{i}")
        for i in range(40)
    ]
    assert answers[-1].status_code == 429


def proves(answer: httpx.Response) -> bool:
    """Whether the client was proven: the request failed at its code, which is no code."""
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


@spec("RFC 6749", "2.3.1")
def test_one_clients_secret_that_encodes_anothers_is_of_use_to_neither(provider: object) -> None:
    """`first`'s secret is `second`'s encoded, and so is its client_id."""
    name = unique("twin")
    first = made(f"{name}%2Bx", "part%2Bof%25it" * 4)
    second = made(f"{name}+x", "part+of%it" * 4)
    encoded, plain = "part%2Bof%25it" * 4, "part+of%it" * 4
    twice = quote_plus(encoded)
    cases = {
        (first, plain): None,
        (quote_plus(first), twice): first,  # form-encoded
        (quote_plus(first), encoded): None,
        (second, plain): second,
        (second, encoded): None,
        (second, twice): None,
    }
    for (client_id, secret), owner in cases.items():
        for named in (first, second):
            answer = basic(f"{client_id}:{secret}", client_id=named)
            assert proves(answer) == (named == owner), (client_id, secret, named, answer.text)
        assert proves(basic(f"{client_id}:{secret}")) == (owner is not None)
    header = f"{first}:{encoded}"  # `first` as it is, and `second` form-encoded
    assert header == f"{quote_plus(second)}:{quote_plus(plain)}"
    assert proves(basic(header, client_id=first))
    assert proves(basic(header, client_id=second))
    assert basic(header).json()["error"] == "invalid_request", "it could be either"


@spec("RFC 6749", "2.3.1")
@pytest.mark.parametrize("secret", ["100%+{}", "a:b:{}", "plain-{}"])
@pytest.mark.parametrize("way", ["header", "body"])
def test_wrong_secrets_count_once_whatever_they_can_be_read_as(
    provider: object, way: str, secret: str
) -> None:
    client = make_client()
    own = {"X-Forwarded-For": ".".join(str(random.randint(1, 250)) for _ in range(4))}
    statuses = []
    for i in range(WRONG_SECRETS.allowed + 1):
        wrong = secret.format(i)
        credentials = b64encode(f"{client.client_id}:{wrong}".encode()).decode()
        in_header = {"Authorization": f"Basic {credentials}"} if way == "header" else {}
        in_body = {"client_id": client.client_id, "client_secret": wrong} if way == "body" else {}
        answer = httpx.post(
            URL, data={**GRANT, **in_body}, headers={**own, **in_header}, verify=False
        )
        statuses.append(answer.status_code)
    assert statuses == [401] * WRONG_SECRETS.allowed + [429]


@spec("RFC 6749", "2.3.1")
def test_the_other_way_is_no_second_budget_for_guesses(provider: object) -> None:
    client = make_client()
    own = {"X-Forwarded-For": ".".join(str(random.randint(1, 250)) for _ in range(4))}
    body = {**GRANT, "client_id": client.client_id, "client_secret": "guess"}
    auth = (client.client_id, "guess")
    for _ in range(WRONG_SECRETS.allowed // 2):
        assert httpx.post(URL, data=body, headers=own, verify=False).status_code == 401
        sent = httpx.post(URL, data=GRANT, headers=own, auth=auth, verify=False)
        assert sent.status_code == 401
    assert httpx.post(URL, data=body, headers=own, verify=False).status_code == 429
    sent = httpx.post(URL, data=GRANT, headers=own, auth=auth, verify=False)
    assert sent.status_code == 429


@spec("RFC 6749", "2.3")
def test_a_refused_method_does_not_tell_whether_the_secret_was_right(provider: object) -> None:
    for method, strict in (("client_secret_post", True), ("none", False)):
        client = make_client(token_endpoint_auth_method=method, strict=strict)
        answers = [
            from_address("198.51.100.91", client.client_id, secret).json()["error_description"]
            for secret in (client.secret or "x", "w" * 64)
        ]
        assert len(set(answers)) == 1
