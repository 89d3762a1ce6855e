"""The wheel has all that a provider needs: it runs without a checkout."""

import os
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT, make_sqlite_database
from tests.ports import free_port

pytestmark = pytest.mark.once
SIGNET = "from idp.command_line import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel contains; the libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    packages = ["idp", "accounts", "foundation", "signet_client"]
    kept = ["git", "ls-files", "-co", "--exclude-standard", *packages]
    more = ["templates", "static", "locale", "examples", "requirements", "pyproject.toml"]
    names = subprocess.run(
        [*kept, *more, "setup.py", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*pip, str(source)], check=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "packages")
    return folder / "packages"


def environment(installed: Path, folder: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "IDP_ISSUER": f"http://localhost:{port}",
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
    }


def wait_for(client: httpx.Client) -> None:
    for _ in range(200):
        with suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("it does not answer")


def test_the_wheel_has_a_console_script(installed: Path) -> None:
    [points] = installed.glob("*.dist-info/entry_points.txt")
    assert "signet = idp.command_line:main" in points.read_text()


def test_it_serves_pages_styles_texts_and_the_catalogue(installed: Path, tmp_path: Path) -> None:
    port = free_port()
    env = environment(installed, tmp_path, port)
    script = tmp_path / "signet"  # as pip makes one
    script.write_text(SIGNET)
    signet = [sys.executable, str(script)]
    make_sqlite_database(tmp_path / "db.sqlite3")
    migrate = subprocess.run(
        [*signet, "migrate", "--verbosity", "0"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert migrate.returncode == 0, migrate.stderr
    log = (tmp_path / "log").open("wb")
    bind = ["--bind", f"127.0.0.1:{port}", "--with-worker"]
    server = subprocess.Popen([*signet, "serve", *bind], cwd=tmp_path, env=env, stdout=log)
    try:
        with httpx.Client(base_url=f"http://localhost:{port}") as client:
            wait_for(client)
            page = client.get("/account/login/", headers={"Accept-Language": "de"})
            assert "Anmelden" in page.text
            assert client.get("/static/signet.css").status_code == 200
            assert "Grafana" in client.get("/developers/integrations/grafana/").text
            assert client.get("/admin/login/", follow_redirects=True).status_code == 200
    finally:
        server.terminate()
        server.wait(20)
    assert "Traceback" not in (tmp_path / "log").read_text()
