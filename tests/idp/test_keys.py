"""Signing keys: next, active, retired; what signs, what verifies, and what is published."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from idp import keys, policy
from idp.jose.verify import verified_by
from idp.models import SigningKey

ALGORITHM = "EdDSA"
EVERY, QUICKLY_MADE = policy.KEY_ALGORITHMS, ("ES256", "EdDSA", "ECDH-ES")
NOW = timezone.now()
State = SigningKey.State


@pytest.fixture(autouse=True)
def keys_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without keys, and leave those that a running server knows as they were.

    RSA keys take long to make: only one test has all there are.
    """
    monkeypatch.setattr(policy, "KEY_ALGORITHMS", QUICKLY_MADE)
    with transaction.atomic():
        SigningKey.objects.all().delete()
        keys._current = None
        keys.ensure_keys()
        yield
        transaction.set_rollback(True)
    keys._current = None


def kid(state: str) -> str:
    return SigningKey.objects.get(algorithm=ALGORITHM, state=state).kid


def states() -> list[str]:
    return sorted(SigningKey.objects.filter(algorithm=ALGORITHM).values_list("state", flat=True))


def loaded() -> keys.KeySet:
    """Return the keys as a process that has just started sees them."""
    keys._current = None
    return keys.key_set()


def published() -> set[str]:
    return {key["kid"] for key in json.loads(loaded().jwks)["keys"] if key["alg"] == ALGORITHM}


def made_at(which: str, moment: datetime) -> None:
    SigningKey.objects.filter(kid=which).update(created_at=moment)


def rotated() -> tuple[str, str]:
    """Rotate whole; return the kids of the old key and the new one."""
    old = kid(State.ACTIVE)
    keys.rotate(ALGORITHM, NOW)
    new = kid(State.NEXT)
    made_at(new, NOW - policy.KEY_PUBLISHED_BEFORE)
    keys.rotate(ALGORITHM, NOW)
    return old, new


def test_there_is_one_active_key_for_each_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "KEY_ALGORITHMS", EVERY)
    keys.ensure_keys()
    active = SigningKey.objects.filter(state=State.ACTIVE).values_list("algorithm", flat=True)
    assert sorted(active) == sorted(policy.KEY_ALGORITHMS)
    present = loaded()
    assert set(present.signers) == set(policy.SIGNING_ALGORITHMS)
    assert set(present.decrypting) == set(policy.DECRYPTION_ALGORITHMS)
    assert len({key["kid"] for key in json.loads(present.jwks)["keys"]}) == len(active)


@pytest.mark.parametrize("state", [State.NEXT, State.ACTIVE])
def test_no_algorithm_has_two_in_one_state(state: str) -> None:
    keys.rotate(ALGORITHM, NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        keys.make_key(ALGORITHM, state)


def test_a_next_key_is_published_and_signs_nothing() -> None:
    active = kid(State.ACTIVE)
    keys.rotate(ALGORITHM, NOW)
    assert published() == {active, kid(State.NEXT)}
    assert loaded().signers[ALGORITHM].kid == active


def test_a_next_key_waits_until_every_client_has_seen_it() -> None:
    keys.rotate(ALGORITHM, NOW)
    waiting = kid(State.NEXT)
    made_at(waiting, NOW - policy.KEY_PUBLISHED_BEFORE + timedelta(seconds=1))
    keys.rotate(ALGORITHM, NOW)
    assert kid(State.NEXT) == waiting
    assert states() == ["active", "next"]


def test_then_it_signs_and_the_old_one_is_published_on() -> None:
    old, new = rotated()
    assert (kid(State.RETIRED), kid(State.ACTIVE)) == (old, new)
    assert published() == {old, new}
    assert loaded().signers[ALGORITHM].kid == new


def test_a_running_process_goes_over_to_the_new_key_by_itself() -> None:
    first = loaded()
    _, new = rotated()
    keys._current = keys.KeySet(
        first.loaded_at - policy.PUBLISHED_FOR.total_seconds(),
        first.signers,
        first.public,
        first.decrypting,
        first.jwks,
    )
    assert keys.active_signer(ALGORITHM).kid == new


def proven(jwt: str) -> dict[str, Any] | None:
    return verified_by(jwt, list(loaded().public.values()), frozenset({ALGORITHM}))


def test_a_retired_key_verifies_for_ever_but_is_published_while_it_matters() -> None:
    hint = loaded().signers[ALGORITHM].sign({"sub": "ana"})
    old, new = rotated()
    retired = SigningKey.objects.filter(kid=old)
    retired.update(retired_at=NOW - policy.SIGNED_AT_MOST + timedelta(hours=1))
    keys.tend(NOW)
    assert published() == {old, new}
    assert retired.get().private_sealed
    retired.update(retired_at=NOW - policy.SIGNED_AT_MOST)
    keys.tend(NOW)
    assert published() == {new}
    assert retired.get().private_sealed == ""
    assert proven(hint) == {"sub": "ana"}


def test_the_private_part_is_sealed() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT private_sealed, public_jwk FROM idp_signingkey")
        for sealed, public in cursor.fetchall():
            assert sealed.startswith("gAAAA")
            assert not {"d", "p", "q"} & set(json.loads(public) if public else {})


def test_the_schedule_takes_each_step_once() -> None:
    """Day 88: publish the next key. Day 90: go over to it. Then nothing for another 88 days."""
    made = SigningKey.objects.get(kid=kid(State.ACTIVE)).created_at
    old = kid(State.ACTIVE)
    steps = {
        87: ["active"],
        88: ["active", "next"],
        89: ["active", "next"],
        91: ["active", "retired"],
        92: ["active", "retired"],
        178: ["active", "retired"],
        180: ["active", "next", "retired"],
    }
    for day, expected in steps.items():
        now = made + timedelta(days=day, minutes=1)
        keys.tend(now)
        following = SigningKey.objects.filter(algorithm=ALGORITHM, state=State.NEXT)
        if day == 88:
            following.update(created_at=now)  # rows know the real time only
        assert states() == expected, f"day {day}"
    assert SigningKey.objects.get(kid=old).state == State.RETIRED


def test_in_an_emergency_nothing_older_is_believed() -> None:
    keys.rotate(ALGORITHM, NOW)
    others = SigningKey.objects.exclude(algorithm=ALGORITHM)
    before = set(others.values_list("kid", flat=True))
    hint = loaded().signers[ALGORITHM].sign({"sub": "ana"})
    older = published()
    keys.replace_at_once(ALGORITHM)
    assert states() == ["active"]
    assert published().isdisjoint(older)
    assert proven(hint) is None
    assert set(others.values_list("kid", flat=True)) == before
