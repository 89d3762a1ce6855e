"""Quick starts: each is taken from its page as its app's owner sees it, and run as it stands.

They run beside `make run`, at the addresses that their pages name: all on one host, where cookies
ignore ports.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from accounts.models import User
from idp.developers.first_sign_in import last_sign_in
from idp.developers.quick_starts import QUICK_STARTS
from idp.integrations.catalogue import catalogue
from idp.models import AccessToken, Client, Delivery
from idp.protocol.vocabulary import CIBA, DEVICE_CODE
from tests.conftest import ROOT, database_url
from tests.devices import approve, make_device_client
from tests.interop.conftest import Traveller, made, running, shown
from tests.reading import PUBLIC, SIGNING
from tests.relying_party import (
    EndUser,
    Registered,
    is_page,
    mailed_link,
    make_api,
    make_client,
    make_user,
)

NODE_MODULES = ROOT / "tests/node_modules"
FLASK = (sys.executable, "-m", "flask")
UVICORN = (sys.executable, "-m", "uvicorn")
DJANGO = (sys.executable, "-m", "tests.interop.mozilla_site")
APACHE = ("apache2", "-X", "-f")
#: What high security demands of a program: no other is shown to the owner of such an app.
DEMANDS = {
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": PUBLIC,
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
}


@pytest.fixture(scope="module")
def issuer(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running `make run`, on this test process's database.

    Its discovery document knows the grants of clients that there are when it starts.
    """
    make_device_client()
    make_client(grant_types=[CIBA], response_types=[], redirect_uris=None)
    with made(
        tmp_path_factory.mktemp("run") / "log",
        DJANGO_SETTINGS_MODULE="tests.settings",
        SIGNET_TEST_SERVER="1",
        DATABASE_URL=database_url(),
    ) as run:
        yield run.address


@pytest.fixture
def traveller(issuer: str) -> Iterator[Traveller]:
    """A browser that no user is signed in at."""
    with Traveller(issuer) as browser:
        yield browser


def page_of(name: str, client: Registered, traveller: Traveller) -> str:
    """Return the file as the page shows it to the app's owner, who signs in for it."""
    owner = make_user()
    user_row = User.objects.get(email=owner.email)
    Client.objects.filter(client_id=client.client_id).update(user=user_row)
    traveller.sign_in(owner)
    page = traveller.open(f"/developers/start/{name}/", client_id=client.client_id)
    assert "is registered otherwise" not in page.text
    assert QUICK_STARTS[name].redirect_uri in page.text
    traveller.cookies.clear()
    [file] = QUICK_STARTS[name].files
    block = page.text.partition(f"<figcaption><code>{file}</code>")[2].partition("</pre>")[0]
    return unescape(block.partition("<pre")[2].partition(">")[2])


def said_by(text: str, program: str) -> list[str]:
    """Return the arguments with which a file says that a program is to be run."""
    [line] = re.findall(
        rf"^\W*\$ OIDC_CLIENT_SECRET=… (?:python )?{program} (.*)$", text, re.MULTILINE
    )
    return str(line).split()


@contextmanager
def started(name: str, folder: Path, issuer: str) -> Iterator[str]:
    """Run a quick start with a client of its own, as its page says; gives its address.

    What the wizard proposes for its program, such as ES256, is so shown to suit it.
    """
    start = QUICK_STARTS[name]
    home = start.post_logout_redirect_uri
    address = home.rstrip("/")
    client = make_client(
        redirect_uris=[start.redirect_uri],
        post_logout_redirect_uris=[home],
        profile="recommended",
        **(DEMANDS if start.has_high_security else catalogue()[name].client),
    )
    with Traveller(issuer) as owner:
        text = page_of(name, client, owner)
    file = folder / start.files[0]
    command, environment = {
        "flask": lambda: ([*FLASK, *said_by(text, "flask")], {}),
        "fastapi": lambda: ([*UVICORN, *said_by(text, "uvicorn")], {}),
        "express": lambda: (["node", str(file)], {}),
        "high-security": lambda: (["node", str(file)], {"OIDC_CLIENT_KEY": SIGNING.export()}),
        "django": lambda: (
            [*DJANGO],
            {"SITE_SETTINGS": file.stem, "SITE_ADDRESS": said_by(text, "manage.py")[-1]},
        ),
        "apache": lambda: ([*APACHE, str(httpd(folder, re.findall(r"Listen (\d+)", text)[0]))], {}),
    }[name]()
    if name == "django":
        text = f"from tests.interop.mozilla_site.base import *\n\n{text}"
    if file.suffix == ".mjs":
        (folder / "node_modules").symlink_to(NODE_MODULES)
    file.write_text(text)
    with running(
        name,
        command,
        address,
        folder / "log",
        PYTHONPATH=os.pathsep.join([str(folder), str(ROOT)]),
        OIDC_CLIENT_SECRET=client.secret or "",
        OIDC_CRYPTO_PASSPHRASE="only for this test, but as long as it should be",
        SITE_DATABASE=str(folder / "site.sqlite3"),
        **environment,
    ):
        yield address


