"""Programs of docs/protect-your-api.md accept our access tokens, and nothing else. RFC 9068 §4."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from idp import keys
from idp.declaration import apply
from tests.conftest import ROOT, Server
from tests.dpop import Prover
from tests.interop.conftest import build, running
from tests.ports import free_address
from tests.relying_party import ISSUER, Browser, RelyingParty, make_client, make_user, unique

GUIDE = (ROOT / "docs" / "protect-your-api.md").read_text()
BLOCK = re.compile(r"^```\w+\n(?://|#) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = dict(BLOCK.findall(GUIDE))
BUILDS = ROOT / "tests/programs/builds"
SCOPE = "openid bread.read bread.bake"
JAR = "target/shop.jar"


def node(folder: Path, file: str) -> list[str]:
    (folder / "node_modules").symlink_to(ROOT / "tests/node_modules")
    return ["node", str(folder / file)]


def flask(folder: Path, file: str) -> list[str]:
    return [sys.executable, "-m", "flask", "--app", str(folder / file), "run"]


def go(folder: Path, _file: str) -> list[str]:
    for name in ("go.mod", "go.sum"):
        shutil.copy(BUILDS / "resource-server-go" / name, folder)
    build(folder, "go", "build", "-o", "shop", ".")
    return [str(folder / "shop")]


def spring(folder: Path, file: str) -> list[str]:
    shutil.copy(BUILDS / "resource-server-spring" / "pom.xml", folder)
    sources, resources = folder / "src/main/java/shop", folder / "src/main/resources"
    sources.mkdir(parents=True)
    resources.mkdir()
    (folder / file).rename(sources / file)
    (resources / "application.yaml").write_text(BLOCKS["application.yaml"])
    stack = {"Mvc.java": "web", "WebFlux.java": "webflux"}[file]
    build(folder, "mvn", "-q", "-B", f"-Dstack={stack}", "package")
    return ["java", "-jar", str(folder / JAR)]


@dataclass(frozen=True)
class Program:
    """A program of the guide: its file, how it is run, and what its API needs."""

    file: str
    command: Callable[[Path, str], list[str]]
    typ: str = "at+jwt"
    knows_dpop: bool = False


PROGRAMS = {
    "Express": Program("express_api.mjs", node, knows_dpop=True),
    "jose": Program("jose_api.mjs", node),
    "Authlib": Program("authlib_api.py", flask),
    "Go": Program("main.go", go),
    "Spring MVC": Program("Mvc.java", spring, "JWT", knows_dpop=True),
    "Spring WebFlux": Program("WebFlux.java", spring, "JWT"),
}
#: Those that have to be built, with downloads: `make test-interop`.
BUILT = ("Go", "Spring MVC", "Spring WebFlux")


@dataclass(frozen=True)
class Api:
    """A running program, and its identifier."""

    identifier: str
    address: str
    knows_dpop: bool = False

    def get(self, token: str | None, path: str = "bread") -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.address}/{path}", headers=headers, timeout=60)

    def refuses(self, token: str | None) -> bool:
        return self.get(token).status_code == 401


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.programs] if name in BUILT else [])
        for name in PROGRAMS
    ],
)
def api(
    request: pytest.FixtureRequest, provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """Run a program as the guide has it, for an API of ours."""
    program = PROGRAMS[request.param]
    folder = tmp_path_factory.mktemp("api")
    address = free_address()
    declare(f"{address}/", access_token_typ=program.typ)
    (folder / program.file).write_text(BLOCKS[program.file])
    port = str(urlsplit(address).port)
    environment = {"PORT": port, "FLASK_RUN_PORT": port}
    environment |= {"OIDC_ISSUER": ISSUER, "API_IDENTIFIER": f"{address}/"}
    command = program.command(folder, program.file)
    with running(request.param, command, address, folder / "log", **environment):
        yield Api(f"{address}/", address, program.knows_dpop)


def declare(identifier: str, **columns: object) -> None:
    scopes = ["bread.read", "bread.bake"]
    entry = {
        "identifier": identifier,
        "scopes": scopes,
        "access_token_claims": ["groups"],
        **columns,
    }
    apply({"resource_servers": [entry]}, dry_run=False)


@pytest.fixture
def party(browser: Browser) -> RelyingParty:
    return RelyingParty(make_client(scope=SCOPE), browser, make_user(groups=["bakers"]))


def token_for(party: RelyingParty, api: Api, scope: str = SCOPE) -> str:
    token: str = party.tokens(scope=scope, resource=api.identifier)["access_token"]
    return token


def test_a_token_for_it(api: Api, party: RelyingParty) -> None:
    answer = api.get(token_for(party, api))
    assert answer.status_code == 200, answer.text
    assert answer.json()["for"] == party.user.sub


def test_too_little_scope(api: Api, party: RelyingParty) -> None:
    assert api.get(token_for(party, api, "openid bread.bake")).status_code == 403


def test_what_is_none_of_our_access_tokens(api: Api, party: RelyingParty) -> None:
    elsewhere = Api(f"https://{unique('api')}.example.com/", "")
    declare(elsewhere.identifier)
    tokens = party.tokens(scope=SCOPE)
    for token in (
        *(None, "x", "a.b.c", tokens["access_token"], tokens["id_token"]),
        token_for(party, elsewhere),
    ):
        assert api.refuses(token), token


def test_forged_and_expired_tokens(api: Api, party: RelyingParty) -> None:
    token = token_for(party, api)
    header, payload, signature = token.split(".")
    headers = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    stranger = rsa.generate_private_key(65537, 2048)
    ours = keys.active_signer("RS256")
    named = {"kid": headers["kid"], "typ": headers["typ"]}
    for forged in (
        jwt.encode(claims, None, "none", headers=named),
        jwt.encode(claims, stranger, "RS256", headers=named),
        f"{header}.{payload[:-4]}{'AAAA' if payload[-4:] != 'AAAA' else 'BBBB'}.{signature}",
        ours.sign({**claims, "exp": claims["iat"] - 600}, typ=headers["typ"]),
        ours.sign({**claims, "iss": "https://evil.example.com"}, typ=headers["typ"]),
        ours.sign({**claims, "aud": f"{api.identifier}other"}, typ=headers["typ"]),
    ):
        assert api.refuses(forged), forged
    assert api.get(token).status_code == 200


def test_the_type_is_the_one_that_the_guide_says(api: Api, party: RelyingParty) -> None:
    """With the other type, a token that is right otherwise is refused: the setting is needed."""
    token = token_for(party, api)
    claims = jwt.decode(token, options={"verify_signature": False})
    typ = {"at+jwt": "JWT", "JWT": "at+jwt"}[jwt.get_unverified_header(token)["typ"]]
    assert api.refuses(keys.active_signer("RS256").sign(claims, typ=typ))


def test_a_token_that_is_bound_to_a_key(api: Api, party: RelyingParty) -> None:
    """RFC 9449 §7.1: it is of no use without the key; libraries that don't know that take it."""
    prover = Prover()
    token = prover.tokens(party, scope=SCOPE, resource=api.identifier)["access_token"]
    assert api.get(token).status_code == (401 if api.knows_dpop else 200)
    if not api.knows_dpop:
        return

    def status(proof: str, scheme: str = "DPoP") -> int:
        headers = {"Authorization": f"{scheme} {token}", "DPoP": proof}
        return httpx.get(f"{api.address}/bread", headers=headers, timeout=60).status_code

    def proof(
        by: Prover = prover, method: str = "GET", of: str = token, path: str = "bread"
    ) -> str:
        return by.proof("", method, of, htu=f"{api.address}/{path}")

    assert status(proof()) == 200
    assert status(proof(), "Bearer") in {400, 401}
    thief = Prover()
    for wrong in (proof(thief), proof(method="POST"), proof(of="x"), proof(path="oven"), "x", ""):
        assert status(wrong) in {400, 401}, wrong


def test_groups_of_the_access_token_open_a_door(
    provider: Server, browser: Browser, tmp_path: Path
) -> None:
    """Authlib's `groups` reads the claim that `access_token_claims` puts there."""
    address = free_address()
    api = Api(f"{address}/", address)
    declare(api.identifier)
    (tmp_path / "authlib_api.py").write_text(BLOCKS["authlib_api.py"])
    client = make_client(scope=SCOPE, first_party=True)
    environment = {"OIDC_ISSUER": ISSUER, "API_IDENTIFIER": api.identifier}
    environment["FLASK_RUN_PORT"] = str(urlsplit(address).port)
    command = flask(tmp_path, "authlib_api.py")
    with running("Authlib", command, address, tmp_path / "log", **environment):
        for groups, status in ((["bakers"], 200), ([], 401)):
            with Browser() as own:
                party = RelyingParty(client, own, make_user(groups=groups))
                answer = api.get(token_for(party, api), "oven")
            assert answer.status_code == status, answer.text
