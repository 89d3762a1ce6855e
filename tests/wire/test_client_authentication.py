"""How a client proves itself at the token endpoint. RFC 6749 §2.3, OIDC Core §9."""

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote_plus

import httpx
import pytest
from django.utils import timezone

from idp.clients import secrets
from idp.models import Client
from tests import secrecy
from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    spec,
    unique,
)

METHODS = ["client_secret_basic", "client_secret_post", "none"]
GRANT = {"grant_type": "authorization_code", "code": "x" * 43}


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the header as RFC 6749 §2.3.1 builds it."""
    credentials = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def ask(headers: dict[str, str] | None = None, **parameters: str) -> httpx.Response:
    return httpx.post(f"{ISSUER}/token", data=parameters, headers=headers, verify=False)


def proven(response: httpx.Response) -> bool:
    """Whether the request got as far as its code, which is no code."""
    return response.status_code == 400 and response.json()["error"] == "invalid_grant"


def use_basic(client: Registered) -> httpx.Response:
    return ask(basic(client.client_id, client.secret or "x"), **GRANT)


def use_post(client: Registered) -> httpx.Response:
    return ask(client_id=client.client_id, client_secret=client.secret or "x", **GRANT)


def use_none(client: Registered) -> httpx.Response:
    return ask(client_id=client.client_id, **GRANT)


USES = [use_basic, use_post, use_none]
USES_OF_SECRETS = [use_basic, use_post]


def refused(response: httpx.Response) -> bool:
    """Whether the client is not proven, and is told so."""
    return response.status_code == 401 and response.json()["error"] == "invalid_client"


@spec("OIDC Core", "9")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("registered", METHODS)
def test_a_strict_client_uses_the_registered_method_and_no_other(
    provider: object, registered: str, use: Callable[[Registered], httpx.Response]
) -> None:
    response = use(make_client(token_endpoint_auth_method=registered, strict=True))
    assert proven(response) if METHODS.index(registered) == USES.index(use) else refused(response)


@spec("RFC 6749", "2.3.1")
@pytest.mark.parametrize("registered", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("use", USES_OF_SECRETS)
def test_a_secret_may_come_in_the_header_or_in_the_body(
    provider: object, registered: str, use: Callable[[Registered], httpx.Response]
) -> None:
    client = make_client(token_endpoint_auth_method=registered)
    assert proven(use(client))
    assert refused(use(Registered(client.client_id, "w" * 64, {})))


@spec("RFC 6749", "2.3.1")
def test_a_client_with_a_secret_never_goes_without(provider: object) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        assert refused(use_none(make_client(token_endpoint_auth_method=method)))


@spec("RFC 6749", "2.1")
@pytest.mark.parametrize("use", USES_OF_SECRETS)
def test_a_public_client_has_no_secret_to_send(
    provider: object, use: Callable[[Registered], httpx.Response]
) -> None:
    client = make_client(token_endpoint_auth_method="none")
    assert proven(use_none(client))
    for secret in ("", "x" * 64):
        assert refused(ask(basic(client.client_id, secret), **GRANT))
    assert refused(use(client))


@pytest.mark.parametrize("path", ["introspect", "revoke"])
def test_either_way_everywhere(provider: object, path: str) -> None:
    client = make_client(token_endpoint_auth_method="client_secret_basic")
    form = {"token": "x", "client_id": client.client_id, "client_secret": client.secret or ""}
    assert httpx.post(f"{ISSUER}/{path}", data=form, verify=False).status_code == 200


@spec("RFC 6749", "2.3.1")
def test_generated_secrets_and_ids_are_the_same_encoded(provider: object) -> None:
    for text in (secrets.generate(), str(Client().client_id)):
        assert quote_plus(text) == text
        assert len(text) >= 40


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize("use", [use_basic, use_post])
def test_a_wrong_secret_is_answered_with_401_and_a_challenge(
    provider: object, use: Callable[[Registered], httpx.Response]
) -> None:
    method = METHODS[USES.index(use)]
    client = make_client(token_endpoint_auth_method=method)
    response = use(Registered(client.client_id, "w" * 64, {}))
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"
    assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert response.headers["Cache-Control"] == "no-store"


@spec("RFC 6749", "2.3.1")
@pytest.mark.parametrize(
    "secret", ["100% + space & more : = ?" * 2, "Schlüssel-für-die-Bäckerei " * 2, "%41" * 20]
)
def test_basic_is_form_decoded(provider: object, secret: str) -> None:
    client = make_client(client_id=unique("a b:c%41+"), client_secret=secret)
    assert proven(use_basic(client))


@spec("RFC 6749", "2.3.1")
@pytest.mark.parametrize(
    "secret", ["100% + space & more : = ?" * 2, "Schlüssel-für-die-Bäckerei " * 2, "50%off+" * 8]
)
@pytest.mark.parametrize("prefix", ["a", "urn:example:app", "50%", "a+b"])
def test_basic_may_come_as_it_is(provider: object, prefix: str, secret: str) -> None:
    client = make_client(client_id=unique(prefix), client_secret=secret)
    credentials = b64encode(f"{client.client_id}:{secret}".encode()).decode()
    assert proven(ask({"Authorization": f"Basic {credentials}"}, **GRANT))
    with_id = ask({"Authorization": f"Basic {credentials}"}, client_id=client.client_id, **GRANT)
    assert proven(with_id)
    assert proven(use_basic(client))


@spec("RFC 6749", "3.2")
@pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
def test_unknown_parameters_are_ignored_in_the_query_and_in_the_body(
    provider: object, path: str
) -> None:
    client = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)
    response = httpx.post(
        f"{ISSUER}/{path}?client-request-id=0a1b&x-client-SKU=msal.js.browser",
        data={"grant_type": "client_credentials", "token": "x", "client_info": "1"},
        auth=(client.client_id, client.secret or ""),
        verify=False,
    )
    assert response.status_code == 200, response.text


@spec("RFC 7617", "2")
@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic"])
def test_the_name_of_the_scheme_has_no_case(provider: object, scheme: str) -> None:
    client = make_client()
    header = basic(client.client_id, client.secret or "")["Authorization"]
    assert proven(ask({"Authorization": header.replace("Basic", scheme)}, **GRANT))


@spec("RFC 6749", "2.3.1")
def test_the_client_id_may_be_repeated_in_the_body(provider: object) -> None:
    client = make_client()
    headers = basic(client.client_id, client.secret or "")
    assert proven(ask(headers, client_id=client.client_id, **GRANT))


@spec("RFC 6749", "2.3")
def test_another_client_id_in_the_body_is_refused(provider: object) -> None:
    client, other = make_client(), make_client()
    response = ask(basic(client.client_id, client.secret or ""), client_id=other.client_id, **GRANT)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !",
        "Basic " + b64encode(b"no colon").decode(),
        "Basic " + b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + b64encode(b"a%00b:c").decode(),
        "Basic " + b64encode(b":").decode(),
        "Basic " + b64encode(b"x" * 8000 + b":y").decode(),
        "Bearer abc",
        "Digest username=x",
        "",
    ],
)
def test_a_header_that_proves_nothing(provider: object, header: str) -> None:
    response = ask({"Authorization": header}, **GRANT)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


@spec("RFC 6749", "5.2")
def test_a_request_that_names_no_client(provider: object) -> None:
    response = ask(**GRANT)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


@spec("RFC 6749", "5.2")
def test_an_unknown_client_looks_like_a_wrong_secret(provider: object) -> None:
    unknown = use_basic(Registered(unique("nobody"), "w" * 64, {}))
    wrong = use_basic(Registered(make_client().client_id, "w" * 64, {}))
    assert unknown.status_code == wrong.status_code == 401
    assert unknown.json()["error"] == wrong.json()["error"] == "invalid_client"


@spec("RFC 6749", "2.3.1")
def test_a_new_secret_counts_at_once_and_the_old_no_more(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(), browser, user)
    assert proven(relying_party.token(**GRANT))
    renewed = make_client(client_id=relying_party.client.client_id)
    assert proven(use_basic(renewed))
    assert relying_party.token(**GRANT).status_code == 401


@pytest.fixture(scope="module")
def elsewhere(provider: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second server on the same database: another process, with a memory of its own."""
    issuer = f"http://localhost:{free_port()}"
    server = Server(issuer, tmp_path_factory.mktemp("elsewhere") / "log")
    server.wait()
    yield server
    server.stop()


