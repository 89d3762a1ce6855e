"""Registration access tokens that rotate, while the server's keys are exchanged. RFC 7592 §5."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from idp import policy
from idp.models import Client
from idp.registration import access_tokens, lifecycle
from idp.registration.policies import open_permit
from tests.registering import document
from tests.relying_party import spec


@spec("RFC 7592", "5")
def test_the_next_token_is_the_same_under_a_newer_key_and_never_lost(
    settings: Any, use_keys: Callable[[list[str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "REGISTRATION_TOKENS_ROTATE", True)
    registration = lifecycle.register(document(), open_permit(), timezone.now())
    client, first = registration.client, registration.access_token
    second = lifecycle.read(client, first).access_token
    use_keys(["a new key of thirty-two characters", *settings.IDP_SECRET_KEYS])
    assert lifecycle.read(client, first).access_token == second
    use_keys(["a new key of thirty-two characters"])  # the older one is gone
    another = lifecycle.read(client, first).access_token
    assert another != second
    present = Client.objects.get(pk=client.pk)
    assert access_tokens.is_for(present, another)
    assert not access_tokens.is_for(present, second)
