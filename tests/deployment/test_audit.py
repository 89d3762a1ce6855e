"""`make audit`: what was not audited is no success."""

import runpy
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.once
verdict = runpy.run_path(str(ROOT / "scripts/audit.py"))["verdict"]
SOUND: dict[str, Any] = {"name": "sound", "version": "1", "vulns": []}


def test_what_an_audit_found_and_left_out_is_said() -> None:
    flawed = {**SOUND, "name": "flawed", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    unknown = {"name": "unknown", "version": "1", "skip_reason": "not found"}
    assert verdict([SOUND]) is None
    assert verdict([SOUND, flawed]) == "flawed 1: PYSEC-1, mended in 2"
    assert "1 of 2 packages were not audited" in verdict([SOUND, unknown])
