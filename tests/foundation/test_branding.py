"""The brand in a process: read now and then, and never a reason for a page to fail."""

import pytest
from django.db import DatabaseError

from foundation import branding
from foundation.branding import Branding
from foundation.models import Brand


@pytest.fixture(autouse=True)
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branding, "_known", branding._known)
    branding.forget()


def failing() -> Branding:
    raise DatabaseError


def test_without_a_row_the_default_look_is_shown(database: None) -> None:
    assert branding.current() == Branding()


def test_it_is_read_once_in_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(branding, "_stored", lambda: read.append(1) or Branding(name="Bakery"))
    assert [branding.current().name for _ in range(3)] == ["Bakery"] * 3
    assert len(read) == 1
    branding.forget()
    branding.current()
    assert len(read) == 2


def test_without_a_database_the_last_known_brand_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branding, "_stored", lambda: Branding(name="Bakery"))
    branding.current()
    branding.forget()
    monkeypatch.setattr(branding, "_stored", failing)
    assert branding.current().name == "Bakery"
    assert branding.known().name == "Bakery"


@pytest.mark.parametrize(
    ("setting", "sender"),
    [
        ("no-reply@example.com", "Bakery <no-reply@example.com>"),
        ("Old name <no-reply@example.com>", "Bakery <no-reply@example.com>"),
    ],
)
def test_email_comes_from_the_brand(
    monkeypatch: pytest.MonkeyPatch, settings: object, setting: str, sender: str
) -> None:
    monkeypatch.setattr(branding, "_stored", lambda: Branding(sender="Bakery"))
    settings.DEFAULT_FROM_EMAIL = setting  # type: ignore[attr-defined]
    assert branding.sender() == sender


def test_without_a_brand_email_comes_from_what_the_settings_say(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    monkeypatch.setattr(branding, "_stored", Branding)
    settings.DEFAULT_FROM_EMAIL = "Signet <no-reply@example.com>"  # type: ignore[attr-defined]
    assert branding.sender() == "Signet <no-reply@example.com>"


def test_a_brand_without_sender_uses_its_name() -> None:
    assert branding.branding_of(Brand(name="Bakery"), "", "").sender == "Bakery"
    assert (
        branding.branding_of(Brand(name="B", sender_name="Mail of B"), "", "").sender == "Mail of B"
    )
