"""The documentation names only what exists: links, headings, modules, settings."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: A module or folder in backticks, such as `idp/wsgi.py` or `statements/tokens`.
MODULE = re.compile(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+(?:\.py)?)`")
SETTING = re.compile(r"env\.\w+\(\s*\"(\w+)\"")
#: What looks like a module in backticks and is none.
OTHER = ("application/",)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page: Path) -> str:
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", each.strip().lower()).replace(" ", "-") for each in headings}


@pages
def test_links_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pages
def test_modules_exist(page: Path) -> None:
    places = [ROOT / name for name in ("", "idp", "accounts", "docs")]
    missing = [
        name
        for name in MODULE.findall(prose(page))
        if not name.startswith(OTHER)
        and not any((place / each).exists() for place in places for each in (name, f"{name}.py"))
    ]
    assert missing == []


@pytest.mark.parametrize(
    "package", ["idp", "accounts", "foundation"], ids=lambda package: f"layers-{package}"
)
def test_every_package_is_in_the_architecture(package: str) -> None:
    text = prose(ROOT / "docs" / "architecture.md")
    rooms = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    rooms -= {"migrations", "templatetags", "views", "postgresql"}
    assert [room for room in sorted(rooms) if room not in text] == []


def test_the_operators_guide_lists_every_setting() -> None:
    settings = set(SETTING.findall((ROOT / "idp" / "settings.py").read_text(encoding="utf-8")))
    text = prose(ROOT / "docs" / "operators.md")
    assert len(settings) > 30
    assert [name for name in sorted(settings) if f"`{name}`" not in text] == []