def httpd(folder: Path, port: str) -> Path:
    """Return the configuration of an Apache with one page, that includes the quick start's."""
    modules = ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "headers")
    (folder / "htdocs").mkdir()
    (folder / "htdocs/index.html").write_text("Bread")
    configuration = folder / "httpd.conf"
    lines = [
        *(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules),
        f"Listen 127.0.0.1:{port}",
        f"ServerName localhost:{port}",
        f"PidFile {folder}/pid",
        f"DefaultRuntimeDir {folder}",
        f"Mutex file:{folder}",
        f"ErrorLog {folder}/log",
        f"DocumentRoot {folder}/htdocs",
        'Header always set Who "expr=%{REMOTE_USER}"',
        'Header always set Address "expr=%{reqenv:OIDC_CLAIM_email}"',
        f"Include {folder}/apache.conf",
    ]
    configuration.write_text("\n".join(lines))
    return configuration


@pytest.mark.parametrize("name", ["flask", "fastapi", "express", "high-security"])
def test_signing_in(
    issuer: str, traveller: Traveller, user: EndUser, tmp_path: Path, name: str
) -> None:
    with started(name, tmp_path, issuer) as site:
        assert shown(traveller.open(site)) == {"signed_in": None}
        refused = traveller.agree(user, traveller.open(f"{site}/login"), "deny")
        assert refused.status_code == 400
        assert refused.json()["error"] == "access_denied"
        page = traveller.agree(user, traveller.open(f"{site}/login"))
        assert str(page.url) == f"{site}/"
        assert shown(page) == {"signed_in": {"sub": user.sub, "email": user.email}}
        stranger = traveller.open(f"{site}/callback?code=x&state=x")
        assert stranger.status_code == 400
        assert shown(traveller.open(f"{site}/logout")) == {"signed_in": None}
        assert is_signed_out(traveller)
        asked = traveller.open(f"{site}/logout")
        assert asked.url.path == "/", "who is signed in nowhere comes back, too"
        assert str(asked.url).startswith(site)


def is_signed_out(traveller: Traveller) -> bool:
    """Whether the provider asks who is there."""
    return is_page(traveller.open("/account/"), "/account/login/")


