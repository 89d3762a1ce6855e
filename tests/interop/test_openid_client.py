"""openid-client, on Node: each client authentication and signature, and the checks it makes."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from idp.declaration import apply
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.interop.conftest import Traveller, running, shown
from tests.ports import free_address
from tests.reading import EC, PUBLIC, SIGNING, encrypt_to
from tests.registering import initial_token
from tests.relying_party import ISSUER, EndUser, make_client, spec, unique

PROGRAM = Path(__file__).parent / "openid_client" / "server.mjs"


@contextmanager
def node_site(
    log: Path,
    *,
    encryption: tuple[str, str] | None = None,
    signs: bool = False,
    answers: tuple[str, ...] = ("id_token", "userinfo"),
    **metadata: Any,
) -> Iterator[str]:
    """Run the relying party with a client of its own.

    Its answers may be encrypted to it, and its requests signed by it.
    """
    assert (PROGRAM.parents[2] / "node_modules").is_dir(), "run `npm ci` in tests/ first"
    address = free_address()
    client = make_client(
        **{
            "redirect_uris": [f"{address}/callback"],
            "profile": "recommended",
            "token_endpoint_auth_method": "client_secret_basic",
            "id_token_signed_response_alg": "RS256",
            **metadata,
        }
    )
    known = ("client_id", "client_secret", "token_endpoint_auth_method")
    decryption = {}
    if encryption is not None:
        alg, enc = encryption
        for answer in answers:
            encrypt_to(client, alg, enc, answer)
        decryption = {"alg": alg, "enc": enc, "jwk": EC.export(as_dict=True)}
    with running(
        "the Node relying party",
        ["node", str(PROGRAM)],
        address,
        log,
        PORT=str(urlsplit(address).port),
        OIDC_ISSUER=ISSUER,
        OIDC_RESPONSE_TYPE=" ".join(client.metadata["response_types"][:1]),
        OIDC_CLIENT=json.dumps(
            {
                name: client.metadata[name]
                for name in (
                    *known,
                    "id_token_signed_response_alg",
                    "userinfo_signed_response_alg",
                    "authorization_signed_response_alg",
                )
                if name in client.metadata
            }
        ),
        OIDC_DECRYPTION_KEY=json.dumps(decryption) if decryption else "",
        OIDC_SIGNING_KEY=SIGNING.export() if signs else "",
        OIDC_JARM="1" if client.metadata.get("require_signed_authorization_response") else "",
        OIDC_PUSHES="1" if client.metadata.get("require_pushed_authorization_requests") else "",
        OIDC_DPOP="1" if client.metadata.get("dpop_bound_access_tokens") else "",
    ):
        yield address


@contextmanager
def registering_site(log: Path, token: str = "", **metadata: Any) -> Iterator[str]:
    """Run the relying party, which registers itself when it starts."""
    address = free_address()
    with running(
        "the Node relying party",
        ["node", str(PROGRAM)],
        address,
        log,
        PORT=str(urlsplit(address).port),
        OIDC_ISSUER=ISSUER,
        OIDC_CLIENT=json.dumps(metadata),
        **({"OIDC_INITIAL_ACCESS_TOKEN": token} if token else {}),
    ):
        yield address


@pytest.fixture(scope="module")
def site(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with node_site(tmp_path_factory.mktemp("node") / "log") as address:
        yield address


def sign_in(traveller: Traveller, user: EndUser, site: str, **parameters: str) -> Any:
    return shown(traveller.agree(user, traveller.open(f"{site}/login", **parameters)))


@pytest.mark.parametrize(
    ("method", "algorithm"),
    [
        pytest.param("client_secret_basic", "RS256", marks=pytest.mark.smoke),
        ("client_secret_post", "ES256"),
        ("none", "EdDSA"),
        ("none", "RS256"),
        ("client_secret_basic", "EdDSA"),
        ("client_secret_basic", "PS256"),
        ("client_secret_basic", "ES512"),
    ],
)
def test_signing_in(
    provider: Server,
    method: str,
    algorithm: str,
    traveller: Traveller,
    user: EndUser,
    tmp_path: Path,
) -> None:
    with node_site(
        tmp_path / "log", token_endpoint_auth_method=method, id_token_signed_response_alg=algorithm
    ) as site:
        learnt = sign_in(traveller, user, site)
    assert learnt["algorithm"] == algorithm
    assert (learnt["claims"]["iss"], learnt["claims"]["sub"]) == (ISSUER, user.sub)
    assert learnt["userinfo"]["name"] == "Ana Lima"
    assert learnt["userinfo"]["email"] == user.email
    assert set(learnt["scope"].split()) == {"openid", "profile", "email"}
    assert 0 < learnt["expires_in"] <= 3600


@spec("OIDC Core", "5.3.2")
@spec("OIDC Core", "10.2")
@pytest.mark.parametrize(
    ("alg", "enc"), [("ECDH-ES", "A128CBC-HS256"), ("ECDH-ES+A256KW", "A256GCM")]
)
def test_signed_and_encrypted(
    provider: Server, alg: str, enc: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with node_site(
        tmp_path / "log",
        encryption=(alg, enc),
        id_token_signed_response_alg="PS384",
        userinfo_signed_response_alg="ES384",
    ) as site:
        learnt = sign_in(traveller, user, site)
    assert learnt["algorithm"] == alg
    assert learnt["claims"]["sub"] == learnt["userinfo"]["sub"] == user.sub
    assert learnt["userinfo"]["iss"] == ISSUER
    assert learnt["userinfo"]["email"] == user.email


@spec("OIDC Core", "9")
@spec("RFC 9101", "5")
def test_everything_that_it_sends_is_signed(
    provider: Server,
    traveller: Traveller,
    user: EndUser,
    foreign_site: Elsewhere,
    tmp_path: Path,
) -> None:
    path = f"/{unique('request')}"
    uri = foreign_site.address + path
    with node_site(
        tmp_path / "log",
        signs=True,
        jwks=PUBLIC,
        token_endpoint_auth_method="private_key_jwt",
        require_signed_request_object=True,
        request_uris=[uri],
    ) as site:
        by_value = sign_in(traveller, user, site)
        asked = traveller.until(f"{site}/login", f"{ISSUER}/authorize")
        sent = dict(parse_qsl(urlsplit(asked).query))
        assert set(sent) == {"client_id", "request"}
        foreign_site.says(path, sent["request"].encode(), "application/oauth-authz-req+jwt")
        by_reference = {"client_id": sent["client_id"], "request_uri": uri}
        page = traveller.open(f"{ISSUER}/authorize", **by_reference)
        assert shown(page)["claims"]["sub"] == by_value["claims"]["sub"] == user.sub


@spec("RFC 9126", "2")
@pytest.mark.parametrize("signs", [False, True])
def test_what_it_pushes(
    provider: Server, signs: bool, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with node_site(
        tmp_path / "log",
        signs=signs,
        jwks=PUBLIC,
        token_endpoint_auth_method="private_key_jwt" if signs else "client_secret_basic",
        require_signed_request_object=signs,
        require_pushed_authorization_requests=True,
    ) as site:
        asked = traveller.until(f"{site}/login", f"{ISSUER}/authorize")
        assert set(dict(parse_qsl(urlsplit(asked).query))) == {"client_id", "request_uri"}
        assert sign_in(traveller, user, site)["claims"]["sub"] == user.sub


@spec("RFC 9449", "5")
@spec("RFC 9449", "10.1")
@pytest.mark.parametrize("method", ["none", "private_key_jwt"])
def test_tokens_bound_to_its_key(
    provider: Server, method: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    """Pushed with a proof, so that the code is bound, too; then refreshed."""
    with node_site(
        tmp_path / "log",
        signs=method != "none",
        jwks=PUBLIC if method != "none" else None,
        token_endpoint_auth_method=method,
        grant_types=["authorization_code", "refresh_token"],
        require_pushed_authorization_requests=True,
        dpop_bound_access_tokens=True,
    ) as site:
        learnt = sign_in(traveller, user, site)
        assert (learnt["token_type"], learnt["userinfo"]["sub"]) == ("dpop", user.sub)
        page = traveller.open(f"{site}/login", scope="openid offline_access")
        kept = shown(traveller.agree(user, page))
        again = shown(traveller.open(f"{site}/refresh"))
    assert again["token_type"] == kept["token_type"] == "dpop"
    assert again["access_token"] != kept["access_token"]


@spec("JARM", "2.4")
@pytest.mark.parametrize("is_encrypted", [False, True])
def test_signed_answers_to_pushed_requests(
    provider: Server, is_encrypted: bool, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    """JARM with PAR and signed requests: what FAPI 2.0 Message Signing demands, and encryption."""
    with node_site(
        tmp_path / "log",
        signs=True,
        encryption=("ECDH-ES", "A128GCM") if is_encrypted else None,
        answers=("authorization",),
        jwks=PUBLIC,
        token_endpoint_auth_method="private_key_jwt",
        authorization_signed_response_alg="PS256",
        require_signed_authorization_response=True,
        require_signed_request_object=True,
        require_pushed_authorization_requests=True,
    ) as site:
        assert sign_in(traveller, user, site)["claims"]["sub"] == user.sub
        answer = traveller.until(f"{site}/login", f"{site}/callback")
        assert set(dict(parse_qsl(urlsplit(answer).query))) == {"response"}
        head, _, tail = answer.rpartition(".")
        forged = traveller.open(f"{head}.{'A' * len(tail)}")
        assert forged.status_code == 400


@spec("OIDC Core", "8.1")
@spec("OIDC Core", "3.3")
def test_hybrid_encrypted_posted_and_pairwise(
    provider: Server, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with opened_site(
        tmp_path / "log",
        "code id_token",
        encryption=("ECDH-ES+A128KW", "A128GCM"),
        signs=True,
        token_endpoint_auth_method="client_secret_jwt",
        userinfo_signed_response_alg="ES256",
        subject_type="pairwise",
    ) as site:
        page = traveller.agree(user, traveller.open(f"{site}/login", response_mode="form_post"))
        learnt = shown(traveller.press(page, "continue"))
    assert learnt["algorithm"] == "ECDH-ES+A128KW"
    assert learnt["claims"]["sub"] == learnt["userinfo"]["sub"] != user.sub
    assert learnt["userinfo"]["email"] == user.email


@spec("OIDC Dynamic Client Registration", "3.1")
@pytest.mark.parametrize(
    ("method", "with_token"),
    [
        pytest.param("client_secret_basic", True, marks=pytest.mark.smoke),
        ("client_secret_post", False),
        ("none", False),
    ],
)
def test_registering_itself_and_signing_in(
    provider: Server,
    method: str,
    with_token: bool,
    traveller: Traveller,
    user: EndUser,
    tmp_path: Path,
) -> None:
    metadata = {
        "client_name": unique("Self-made"),
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
        "id_token_signed_response_alg": "ES256",
    }
    token = initial_token(max_uses=1) if with_token else ""
    with registering_site(tmp_path / "log", token, **metadata) as site:
        registered = shown(traveller.open(f"{site}/registered"))
        page = traveller.open(f"{site}/login", scope="openid offline_access")
        page = traveller.sign_in(user, page)
        assert metadata["client_name"] in page.text
        learnt = shown(traveller.agree(user, page))
        again = shown(traveller.open(f"{site}/refresh"))
    assert {name: registered[name] for name in metadata} == metadata
    assert ("client_secret" in registered) == (method != "none")
    assert learnt["claims"]["aud"] == registered["client_id"]
    assert learnt["claims"]["sub"] == again["claims"]["sub"] == user.sub


def test_max_age(site: str, traveller: Traveller, user: EndUser) -> None:
    first = sign_in(traveller, user, site, max_age="600")["claims"]["auth_time"]
    again = shown(traveller.open(f"{site}/login", max_age="600"))["claims"]["auth_time"]
    assert again == first
    time.sleep(1.1)
    page = traveller.open(f"{site}/login", max_age="0")
    assert page.url.path == "/account/login/"
    assert shown(traveller.agree(user, page))["claims"]["auth_time"] > first


def test_a_no(site: str, traveller: Traveller, user: EndUser) -> None:
    page = traveller.agree(user, traveller.open(f"{site}/login"), "deny")
    assert page.status_code == 400
    assert page.json()["error"] == "access_denied"


@pytest.mark.parametrize(
    ("written", "changed", "problem"),
    [
        ("state=", "state=not-", 'unexpected "state"'),
        # RFC 9207: discovery promises `iss`, so an answer without it or with another's is refused.
        ("iss=", "iss=http%3A%2F%2Fevil.example&was=", 'unexpected "iss"'),
        ("&iss=", "&was=", '"iss" (issuer) missing'),
        ("code=", "code=not-", "invalid_grant"),
    ],
)
def test_a_tampered_answer(
    site: str, traveller: Traveller, user: EndUser, written: str, changed: str, problem: str
) -> None:
    sign_in(traveller, user, site)
    answer = traveller.until(f"{site}/login", f"{site}/callback")
    page = traveller.open(answer.replace(written, changed))
    assert page.status_code == 400
    assert problem in " ".join(map(str, page.json().values()))


def test_an_answer_twice(site: str, traveller: Traveller, user: EndUser) -> None:
    sign_in(traveller, user, site)
    answer = traveller.until(f"{site}/login", f"{site}/callback")
    assert shown(traveller.open(answer))["claims"]["sub"] == user.sub
    assert traveller.open(answer).json()["error"] == "invalid_grant"


def opened_site(log: Path, response_type: str, **options: Any) -> AbstractContextManager[str]:
    """Run the relying party as one that an operator opened for tokens in front.

    A native app, since it is at this machine's own address.
    """
    grants = ["authorization_code", "implicit"] if "code" in response_type else ["implicit"]
    return node_site(
        log,
        profile="compatible",
        application_type="native",
        grant_types=grants,
        response_types=[response_type],
        **options,
    )


@spec("OAuth 2.0 Form Post Response Mode", "2")
@pytest.mark.parametrize("response_type", ["code", "id_token", "code id_token"])
def test_form_post(
    provider: Server, response_type: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    if response_type == "code":
        running_site = node_site(tmp_path / "log")
    else:
        running_site = opened_site(tmp_path / "log", response_type)
    with running_site as site:
        page = traveller.agree(user, traveller.open(f"{site}/login", response_mode="form_post"))
        learnt = shown(traveller.press(page, "continue"))
    assert learnt["claims"]["sub"] == user.sub
    if "code" in response_type:
        assert learnt["userinfo"]["email"] == user.email
    else:
        assert learnt["claims"]["email"] == user.email


@spec("OIDC Core", "3.2.2.11")
@spec("OIDC Core", "3.3.2.12")
@pytest.mark.parametrize("response_type", ["id_token", "code id_token"])
def test_tokens_in_front(
    provider: Server, response_type: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with opened_site(tmp_path / "log", response_type) as site:
        # Once to agree; the second answer is read where a browser's page would find it.
        traveller.agree(user, traveller.open(f"{site}/login"))
        answer = urlsplit(traveller.until(f"{site}/login", f"{site}/callback"))
        assert answer.query == ""
        tampered = answer.fragment.replace("state=", "state=not-")
        assert traveller.open(f"{site}/fragment", answer=tampered).status_code == 400
        learnt = shown(traveller.open(f"{site}/fragment", answer=answer.fragment))
    assert learnt["claims"]["sub"] == user.sub


OFFLINE = "openid offline_access bread.read"


@pytest.fixture(scope="module")
def api(provider: Server) -> str:
    identifier = f"https://{unique('api')}.example.com/"
    apply(
        {"resource_servers": [{"identifier": identifier, "scopes": ["bread.read"]}]}, dry_run=False
    )
    return identifier


@pytest.fixture(scope="module")
def offline_site(api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A site that goes on while its users are away, and asks for itself, too."""
    with node_site(
        tmp_path_factory.mktemp("node") / "log",
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        scope=OFFLINE,
    ) as address:
        yield address


