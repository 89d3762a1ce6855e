"""What a process reads again now and then is no request's cost."""

import pytest

from foundation import branding


@pytest.fixture(autouse=True)
def brand_is_known(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    branding.current()
    monkeypatch.setattr(branding, "KNOWN_FOR", float("inf"))