def test_signing_in_with_django(
    issuer: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with started("django", tmp_path, issuer) as site:
        page = traveller.agree(user, traveller.open(f"{site}/oidc/authenticate/"))
        assert f"Signed in as {user.email}" in page.text
        page = traveller.press(page, "sign-out")
        assert "No user is signed in" in page.text
        assert str(page.url) == f"{site}/"
        assert is_signed_out(traveller)


def test_signing_in_with_apache(
    issuer: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    with started("apache", tmp_path, issuer) as site:
        page = traveller.agree(user, traveller.open(f"{site}/index.html"))
        assert page.text == "Bread"
        assert page.headers["Who"] == user.sub
        assert page.headers["Address"] == user.email
        # By the address that the file names; the site then has its user sign in again.
        out = re.findall(r"/oidc/callback\?logout=\S+", QUICK_STARTS["apache"].filled_in(None))[0]
        assert is_page(traveller.open(f"{site}{out}"), "/account/login/")


def was_delivered(client: Client) -> bool:
    """Whether an app is told of a sign-out, now or within some seconds."""
    for _ in range(100):
        if Delivery.objects.get(client=client).state == Delivery.State.DELIVERED:
            return True
        time.sleep(0.2)
    return False


def test_apache_is_told_of_sign_outs(
    issuer: str, traveller: Traveller, user: EndUser, tmp_path: Path
) -> None:
    """By mod_auth_openidc's own addresses, from us and then by the user's browser."""

    def sign_out() -> httpx.Response:
        return traveller.press(traveller.open("/account/logout/"), "confirm-logout")

    def is_signed_in() -> bool:
        return traveller.open(f"{site}/index.html").text == "Bread"

    with started("apache", tmp_path, issuer) as site:
        told_at = f"{site}/oidc/callback?logout="
        client = Client.objects.filter(redirect_uris=[f"{site}/oidc/callback"]).latest("pk")
        client.backchannel_logout_uri = f"{told_at}backchannel"
        client.save()
        traveller.agree(user, traveller.open(f"{site}/index.html"))
        sign_out()
        assert was_delivered(client), "the worker of `make run` tells it"
        assert not is_signed_in()

        client.backchannel_logout_uri, client.frontchannel_logout_uri = "", f"{told_at}get"
        client.save()
        traveller.sign_in(user)
        assert is_signed_in()
        frame = re.search(r'<iframe[^>]* src="([^"]+)"', sign_out().text)
        assert frame
        assert traveller.get(unescape(frame[1])).status_code == 200
        assert not is_signed_in()


@pytest.mark.parametrize("button", ["allow", "deny"])
def test_a_desktop_app(traveller: Traveller, user: EndUser, tmp_path: Path, button: str) -> None:
    client = make_client(
        application_type="native",
        redirect_uris=["http://127.0.0.1/callback"],
        token_endpoint_auth_method="none",
        profile="recommended",
    )
    script = tmp_path / "desktop_app.py"
    script.write_text(page_of("desktop", client, traveller))
    app = subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "BROWSER": "true"},  # a browser that opens nothing
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with app:
        try:
            assert app.stdout is not None
            address = app.stdout.readline().rpartition(" ")[2].strip()
            loopback = parse_qs(urlsplit(address).query)["redirect_uri"][0]
            assert traveller.get(f"{loopback}?code=x&state=x").status_code == 404
            page = traveller.agree(user, traveller.open(address), button)
            assert page.text == "You can close this page and go on in the app."
            learnt, problems = app.communicate(timeout=20)
        finally:
            app.kill()
    if button == "deny":
        assert "access_denied" in problems
    else:
        assert json.loads(learnt) == {"signed_in": {"sub": user.sub, "email": user.email}}
        assert app.returncode == 0, problems
        app_row = Client.objects.get(client_id=client.client_id)
        assert last_sign_in(app_row), "the page that waits for it knows"
        assert not AccessToken.objects.filter(application=app_row).exists(), "it signs out"


#: Runs a program with a shorter sleep: it is slowed down, and comes again.
_HASTY = """
import runpy, sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.3))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_a_device(traveller: Traveller, user: EndUser, tmp_path: Path) -> None:
    client = make_device_client(grant_types=[DEVICE_CODE])
    script = tmp_path / "device_app.py"
    script.write_text(page_of("device", client, traveller))
    app = subprocess.Popen(
        [sys.executable, "-c", _HASTY, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with app:
        try:
            assert app.stdout is not None
            told = app.stdout.readline() + app.stdout.readline()
            approve(traveller, user, re.findall(r"enter (\S+)", told)[0])
            learnt, problems = app.communicate(timeout=20)
        finally:
            app.kill()
    assert app.returncode == 0, problems
    assert json.loads(learnt) == {"signed_in": {"sub": user.sub, "email": user.email}}


def test_a_machine(issuer: str, tmp_path: Path) -> None:
    api: dict[str, Any] = make_api()
    client = make_client(
        grant_types=["client_credentials"],
        response_types=[],
        redirect_uris=None,
        scope=api["scopes"][0],
    )
    script = tmp_path / "machine.sh"
    with Traveller(issuer) as owner:
        script.write_text(page_of("machine", client, owner))
    ran = subprocess.run(
        ["sh", str(script)],
        env={
            **os.environ,
            "OIDC_CLIENT_SECRET": client.secret or "",
            "SCOPE": api["scopes"][0],
            "API": f"{issuer}/userinfo",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    # UserInfo knows the token, which is for no user.
    assert "insufficient_scope" in ran.stdout, ran.stderr


@pytest.mark.parametrize("button", ["approve", "deny"])
def test_asking_a_user(traveller: Traveller, user: EndUser, tmp_path: Path, button: str) -> None:
    """openid-client’s own requests and polls, answered by the mail’s link."""
    client = make_client(grant_types=[CIBA], response_types=[], redirect_uris=None)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    script = tmp_path / "ask_user.mjs"
    script.write_text(page_of("ask-user", client, traveller))
    program = subprocess.Popen(
        ["node", str(script), user.email],
        env={**os.environ, "OIDC_CLIENT_SECRET": client.secret or ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            assert program.stderr is not None
            message = program.stderr.readline().partition("user: ")[2].partition(".")[0]
            page = traveller.sign_in(user, traveller.open(mailed_link(user.email)))
            assert message in page.text
            traveller.press(page, button)
            learnt, problems = program.communicate(timeout=20)
        finally:
            program.kill()
    if button == "deny":
        assert "access_denied" in problems
    else:
        assert json.loads(learnt)["email"] == user.email, problems
