"""Initial access tokens: found by their hash, under any of the server's keys."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from idp.models import InitialAccessToken
from idp.protocol.errors import InvalidToken
from idp.registration.initial_access_tokens import find, is_good, issue, use
from tests.relying_party import unique

NOW = timezone.now()


def test_a_token_is_found_under_older_keys(
    settings: Any, use_keys: Callable[[list[str]], None]
) -> None:
    name = unique("token")
    token = issue(InitialAccessToken(name=name))
    use_keys(["a new key of thirty-two characters", *settings.IDP_SECRET_KEYS])
    assert find(token).name == name
    use_keys(settings.IDP_SECRET_KEYS[:1])
    with pytest.raises(InvalidToken):
        find(token)


def test_each_token_is_its_own() -> None:
    names = [unique("token"), unique("token")]
    tokens = [issue(InitialAccessToken(name=name)) for name in names]
    assert [find(token).name for token in tokens] == names
    for wrong in ("", tokens[0][:-1], tokens[0] + "x", find(tokens[0]).hashed):
        with pytest.raises(InvalidToken):
            find(wrong)


@pytest.mark.parametrize(
    ("limits", "good"),
    [
        ({}, True),
        ({"expires_at": NOW}, False),
        ({"expires_at": NOW + timedelta(seconds=1)}, True),
        ({"revoked_at": NOW - timedelta(days=1)}, False),
        ({"max_uses": 2, "uses": 1}, True),
        ({"max_uses": 2, "uses": 2}, False),
        ({"max_uses": 1, "uses": 5}, False),
    ],
)
def test_what_is_over_is_refused_before_and_at_its_use(
    limits: dict[str, object], good: bool
) -> None:
    row = find(issue(InitialAccessToken(name=unique("token"))))
    InitialAccessToken.objects.filter(pk=row.pk).update(**limits)
    row.refresh_from_db()
    before = row.uses
    for attempt in (is_good, use):
        if good:
            attempt(row, NOW)
        else:
            with pytest.raises(InvalidToken):
                attempt(row, NOW)
    row.refresh_from_db()
    assert row.uses == before + good
