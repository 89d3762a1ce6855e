"""The steps of the Dockerfile, in a folder of their own, since no engine runs here.

What is tried: its RUN lines install a provider, which runs as its user with a root file system that
can't be written, passes its HEALTHCHECK, and answers what is in progress when SIGTERM comes.
What isn't: the base image, and the engine itself.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.conftest import ROOT
from tests.idp.management.test_worker import soon
from tests.interop.conftest import build
from tests.ports import free_port
from tests.relying_party import Browser, forms_of

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be another user"),
]
USER = 10001
#: One that this user can read too, as the image's.
PYTHON = "/usr/bin/python3"
#: A root file system that is read-only but for these folders, and another user.
READ_ONLY = f"""
mount --bind {{media}} {{media}} && mount -o remount,ro,bind / && mount -t tmpfs tmpfs /mnt &&
exec setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs "$@"
"""


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions: each one's name and the rest of its line."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n", " ", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def instruction(name: str) -> str:
    return [rest for each, rest in instructions() if each == name][-1]


def copy_context(source: Path) -> None:
    """Copy what .dockerignore lets into the image."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    refused = [line.removeprefix("**/") for line in lines if line.startswith("**/")]

    def ignored(_folder: str, names: list[str]) -> list[str]:
        return [name for name in names if any(fnmatch(name, each) for each in refused)]

    for name in allowed:
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=ignored)
        else:
            shutil.copy(ROOT / name, place)


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """Run the lines of the stage that builds, in a folder instead of in /."""
    with TemporaryDirectory(prefix="signet-image-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        copy_context(root / "source")
        names = [name for name, _ in instructions()]
        of_build = instructions()[: names.index("FROM", 1)]
        for line in [rest for name, rest in of_build if name == "RUN"]:
            moved = re.sub(r"(?<![\w.])/(?=opt/|wheel)", f"{root}/", line)
            moved = re.sub(r"^python |(?<=&& )python ", f"{PYTHON} ", moved)
            build(root / "source", "sh", "-c", moved)
        shutil.rmtree(root / "source")
        (root / "media").mkdir()
        os.chown(root / "media", USER, USER)
        yield root


class Container:
    """Runs commands as the image does."""

    def __init__(self, image: Path, database: str) -> None:
        self.image, self.port = image, free_port()
        self.issuer = f"http://localhost:{self.port}"
        self.environment = {
            "PATH": f"{image}/opt/signet/bin:/usr/bin:/bin",
            "TMPDIR": "/mnt",
            "PYTHONDONTWRITEBYTECODE": "1",
            "IDP_ISSUER": self.issuer,
            "IDP_MEDIA_ROOT": str(image / "media"),
            "DATABASE_URL": database,
        }

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        script = READ_ONLY.format(media=self.image / "media")
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", *command],
            cwd=self.image / "media",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *command: str) -> tuple[int, str]:
        process = self.start(*command)
        output, _ = process.communicate(timeout=400)
        return process.returncode, output.decode()

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        command = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
        served = [word.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}") for word in command]
        process = self.start(*served)
        try:
            soon(self._is_ready, within=90)  # on a busy machine it takes its time
            yield process
        finally:
            process.kill()
            process.wait()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/readyz").json() == {"status": "ok"}
        except httpx.TransportError:
            return False


@pytest.fixture
def container(image: Path) -> Container:
    return Container(image, f"sqlite:///{image}/media/db.sqlite3")


def test_nothing_but_its_folders_can_be_written(container: Container) -> None:
    assert container.run("touch", str(container.image / "media" / "written")) == (0, "")
    code, said = container.run("touch", "/var/tmp/written")
    assert (code, "Read-only" in said) == (1, True), said


def test_it_serves_checks_its_health_and_ends_after_what_is_in_progress(
    container: Container,
) -> None:
    assert container.run("signet", "migrate", "--verbosity", "0") == (0, "")
    with container.serving() as process:
        health = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
        check = [word.replace(":8000/", f":{container.port}/") for word in health]
        assert container.run(*check) == (0, "")
        answers: list[int] = []

        def sign_in(browser: Browser) -> None:
            page = browser.get(f"{container.issuer}/account/login/")
            form = next(form for form in forms_of(page) if "password" in form.fields)
            typed = {"login": "nobody@example.com", "password": "a wrong password"}
            started.set()
            response = browser.post(
                str(page.url),
                data={**form.fields, **typed},
                headers={"Origin": container.issuer},
            )
            answers.append(response.status_code)

        started = threading.Event()
        with Browser() as browser:
            signing_in = threading.Thread(target=sign_in, args=[browser])
            signing_in.start()
            started.wait()
            time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            output, _ = process.communicate(timeout=25)
            signing_in.join()
        assert answers == [200]
        assert process.returncode == 0, output.decode()
        assert time.monotonic() - began < 15
        assert "Traceback" not in output.decode()
