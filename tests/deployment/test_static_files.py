"""Static files that were collected: small, kept for a year, and never those of another version."""

import re
from pathlib import Path

import httpx
import pytest

from tests import forked
from tests.conftest import Server
from tests.idp.test_deploy_checks import SOUND
from tests.ports import free_port

#: Seconds of a year.
YEAR = 365 * 24 * 60 * 60


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    done = forked.manage("collectstatic", "--noinput", environment={"IDP_STATIC_ROOT": str(folder)})
    assert done.returncode == 0, done.stderr
    return folder


def test_a_page_names_files_by_their_content_and_they_are_small(
    database: None, collected: Path, tmp_path: Path
) -> None:
    server = Server(
        f"http://localhost:{free_port()}", tmp_path / "log", IDP_STATIC_ROOT=str(collected)
    )
    try:
        server.wait()
        with httpx.Client(base_url=server.issuer) as browser:
            page = browser.get("/account/login/")
            weight = len(page.text)
            names = set(re.findall(r'"(/static/[^"#]+)', page.text))
            assert any("signet" in name for name in names)
            for name in names:
                assert re.search(r"\.[0-9a-f]{12}\.\w+$", name), name
                for encoding in ("br", "gzip"):
                    sent = browser.get(name, headers={"Accept-Encoding": encoding})
                    assert sent.status_code == 200
                    kept = sent.headers["Cache-Control"]
                    assert "immutable" in kept
                    assert int(re.findall(r"max-age=(\d+)", kept)[0]) >= YEAR
                if name.endswith((".css", ".js")):
                    assert sent.headers["Content-Encoding"] == encoding
                weight += int(sent.headers["Content-Length"])
            assert weight < 25_000
            # The name that has no content in it goes on, for five minutes.
            assert "max-age=300" in browser.get("/static/signet.css").headers["Cache-Control"]
    finally:
        server.stop()


def test_files_of_another_version_stop_the_start(collected: Path) -> None:
    def checked() -> str:
        environment = {**SOUND, "IDP_STATIC_ROOT": str(collected)}
        return forked.manage("check", "--deploy", environment=environment).stderr

    assert "idp.E046" not in checked()
    copy = collected / "signet.css"
    kept = copy.read_bytes()
    copy.write_bytes(kept + b"\n")
    assert "idp.E046" in checked()
    copy.unlink()
    assert "signet.css" in checked()
    copy.write_bytes(kept)
