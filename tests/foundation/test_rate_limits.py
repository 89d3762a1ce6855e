"""Rate limits: windows that end, counts of their own, and the page that lists them."""

import importlib
import pkgutil
import re
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

import accounts
import foundation
import idp
from foundation import rate_limits
from foundation.models import RateCount
from foundation.rate_limits import DECLARED, RateLimit, RateLimitExceededError
from idp import housekeeping
from tests.relying_party import unique

ROOT = Path(__file__).parent.parent.parent
THREE = RateLimit("test-three", 3, timedelta(minutes=10))
ONE = RateLimit("test-one", 1, timedelta(hours=1))


@pytest.fixture
def by() -> str:
    """What nothing else counts by."""
    return unique("by")


def test_as_many_as_allowed_and_no_more(by: str) -> None:
    for _ in range(3):
        rate_limits.count((THREE, by))
    with pytest.raises(RateLimitExceededError) as exceeded:
        rate_limits.count((THREE, by))
    assert exceeded.value.limit is THREE
    assert 590 < exceeded.value.retry_after <= 600
    rate_limits.count((THREE, f"{by} of another"))


def test_attempts_beyond_the_limit_do_not_prolong_the_window(by: str) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(3):
            rate_limits.count((THREE, by))
        for _ in range(5):
            clock.shift(110)
            with pytest.raises(RateLimitExceededError) as exceeded:
                rate_limits.count((THREE, by))
        assert exceeded.value.retry_after == 50
        clock.shift(50)
        rate_limits.count((THREE, by))
        assert RateCount.objects.get(key=_key(THREE, by)).count == 1


def test_of_several_limits_the_one_that_ends_last_is_told(by: str) -> None:
    rate_limits.count((THREE, by), (ONE, by))
    for _ in range(3):
        with pytest.raises(RateLimitExceededError) as exceeded:
            rate_limits.count((THREE, by), (ONE, by))
        assert exceeded.value.limit is ONE


def test_looking_counts_nothing(by: str) -> None:
    for _ in range(5):
        rate_limits.check((ONE, by))
    rate_limits.count((ONE, by))
    with pytest.raises(RateLimitExceededError):
        rate_limits.check((ONE, by))


def test_an_attempt_that_succeeded_is_taken_back_and_the_others_stay(by: str) -> None:
    for _ in range(3):
        rate_limits.count((THREE, by))
    rate_limits.take_back((THREE, by))
    rate_limits.count((THREE, by))
    with pytest.raises(RateLimitExceededError):
        rate_limits.count((THREE, by))
    rate_limits.forget((THREE, by))
    rate_limits.take_back((THREE, by))  # of nothing
    for _ in range(3):
        rate_limits.count((THREE, by))


def test_nothing_is_counted_within_a_transaction(by: str) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        rate_limits.count((ONE, by))
    rate_limits.count((ONE, by))


def test_a_name_is_declared_once() -> None:
    with pytest.raises(ValueError, match="test-one"):
        RateLimit("test-one", 2, timedelta(hours=1))


def test_nobodys_address_is_in_the_table(by: str) -> None:
    rate_limits.count((ONE, f"{by}@example.com"))
    assert not RateCount.objects.filter(key__contains=by).exists()


def test_the_worker_deletes_counts_whose_window_has_ended(by: str) -> None:
    rate_limits.count((ONE, by))
    housekeeping.tidy(timezone.now())
    assert RateCount.objects.filter(key=_key(ONE, by)).exists()
    RateCount.objects.filter(key=_key(ONE, by)).update(ends_at=timezone.now())
    assert housekeeping.tidy(timezone.now())["rate counts"] >= 1
    assert not RateCount.objects.filter(key=_key(ONE, by)).exists()


def test_the_page_lists_every_limit_as_it_is() -> None:
    for package in (accounts, foundation, idp):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name:
                with suppress(ModuleNotFoundError):  # of an extra that is not installed
                    importlib.import_module(module.name)
    text = (ROOT / "docs" / "rate-limits.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| ([\d,]+) \| ([^|]+?) \|", text, re.MULTILINE)
    listed = {name: (int(allowed.replace(",", "")), window) for name, allowed, window in rows}
    declared = {
        name: (limit.allowed, _in_words(limit.window))
        for name, limit in DECLARED.items()
        if not name.startswith("test-")
    }
    assert listed == declared
    assert len(rows) == len(listed)


def _in_words(window: timedelta) -> str:
    for unit, seconds in (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, rest = divmod(int(window.total_seconds()), seconds)
        if number and not rest:
            return f"{number} {unit}{'s' * (number > 1)}"
    raise AssertionError(window)


def _key(limit: RateLimit, by: str) -> str:
    return rate_limits._key((limit, by))
