"""A file with 10,000 users is applied in seconds, and once more without a change in fewer."""

import time
from pathlib import Path

import pytest

from tests.scale.test_import import (
    ATTRIBUTES,
    begin,
    end,
    is_busy,
    number_of,
    url,  # noqa: F401  a fixture here, too
)

USERS, GROUPS = 10_000, 50
#: Seconds by the clock, twice the goals since others may use the machine, and MiB.
FIRST, UNCHANGED, MEBIBYTES = 40, 10, 300


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with users who have no password, but two groups and attributes each."""
    path = tmp_path_factory.mktemp("declared") / "users.yaml"
    with path.open("w") as file:
        file.write(f"{ATTRIBUTES}users:\n")
        file.writelines(
            f"""\
- email: user{number}@many.example
  email_verified: true
  name: Ana Almeida {number}
  given_name: Ana
  family_name: Almeida {number}
  locale: pt
  attributes: {{department: Rye, cost_center: "{number % 100}"}}
  groups: [Team {number % GROUPS}, Team {(number + 7) % GROUPS}]
"""
            for number in range(USERS)
        )
    return path


def test_many_users_are_applied_soon_and_compared_sooner(url: str, declared: Path) -> None:  # noqa: F811
    for said, most in (
        (f"{USERS} added, 0 changed, 0 removed.", FIRST),
        ("Nothing changed.", UNCHANGED),
    ):
        began = time.monotonic()
        printed, seconds, size = end(begin(url, "apply", str(declared)))
        took = time.monotonic() - began
        print(f"{url.partition(':')[0]}: {took:.1f} s, {seconds:.1f} s of CPU, {size:.0f} MiB")
        assert printed.splitlines()[-1] == said
        assert took < most or is_busy()
        assert size < MEBIBYTES
    assert number_of(url, "accounts_user_groups") == 2 * USERS
    assert number_of(url, "account_emailaddress WHERE verified") == USERS
    created = "kind = 'created' AND target LIKE 'user %' AND user_id IS NOT NULL"
    assert number_of(url, f"idp_event WHERE {created}") == USERS
