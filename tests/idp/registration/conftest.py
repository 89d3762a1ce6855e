"""What tests of registration share: the server's keys, exchanged."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from foundation import server_keys


@pytest.fixture
def use_keys(settings: Any) -> Iterator[Callable[[list[str]], None]]:
    """Changes the server's keys; what is derived from them is remembered otherwise."""

    def use(keys: list[str]) -> None:
        settings.IDP_SECRET_KEYS = keys
        server_keys._derived.cache_clear()

    yield use
    server_keys._derived.cache_clear()
