"""Prometheus's own tool accepts the alert rules, and they raise the alerts that they should."""

import subprocess

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.programs, pytest.mark.once]


@pytest.mark.parametrize(
    "command", ["check rules alerts.yaml", "test rules alerts_test.yaml"], ids=["syntax", "alerts"]
)
def test_promtool_accepts_the_alert_rules(command: str) -> None:
    ran = subprocess.run(
        ["promtool", *command.split()],
        cwd=ROOT / "deploy/prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
