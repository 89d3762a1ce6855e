"""A realm that Keycloak itself imports, hashes the passwords of, and exports: file and folder."""

import os
import subprocess
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from idp.models import Client
from tests.relying_party import unique

pytestmark = pytest.mark.programs

VERSION = "26.7.3"
#: What short commands are quicker with: one collector of garbage, and no slow compiler.
QUICK_START = "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ActiveProcessorCount=1"
#: Seconds that a command may take: ten on a machine of its own, and many on a busy one.
PATIENCE = 600
REALM = Path(__file__).parent / "keycloak" / "realm.json"


@pytest.fixture(scope="module")
def keycloak(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the command of Keycloak, from Maven Central."""
    folder = tmp_path_factory.mktemp("keycloak")
    artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
    subprocess.run(
        [
            *("mvn", "-q", "-B", "dependency:copy"),
            *(f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"),
        ],
        check=True,
    )
    with zipfile.ZipFile(folder / f"keycloak-quarkus-dist-{VERSION}.zip") as archive:
        archive.extractall(folder)
    command = folder / f"keycloak-{VERSION}" / "bin" / "kc.sh"
    command.chmod(0o755)
    run(command, "build", "--db=dev-file")
    return command


def run(command: Path, *arguments: str | Path) -> None:
    """Run a command of Keycloak, which starts most of its server each time."""
    done = subprocess.run(
        [command, *arguments],
        env={**os.environ, "JAVA_OPTS_APPEND": QUICK_START},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_what_keycloak_exports_is_taken(keycloak: Path, tmp_path: Path) -> None:
    mark = unique("kc").lower()
    text = REALM.read_text().replace("bakery.example", f"{mark}.example")
    for name in ("shop", "till", "legacy"):
        text = text.replace(f'"{name}"', f'"{mark}-{name}"')
    (tmp_path / "realm.json").write_text(text)
    run(keycloak, "import", "--optimized", "--file", tmp_path / "realm.json")
    of_realm = ("export", "--optimized", "--realm", "bakery")
    run(keycloak, *of_realm, "--file", tmp_path / "bakery.json")
    in_folder = ("--users", "different_files", "--users-per-file", "2")
    run(keycloak, *of_realm, "--dir", tmp_path / "folder", *in_folder)

    output = StringIO()
    with pytest.raises(CommandError) as left_out:
        call_command("import", "keycloak", str(tmp_path / "bakery.json"), stdout=output)
    assert left_out.value.returncode == 3
    ana = User.objects.get(email=f"ana@{mark}.example")
    assert ana.check_password("a loaf of rye bread")
    assert [group.name for group in ana.groups.all()] == ["Staff/Night shift"]
    assert [role.name for role in ana.app_roles.all()] == ["manager"]
    assert Client.objects.get(client_id=f"{mark}-shop").secrets.exists()

    again = StringIO()
    with pytest.raises(CommandError):
        call_command("import", "keycloak", str(tmp_path / "folder"), stdout=again)
    assert "users: 1 unchanged, 1 left out, 1 partly taken" in again.getvalue()
