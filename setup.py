"""What the wheel contains: the packages, and within them the folders of pages beside them."""

from setuptools import find_packages, setup

#: `idp.folders` finds them where they are installed.
FOLDERS = {f"idp.shipped.{name}": name for name in ("templates", "static", "locale")}
FOLDERS["idp.shipped.examples.quickstart"] = "examples/quickstart"

setup(
    packages=[*find_packages(include=["idp*", "accounts*", "foundation*"]), *FOLDERS],
    package_dir=FOLDERS,
    package_data={
        "accounts": ["*.json"],
        "idp.integrations": ["programs/*.yaml"],
        **{package: ["**/*"] for package in FOLDERS},
    },
)
