"""Ask pip-audit whether the packages of lock files have known vulnerabilities: `make audit`.

It asks an advisory service of the network, and passes over in silence a package that the service
does not answer for. Here that is a failure: what was not audited is not known to be sound.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PIP_AUDIT = Path(sys.executable).with_name("pip-audit")


def main(files: Sequence[str]) -> str | None:
    """Audit all files; return why that is no success, in a sentence, or None."""
    packages: dict[str, Any] = {}
    for file in files:  # one by one: pip-audit takes no package twice
        command = [PIP_AUDIT, "--disable-pip", "--require-hashes", "--format", "json", "-r", file]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            audited = json.loads(ran.stdout)["dependencies"]
        except ValueError:
            last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
            return f"{file} was not audited: the advisory service gave no answer ({last[:120]} …)."
        packages |= {package["name"]: package for package in audited}
    return verdict([*packages.values()])


def verdict(packages: Sequence[dict[str, Any]]) -> str | None:
    """Return what is wrong with the packages of a report, or None."""
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in "
        f"{', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in packages
        for flaw in package.get("vulns", [])
    ]
    if found:
        return "\n".join(found)
    left_out = [package["name"] for package in packages if "skip_reason" in package]
    if left_out:
        return (
            f"{len(left_out)} of {len(packages)} packages were not audited, since the advisory "
            "service can't be reached from here or does not know them: "
            f"{', '.join(left_out[:3])}{', …' if left_out[3:] else ''}."
        )
    print(f"No known vulnerabilities in {len(packages)} packages.")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
