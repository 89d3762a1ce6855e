"""Several processes at once: one key per algorithm when they start, one step when they rotate."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from idp import keys, policy
from idp.models import SigningKey

AT_ONCE = 4
ALGORITHM = "EdDSA"


@pytest.fixture(autouse=True)
def keys_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the keys that a running server knows as they were; RSA keys take long to make."""
    monkeypatch.setattr(policy, "KEY_ALGORITHMS", ("ES256", "EdDSA", "ECDH-ES"))
    before = list(SigningKey.objects.all())
    yield
    SigningKey.objects.all().delete()
    SigningKey.objects.bulk_create(before)


def together(act: Callable[[], object]) -> None:
    """Do it in several threads at once, each with a connection of its own. Fails where one does."""
    barrier = Barrier(AT_ONCE)

    def one(_: int) -> None:
        barrier.wait()
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(one, range(AT_ONCE)))


def states() -> list[str]:
    return sorted(SigningKey.objects.filter(algorithm=ALGORITHM).values_list("state", flat=True))


def test_starting_together_makes_one_key_each() -> None:
    SigningKey.objects.all().delete()
    together(keys.ensure_keys)
    algorithms = SigningKey.objects.filter(state="active").values_list("algorithm", flat=True)
    assert sorted(algorithms) == sorted(policy.KEY_ALGORITHMS)


@pytest.fixture
def one_active() -> None:
    SigningKey.objects.all().delete()
    keys.ensure_keys()


def test_rotating_together_publishes_one_next_key(one_active: None) -> None:
    together(lambda: keys.rotate(ALGORITHM, timezone.now()))
    assert states() == ["active", "next"]


def test_workers_that_find_a_key_due_take_one_step(one_active: None) -> None:
    now = timezone.now()
    SigningKey.objects.update(created_at=now - policy.KEY_LIFETIME)
    together(lambda: keys.tend(now))
    assert states() == ["active", "next"]
    SigningKey.objects.update(created_at=now - policy.KEY_LIFETIME)
    together(lambda: keys.tend(now))
    assert states() == ["active", "retired"]


def test_replacing_together_leaves_one_key(one_active: None) -> None:
    keys.rotate(ALGORITHM, timezone.now())
    before = set(SigningKey.objects.values_list("kid", flat=True))
    together(lambda: keys.replace_at_once(ALGORITHM))
    assert states() == ["active"]
    assert SigningKey.objects.get(algorithm=ALGORITHM).kid not in before
