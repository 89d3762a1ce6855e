"""docs/protect-your-api.md: its blocks are written to files, and run."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from idp.declaration import apply
from tests.conftest import ROOT, Server
from tests.ports import free_address
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client

RECIPE = (ROOT / "docs" / "protect-your-api.md").read_text()
BLOCK = re.compile(r"^```(?:python|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\S+\.(?:py|yaml))\n")


def blocks(here: str) -> dict[str, str]:
    """Return the blocks by the file name in their first line, for a Signet at this address."""
    texts = [text.replace("https://id.example.com", here) for text in BLOCK.findall(RECIPE)]
    return {name[1]: text for text in texts if (name := NAMED.match(text))}


@pytest.fixture(scope="module")
def shop(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the project of the recipe: Signet, and an API beside it."""
    project = tmp_path_factory.mktemp("project")
    here = free_address().replace("127.0.0.1", "localhost")
    for name, text in blocks(here).items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    apply(yaml.safe_load((project / "shop.yaml").read_text()), dry_run=False)
    environment = {"DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONPATH": str(project)}
    server = Server(here, project / "log", **environment)
    server.wait()
    yield here
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture
def party(browser: Browser, user: EndUser) -> RelyingParty:
    client = make_client(
        grant_types=["authorization_code", "refresh_token"],
        scope="openid bread.read bread.bake",
        refresh_without_offline_access=True,
    )
    return RelyingParty(client, browser, user)


def machine(shop: str, **parameters: str) -> str:
    client = yaml.safe_load(blocks(shop)["shop.yaml"])["clients"][0]
    data = {"grant_type": "client_credentials", "resource": f"{shop}/api/", **parameters}
    auth = (client["client_id"], client["client_secret"])
    token: str = httpx.post(f"{shop}/token", data=data, auth=auth).json()["access_token"]
    return token


def call(address: str, token: str | None = None, method: str = "GET") -> httpx.Response:
    headers = {"Accept": "text/html,*/*"}  # as a browser's address bar asks
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.request(method, address, headers=headers)


def test_a_machine(shop: str) -> None:
    token = machine(shop, scope="bread.read")
    assert call(f"{shop}/api/bread", token).json() == {"bread": ["rye"], "for": None}
    assert call(f"{shop}/api/orders", token).json() == {"orders": [], "client": "baker"}
    refused = call(f"{shop}/api/oven", token, "POST")
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]
    assert call(f"{shop}/api/oven", machine(shop, scope="bread.bake"), "POST").status_code == 201


def test_a_user_until_they_sign_out(shop: str, party: RelyingParty) -> None:
    tokens = party.tokens(scope="openid bread.read", resource=f"{shop}/api/")
    token = tokens["access_token"]
    assert call(f"{shop}/api/bread", token).json()["for"] == party.user.sub
    assert call(f"{shop}/api/orders", token).status_code == 200
    for address in ("bread", "orders"):
        assert call(f"{shop}/api/{address}", tokens["id_token"]).status_code == 401
    end_sessions(Session.objects.filter(user__sub=party.user.sub), Ending.SIGNED_OUT)
    for address in ("bread", "orders"):
        assert call(f"{shop}/api/{address}", token).status_code == 401


@pytest.mark.parametrize("address", ["bread", "oven", "orders"])
def test_a_client_finds_its_way(shop: str, address: str) -> None:
    refused = call(f"{shop}/api/{address}")
    assert refused.status_code == 401
    where = f"{shop}/.well-known/oauth-protected-resource/api/"
    assert f'resource_metadata="{where}"' in refused.headers["WWW-Authenticate"]
    assert where.replace(shop, "https://id.example.com") in RECIPE
    metadata = httpx.get(where).json()
    assert metadata["resource"] == f"{shop}/api/"
    assert metadata["authorization_servers"] == [shop]
    discovery = f"{metadata['authorization_servers'][0]}/.well-known/oauth-authorization-server"
    assert httpx.get(discovery).json()["token_endpoint"] == f"{shop}/token"


def test_the_other_program_is_the_sample() -> None:
    """tests/interop/test_sample_api.py attacks it."""
    assert (ROOT / "examples" / "api" / "access_tokens.py").read_text() in BLOCK.findall(RECIPE)


def test_introspection(shop: str, party: RelyingParty, tmp_path: Path) -> None:
    texts = blocks(shop)
    apply(yaml.safe_load(texts["shop-introspects.yaml"]), dry_run=False)
    is_active = loaded(tmp_path / "introspection.py", texts["introspection.py"]).is_active
    tokens = party.tokens(scope="openid bread.read", resource=f"{shop}/api/")
    assert is_active(tokens["access_token"]) is True
    assert is_active(tokens["id_token"]) is False
    auth = (party.client.client_id, party.client.secret or "")
    httpx.post(f"{ISSUER}/revoke", data={"token": tokens["refresh_token"]}, auth=auth)
    assert is_active(tokens["access_token"]) is False


def loaded(path: Path, text: str) -> Any:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
