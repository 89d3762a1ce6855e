"""Programs in Go, JavaScript, Java and Rust, built once from what is pinned into var/programs.

builds/<name>, or the folder of a quick start, has what pins a program: go.mod, package-lock.json,
pom.xml or Cargo.lock.
"""

import re
import shutil
from pathlib import Path

from idp.integrations.catalogue import QUICK_START_FILES
from tests.conftest import ROOT
from tests.idp.admin.conftest import Operator
from tests.interop.conftest import build
from tests.programs.conftest import INSTALLED, Program

PINNED = ROOT / "tests" / "programs" / "builds"
PINS = ("go.mod", "package.json", "pom.xml", "Cargo.toml")
#: Where a crate is from, in Cargo.lock.
_SOURCE = re.compile(r"^source = .*\n?", re.MULTILINE)


class BuiltProgram(Program):
    """A program that is built, of the version that its file of the catalogue names."""

    def __init__(
        self, slug: str, folder: Path, operator: Operator, host: str = "127.0.0.1"
    ) -> None:
        super().__init__(slug, folder, operator, host)
        folders = (PINNED / slug, QUICK_START_FILES / slug)
        [pins] = [each / pin for each in folders for pin in PINS if (each / pin).exists()]
        tested = self.integration.tested
        assert tested is not None
        version = tested.version.split()[-1]
        assert version in pins.read_text(), "The catalogue names another version."

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command, in the program's folder."""
        given = [f"{variable}={value}" for variable, value in self.environment.items()]
        return ["env", "-C", str(self.folder), *given, name, *arguments]

    def set_variables(self, title: str) -> None:
        """Give it the environment variables of a command of its page, and a port that is free."""
        words = self.setting(title).split()
        self.environment = dict(word.split("=", 1) for word in words if "=" in word)
        self.environment["PORT"] = self.port


def go(slug: str, package: str = ".", name: str = "program") -> str:
    """Build a package, the module's own or one that its go.mod has as a tool; return the program.

    Go's own cache makes this quick if nothing changed.
    """
    program = str(INSTALLED / slug / name)
    build(PINNED / slug, "go", "build", "-mod=readonly", "-o", program, package)
    return program


def npm(slug: str) -> Path:
    """Install what package-lock.json pins; return the folder with node_modules."""
    folder, pinned = INSTALLED / slug, PINNED / slug
    stamp = folder / "installed.json"
    if not stamp.exists() or stamp.read_text() != (pinned / "package-lock.json").read_text():
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(pinned / file, folder)
        build(folder, "npm", "ci", "--silent", "--no-audit", "--no-fund")
        shutil.copy(pinned / "package-lock.json", stamp)
    return folder


def maven(slug: str) -> Path:
    """Build a project with the versions of its pom.xml; return the folder of what was built."""
    folder, pinned = INSTALLED / slug, PINNED / slug
    target = folder / "target"
    newest = max(path.stat().st_mtime for path in pinned.rglob("*"))
    if not target.exists() or target.stat().st_mtime < newest:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pinned, folder)
        build(folder, "mvn", "-q", "-B", "package")
        target.touch()
    return target


def cargo(slug: str, main: str) -> str:
    """Build a program of this source with the crates that Cargo.lock pins; return the program.

    The file that is pinned lacks where crates are from: Cargo says that.
    """
    folder, pinned = INSTALLED / slug, PINNED / slug
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src/main.rs").write_text(main)
    shutil.copy(pinned / "Cargo.toml", folder)
    lock, crates = folder / "Cargo.lock", (pinned / "Cargo.lock").read_text()
    if not lock.exists() or _without_source(lock.read_text()) != crates:
        build(folder, "cargo", "generate-lockfile")
        source = next(filter(_SOURCE.match, lock.read_text().splitlines()))
        lock.write_text(crates.replace("\nchecksum = ", f"\n{source}\nchecksum = "))
    build(folder, "cargo", "build", "--quiet", "--locked")
    return str(folder / "target/debug/website")


def _without_source(lock: str) -> str:
    return _SOURCE.sub("", lock)
