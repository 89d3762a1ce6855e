"""What the wheel contains: the packages, and within them the folders of pages beside them."""

from glob import escape
from pathlib import Path

from setuptools import find_packages, setup

#: `idp.folders` finds them where they are installed.
FOLDERS = {f"idp.shipped.{name}": name for name in ("templates", "static", "locale")}
FOLDERS["idp.shipped.examples.quickstart"] = "examples/quickstart"


def files_of(folder: str) -> list[str]:
    """Return patterns of all files below a folder; `**/*` would leave those with a dot out."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return [escape(str(path.relative_to(folder))) for path in files]


setup(
    packages=[
        *find_packages(include=["idp*", "accounts*", "foundation*", "signet_client*"]),
        *FOLDERS,
    ],
    package_dir=FOLDERS,
    package_data={
        "accounts": ["*.json"],
        "idp.integrations": ["programs/*.yaml"],
        **{package: files_of(folder) for package, folder in FOLDERS.items()},
    },
)
