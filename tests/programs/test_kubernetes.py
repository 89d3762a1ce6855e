"""The API server of Kubernetes knows users and their groups by the ID token that kubectl sends.

Its authenticator runs in a program with its flags. kubelogin's part is a program with its options.
"""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from idp.integrations.catalogue import catalogue
from tests import secrecy
from tests.conftest import Server
from tests.idp.admin.conftest import Operator
from tests.interop.conftest import running
from tests.ports import free_address
from tests.programs import builds
from tests.programs.conftest import sign_in
from tests.relying_party import make_user
from tests.reverse_proxy import Provider, provider_behind_nginx

pytestmark = pytest.mark.programs


@pytest.fixture(scope="module")
def provider_with_tls(
    provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    locations = "location / { proxy_pass http://127.0.0.1:%(port)s; }"
    with provider_behind_nginx(tmp_path_factory.mktemp("nginx"), locations) as proxied:
        yield proxied


@dataclass
class Cluster:
    """An API server, and how kubectl gets a token for it."""

    address: str
    login: list[str]
    redirect_uris: tuple[str, ...]
    log: Path

    def whoami(self, token: str) -> Any:
        """Return whom it takes the bearer of a token for."""
        headers = {"Authorization": f"Bearer {token}"}
        for _ in range(100):  # it fetches our keys in the background
            if httpx.get(f"{self.address}/readyz").status_code == 200:
                break
            time.sleep(0.1)
        answer = httpx.get(f"{self.address}/whoami", headers=headers)
        assert answer.status_code == 200, self.log.read_text()
        return answer.json()


@pytest.fixture
def cluster(provider_with_tls: Provider, operator: Operator, tmp_path: Path) -> Iterator[Cluster]:
    form = operator.open("idp/client/add/program/kubernetes/")
    page = operator.browser.submit(form, name="Kubernetes")
    [client_id] = set(re.findall(r"--oidc-client-id=([\w-]+)$", page.text, re.MULTILINE))
    program = catalogue()["kubernetes"].filled_in(
        issuer=provider_with_tls.issuer, client_id=client_id
    )
    flags, commands = (setting.text for setting in program.settings[:2])
    address, log = free_address(), tmp_path / "log"
    server = [
        builds.go("kubernetes", "./apiserver", "apiserver"),
        *flags.split(),
        f"--oidc-ca-file={provider_with_tls.authority}",
        f"--address={address.removeprefix('http://')}",
    ]
    login = [
        builds.go("kubernetes", "./login", "login"),
        *re.findall(r"--exec-arg=(--\S+)", commands),
        f"--certificate-authority={provider_with_tls.authority}",
        f"--token-cache-dir={tmp_path}",
    ]
    with running("API server", server, address, log):
        yield Cluster(address, login, program.redirect_uris, log)


def test_the_api_server_knows_the_user_and_their_groups(
    cluster: Cluster, provider_with_tls: Provider, page: Page, tmp_path: Path
) -> None:
    user = make_user(groups=["kubernetes-admins", "bakers"])
    log, address = tmp_path / "login", next(filter(is_free, cluster.redirect_uris))
    login = [*cluster.login, f"--listen-address={address.removeprefix('http://')}"]
    with running("kubelogin", login, address, log) as kubelogin:
        page.goto(address)
        sign_in(page, user, provider_with_tls.issuer)
        expect(page.get_by_text("Authenticated")).to_be_visible()
        assert kubelogin.process.wait(30) == 0, log.read_text()
    known = {"username": user.email, "groups": ["bakers", "kubernetes-admins"]}
    assert cluster.whoami(token_in(log.read_text())) == known
    # The ID token of a refresh says as much.
    done = subprocess.run(cluster.login, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert cluster.whoami(token_in(done.stdout)) == known


def is_free(address: str) -> bool:
    """Whether no process listens there. kubelogin takes its second port if the first is taken."""
    parts = urlsplit(address)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname, parts.port)) != 0


def token_in(output: str) -> str:
    """Return the token that kubectl is given."""
    token: str = json.loads(output)["status"]["token"]
    secrecy.used.note(token)
    return token