@dataclass
class Rotating:
    """A client with two secrets, asked for at two servers that both know it already."""

    client: Client
    old: str
    new: str
    servers: list[str]

    def works(self, secret: str) -> set[bool]:
        """Return whether a secret proves the client, everywhere and for everything."""
        auth, client_id = (self.client.client_id, secret), self.client.client_id
        secrecy.used.note_client(client_id, secret)
        answers = [
            httpx.post(server + path, data=form, auth=auth, verify=False)
            for server in self.servers
            for path, form in {
                "/token": {"grant_type": "client_credentials"},
                "/introspect": {"token": "x"},
                "/revoke": {"token": "x"},
            }.items()
        ]
        assert {answer.status_code for answer in answers} <= {200, 401}
        return {answer.status_code == 200 for answer in answers}


@pytest.fixture
def rotating(elsewhere: Server) -> Rotating:
    machine = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)
    client, new = Client.objects.get(client_id=machine.client_id), secrets.generate()
    secrets.add(client, new)
    both = Rotating(client, machine.secret or "", new, [ISSUER, elsewhere.issuer])
    assert both.works(both.old) == both.works(both.new) == {True}
    return both


@spec("RFC 6749", "2.3.1")
def test_of_two_secrets_both_are_good(rotating: Rotating) -> None:
    assert rotating.works(rotating.new) == {True}
    assert rotating.works(rotating.old) == {True}
    assert rotating.works(secrets.generate()) == {False}


@spec("RFC 6749", "2.3.1")
@pytest.mark.parametrize("removed", ["old", "new"])
def test_a_removed_secret_stops_at_once_in_every_process(rotating: Rotating, removed: str) -> None:
    row = secrets.find(rotating.client, getattr(rotating, removed), timezone.now())
    assert row is not None
    secrets.remove(row)
    assert rotating.works(rotating.old) == {removed != "old"}
    assert rotating.works(rotating.new) == {removed != "new"}


@spec("RFC 6749", "2.3.1")
def test_a_secret_that_ends_works_until_then(rotating: Rotating) -> None:
    row = secrets.find(rotating.client, rotating.new, timezone.now())
    assert row is not None
    secrets.remove(row)
    end = timezone.now() + timedelta(seconds=4)
    third = secrets.generate()
    secrets.add(rotating.client, third, others_end_at=end)
    assert rotating.works(rotating.old) == {True}
    time.sleep(max(0.0, (end - timezone.now()).total_seconds()))
    assert rotating.works(rotating.old) == {False}
    assert rotating.works(third) == {True}


def test_a_secret_tells_when_it_was_last_used(rotating: Rotating) -> None:
    row = secrets.find(rotating.client, rotating.old, timezone.now())
    assert row is not None
    assert row.last_used_at is not None
    assert timezone.now() - row.last_used_at < timedelta(minutes=1)
    version = rotating.client.version
    assert rotating.works(rotating.old) == {True}
    rotating.client.refresh_from_db()
    assert rotating.client.version == version