def audience_of(token: str) -> str:
    audience: str = jwt.decode(token, options={"verify_signature": False})["aud"]
    return audience


@spec("RFC 6749", "6")
@spec("RFC 8707", "2.2")
def test_refresh(offline_site: str, api: str, traveller: Traveller, user: EndUser) -> None:
    first = sign_in(traveller, user, offline_site, scope=OFFLINE)
    again = shown(traveller.open(f"{offline_site}/refresh"))
    assert again["claims"]["sub"] == user.sub
    assert again["claims"]["auth_time"] == first["claims"]["auth_time"]
    assert again["refresh_token"] != first["refresh_token"]
    for_api = shown(traveller.open(f"{offline_site}/refresh", resource=api))
    assert (audience_of(for_api["access_token"]), for_api["scope"]) == (api, "bread.read")
    narrow = shown(traveller.open(f"{offline_site}/refresh", scope="openid"))
    assert narrow["scope"] == "openid"
    wide = traveller.open(f"{offline_site}/refresh", scope="openid email")
    assert wide.json()["error"] == "invalid_scope"


@spec("RFC 8707", "2.1")
def test_resource(offline_site: str, api: str, traveller: Traveller, user: EndUser) -> None:
    tokens = sign_in(traveller, user, offline_site, scope=OFFLINE, resource=api)
    assert audience_of(tokens["access_token"]) == api
    machine = shown(traveller.open(f"{offline_site}/machine", resource=api, scope="bread.read"))
    assert audience_of(machine["access_token"]) == api
    unknown = traveller.open(f"{offline_site}/machine", resource="https://unknown.example/")
    assert unknown.json()["error"] == "invalid_target"


@spec("RFC 7009", "2")
@spec("RFC 7662", "2")
def test_introspection_and_revocation(
    offline_site: str, traveller: Traveller, user: EndUser
) -> None:
    sign_in(traveller, user, offline_site, scope=OFFLINE)
    for token in ("access_token", "refresh_token"):
        known = shown(traveller.open(f"{offline_site}/introspect", token=token))
        assert (known["active"], known["sub"]) == (True, user.sub)
        shown(traveller.open(f"{offline_site}/revoke", token=token))
        gone = shown(traveller.open(f"{offline_site}/introspect", token=token))
        assert gone == {"active": False}
    assert traveller.open(f"{offline_site}/refresh").json()["error"] == "invalid_grant"


def test_a_machine(provider: Server, traveller: Traveller, tmp_path: Path) -> None:
    with node_site(
        tmp_path / "log",
        redirect_uris=[],
        response_types=[],
        grant_types=["client_credentials"],
    ) as site:
        token = shown(traveller.open(f"{site}/machine"))
    assert token["token_type"] == "bearer"
    assert token["expires_in"] == 3600
