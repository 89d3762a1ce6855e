"""Programs of the catalogue as processes of their own, with the settings that it has for them.

Each is installed once, from packages pinned by requirements/<slug>.txt, into var/programs/<slug>.
"""

import os
import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from idp.integrations.catalogue import catalogue
from tests import secrecy
from tests.browser.conftest import launched_chromium
from tests.conftest import ROOT, Server
from tests.idp.admin.conftest import Operator
from tests.interop.conftest import (
    build,
    running,
    traveller,  # noqa: F401  a fixture here, too
)
from tests.ports import free_address
from tests.relying_party import ISSUER, EndUser, make_user
from tests.relying_party import Browser as PlainBrowser

REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALLED = ROOT / "var" / "programs"
#: How long a program may take to show what is expected, in milliseconds: on a busy machine, long.
PATIENCE = 30_000
_SECRET = re.compile(r'<code id="secret"[^>]*>([^<]+)</code>')
_CLIENT_ID = re.compile(r"<dt>client_id</dt><dd><code>([^<]+)</code>")


def installed(slug: str) -> Path:
    """Return the folder of a program's virtual environment, with exactly what is pinned."""
    folder, pinned = INSTALLED / slug, REQUIREMENTS / f"{slug}.txt"
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != pinned.read_text():
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--python", str(folder), "--require-hashes", "-r", str(pinned))
        shutil.copy(pinned, stamp)
    return folder


def _uv(*arguments: str) -> None:
    build(ROOT, str(Path(sys.executable).parent / "uv"), "--quiet", "--system-certs", *arguments)


class Program:
    """A program of the catalogue, registered as its page of the wizard does it by default."""

    def __init__(
        self, slug: str, folder: Path, operator: Operator, host: str = "127.0.0.1"
    ) -> None:
        self.slug = slug
        #: What it has for a home, and runs in.
        self.folder = folder
        self.address = free_address().replace("127.0.0.1", host)
        self.port = str(urlsplit(self.address).port)
        self.environment: dict[str, str] = {}
        self.client_id, secret = registered(slug, self.address, operator)
        self.integration = catalogue()[slug].filled_in(
            issuer=ISSUER, client_id=self.client_id, client_secret=secret, base=self.address
        )

    @cached_property
    def virtual_environment(self) -> Path:
        return installed(self.slug)

    def setting(self, title: str) -> str:
        """Return a text of its page: a file, or commands."""
        return next(each.text for each in self.integration.settings if each.title == title)

    def write(self, title: str, *, before: str = "", after: str = "", to: str = "") -> Path:
        """Write a file of its page, where it belongs, between what any installation needs."""
        file = self.folder / (to or title)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{before}{self.setting(title)}{after}")
        return file

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command of its own, in its folder, with no variable but those it is given."""
        scripts = self.virtual_environment / "bin"
        variables = {
            "HOME": str(self.folder),
            "PATH": f"{scripts}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }
        given = [f"{name}={value}" for name, value in variables.items()]
        return ["env", "-i", "-C", str(self.folder), *given, str(scripts / name), *arguments]

    def run(self, name: str, *arguments: str) -> None:
        """Run a command to its end, which has to be good."""
        build(self.folder, *self.command(name, *arguments))

    def show(self, page: Page, *, small: bool = False) -> None:
        """Take the picture of its page of the catalogue; a small one of a page with few words."""
        width, height = (800, 240) if small else (1280, 640)
        page.set_viewport_size({"width": width, "height": height})
        take_picture(page, f"{self.slug}.png")

    @contextmanager
    def serving(self, name: str, *arguments: str) -> Iterator[None]:
        """Run the command that serves it, while the block lasts; what fails shows its log."""
        log = self.folder / "log"
        with running(self.slug, self.command(name, *arguments), self.address, log):
            try:
                self._wait()
                yield
            except BaseException as problem:
                problem.add_note(f"The log of {self.slug}:\n{log.read_text()[-8000:]}")
                raise

    def _wait(self) -> None:
        """Return once it answers: some listen long before, or say 404 as long as they start."""
        for _ in range(PATIENCE // 500):
            with suppress(httpx.TransportError):
                if httpx.get(self.address, verify=False).status_code < 404:
                    return
            time.sleep(0.5)
        raise RuntimeError(f"{self.slug} does not answer.")


def take_picture(page: Page, name: str) -> None:
    """Write a picture of what a page shows, 800 pixels wide, if PICTURES names a folder for it."""
    if folder := os.environ.get("PICTURES"):
        with Image.open(BytesIO(page.screenshot())) as picture:
            picture.thumbnail((800, 4000))
            few_colors = picture.convert("RGB").quantize(64)
            few_colors.save(Path(folder) / name, optimize=True)


def registered(slug: str, address: str, operator: Operator) -> tuple[str, str]:
    """Add an app in the administration, as its page for the program has it by default.

    Return its ID and secret.
    """
    form = operator.open(f"idp/client/add/program/{slug}/", base=address)
    page = operator.browser.submit(form, name=catalogue()[slug].name)
    [client_id], [secret] = _CLIENT_ID.findall(page.text), _SECRET.findall(page.text)
    secrecy.used.note_client(client_id, secret)
    return client_id, secret


@pytest.fixture(scope="session")
def operator(provider: Server) -> Iterator[Operator]:
    """Manages apps."""
    user = make_user(is_staff=True, groups=["operators"])
    with PlainBrowser() as browser:
        browser.sign_in(user)
        yield Operator(user, browser)


@pytest.fixture
def program(request: pytest.FixtureRequest, operator: Operator, tmp_path: Path) -> Program:
    """The program that the test's file is named after."""
    program = Program(request.path.stem.removeprefix("test_").replace("_", "-"), tmp_path, operator)
    tested = program.integration.tested
    pinned = (REQUIREMENTS / f"{program.slug}.txt").read_text()
    assert tested is not None
    assert f"=={tested.version.split()[-1]} " in pinned, "The catalogue names another version."
    return program


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for this package, which leaves this machine nowhere."""
    with launched_chromium(PATIENCE) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser, provider: Server) -> Iterator[Page]:
    """A page at which no user is signed in."""
    address = ".".join(str(random.randint(1, 250)) for _ in range(4))
    context = chromium.new_context(
        locale="en-GB",
        viewport={"width": 1280, "height": 640},
        ignore_https_errors=True,
        extra_http_headers={"X-Forwarded-For": address},
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    secrecy.used.note(*(cookie.get("value") for cookie in context.cookies()))
    context.close()


def sign_in(page: Page, user: EndUser, issuer: str = ISSUER) -> None:
    """Sign in at Signet, where the program has sent the browser, and agree if asked."""
    enter(page, user, issuer)
    if page.url.startswith(f"{issuer}/consent"):
        page.click("#allow")
    page.wait_for_url(lambda url: not url.startswith(f"{issuer}/"))


def enter(page: Page, user: EndUser, issuer: str = ISSUER) -> None:
    """Write a user's address and password into the sign-in page, which the browser is at."""
    page.wait_for_url(f"{issuer}/account/login/**")
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", user.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda url: "/account/login/" not in url)


def authorization_request_of(page: Page, begin: Callable[[], object]) -> dict[str, str]:
    """Return the parameters with which a program sends the browser to Signet."""
    with page.expect_request(lambda each: each.url.startswith(f"{ISSUER}/authorize?")) as sent:
        begin()
    return dict(parse_qsl(urlsplit(sent.value.url).query))


def sign_out(page: Page) -> None:
    """Sign out at Signet, and so of all its apps."""
    page.goto(f"{ISSUER}/account/logout/")
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(lambda url: "/account/logout/" not in url)
