"""Deployment files are what their programs expect: by schemas, linters and the code's own names."""

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.test_docs import SETTING

pytestmark = pytest.mark.once
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(
    set((DEPLOY / "kubernetes").glob("*.yaml")) - {DEPLOY / "kubernetes/kustomization.yaml"}
)
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
#: Of `systemd-analyze security`, from 0 to 10: how much a service that was taken over can do.
EXPOSURE_AT_MOST = 1.3


def run(program: str, *arguments: str | Path) -> str:
    """Run a program of the environment or of the system, and return its output."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    assert found, f"{program} is missing"
    ran = subprocess.run(
        [found, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_kubernetes_accepts_the_manifests() -> None:
    for version in ("1.30", "1.37"):  # preStop.sleep is of 1.30
        run("kubernetes-validate", "--strict", "-k", version, *MANIFESTS)


def test_the_kustomization_has_all_manifests() -> None:
    listed = yaml.safe_load((DEPLOY / "kubernetes/kustomization.yaml").read_text())
    assert sorted(listed["resources"]) == [manifest.name for manifest in MANIFESTS]
    assert listed["images"][0]["newTag"] == VERSION


def test_no_container_of_the_manifests_may_do_more_than_it_needs() -> None:
    pods = [
        document["spec"]["template"]["spec"]
        for manifest in MANIFESTS
        for document in yaml.safe_load_all(manifest.read_text())
        if document["kind"] in {"Deployment", "Job"}
    ]
    assert len(pods) == 3
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["image"] == "signet"
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
    ],
)
def test_files_follow_their_schemas(schema: str, pattern: str) -> None:
    run("check-jsonschema", "--builtin-schema", schema, *sorted(ROOT.glob(pattern)))


def test_actions_are_pinned_by_commit() -> None:
    used = re.findall(r"uses: (\S+)", "".join(p.read_text() for p in ROOT.glob(".github/**/*.yml")))
    assert len(used) > 3
    assert [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)] == []


def test_the_dockerfile_passes_its_linter() -> None:
    run("hadolint", "Dockerfile")


def test_the_image_gets_all_that_the_wheel_is_made_of_and_no_secret() -> None:
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    ]
    folders = re.findall(
        r'"(templates|static|locale|examples/\w+)"', (ROOT / "setup.py").read_text()
    )
    packages = {"idp", "accounts", "foundation", "signet_client"}
    wanted = {*folders, *packages, "requirements", "pyproject.toml"}
    assert len(folders) == 4
    assert wanted <= set(allowed)
    assert not any(fnmatch(name, each) for name in ("secrets", ".git", "var") for each in allowed)


def test_services_that_compose_starts_write_nowhere_and_have_no_capabilities() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name in ("migrate", "serve", "worker"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["image"] == f"signet:{VERSION}"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_hardened(unit: Path) -> None:
    analyzed = run(
        *("systemd-analyze", "security", "--offline=true", "--no-pager"),
        *(f"--threshold={EXPOSURE_AT_MOST * 10:.0f}", unit),
    )
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", analyzed)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_AT_MOST


def test_files_name_settings_that_exist() -> None:
    known = set(SETTING.findall((ROOT / "idp" / "settings.py").read_text(encoding="utf-8")))
    files = [ROOT / "Dockerfile", ROOT / "compose.yaml", *MANIFESTS, *UNITS]
    files += [*DEPLOY.glob("nginx/*.conf"), DEPLOY / "caddy/Caddyfile"]
    for file in files:
        named = re.findall(r"\b(?:IDP_[A-Z_]+|(?:DATABASE|CACHE|EMAIL)_URL\w*)", file.read_text())
        assert {name.removesuffix("_FILE") for name in named} <= known, file
