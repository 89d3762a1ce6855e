"""The search for secrets finds them, however they are written: it can fail."""

import json
from base64 import b64encode

import pytest

from tests.secrecy import Secrets

SECRET = "Kx7-Wq2_Zt9.Lm4/Bd8+Rf1=Hs6 Jv3"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbmEifQ_payload.c2lnbmF0dXJlLXNpZ25hdHVyZQ"


@pytest.fixture
def noted() -> Secrets:
    secrets = Secrets()
    secrets.note(SECRET, JWT, None, "short", "tiefes Grün über Wäldern")
    secrets.note_client("bakery", "q" * 20 + SECRET)
    for number in range(1000):
        secrets.note(f"{number:04}-another secret of this run")
    return secrets


@pytest.mark.parametrize(
    "planted",
    [
        SECRET,
        SECRET[:24],
        "Kx7-Wq2_Zt9.Lm4%2FBd8%2BRf1%3DHs6+Jv3",
        "Kx7-Wq2_Zt9.Lm4/Bd8%2BRf1%3DHs6%20Jv3",
        "0999-another secret of this run",
        JWT.split(".")[1],
        JWT.split(".")[2],
        json.dumps("tiefes Grün über Wäldern"),
        b64encode(f"bakery:{'q' * 20}{SECRET}".encode()).decode(),
    ],
)
def test_a_planted_secret_is_found_and_not_told(noted: Secrets, planted: str) -> None:
    [leak] = noted.leaks(f'{{"event": "fine"}}\n{{"event": "x", "path": "/a{planted}b"}}\nfine')
    assert leak.startswith('line 2: {"event": "x"')
    assert leak.endswith("•••")
    assert planted[:16] not in leak


@pytest.mark.parametrize("text", ["", "short", SECRET[:15], SECRET[1:], SECRET[:23], "eyJ" * 20])
def test_what_is_no_secret_is_not(noted: Secrets, text: str) -> None:
    assert noted.leaks(text) == []


def test_secrets_of_addresses_and_answers() -> None:
    secrets = Secrets()
    secrets.note_address(
        "https://rp.example.com/cb?state=not-a-secret-at-all&code=0123456789abcdef"
    )
    secrets.note_members({"access_token": "fedcba9876543210", "scope": "openid profile email"})
    for line in ("0123456789abcdef", "fedcba9876543210"):
        assert secrets.leaks(line)
    assert secrets.leaks("not-a-secret-at-all openid profile email") == []


def test_a_long_log_is_searched_in_no_time(noted: Secrets) -> None:
    text = f"{'x' * 300}\n" * 3000 + SECRET
    assert len(noted.leaks(text)) == 1
