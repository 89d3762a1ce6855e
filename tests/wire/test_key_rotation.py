"""Keys change under a running server, and nobody who keeps to the rules notices. OIDC Core §10.1.1.

EdDSA's keys are the ones that change here, so that other tests keep theirs.
"""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.utils import timezone
from jwcrypto.jwt import JWT, JWTMissingKey

from idp import policy
from idp.models import SigningKey
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    spec,
    verified,
)

ALGORITHM = "EdDSA"
#: What a process remembers is at most five seconds old; one more to ask in.
SOON = policy.PUBLISHED_FOR.total_seconds() + 5


def published() -> set[str]:
    keys = httpx.get(f"{ISSUER}/jwks", verify=False).json()["keys"]
    return {key["kid"] for key in keys if key["alg"] == ALGORITHM}


def of_state(*states: str) -> set[str]:
    rows = SigningKey.objects.filter(algorithm=ALGORITHM, state__in=states)
    return set(rows.values_list("kid", flat=True))


def soon(condition: Callable[[], bool]) -> None:
    """Wait for as long as the server may take, and fail where it takes longer."""
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "the server did not follow in time"
        time.sleep(0.2)


def rotate(*flags: str) -> None:
    call_command("rotate_keys", "--algorithm", ALGORITHM, *flags)


def days_pass(days: float) -> None:
    """Move what the keys remember into the past."""
    for key in SigningKey.objects.filter(algorithm=ALGORITHM):
        past = timedelta(days=days)
        SigningKey.objects.filter(pk=key.pk).update(
            created_at=key.created_at - past,
            retired_at=key.retired_at and key.retired_at - past,
        )


@pytest.fixture
def app(browser: Browser, user: EndUser) -> Iterator[RelyingParty]:
    client = make_client(id_token_signed_response_alg=ALGORITHM, access_token_format="jwt")
    yield RelyingParty(client, browser, user)
    alive = timezone.now() - policy.SIGNED_AT_MOST
    over = SigningKey.objects.filter(retired_at__lte=alive)
    soon(lambda: published() == of_state("next", "active", "retired") - {k.kid for k in over})


def kid_of(token: str) -> str:
    return JWT(jwt=token).token.jose_header["kid"]


def is_believed(app: RelyingParty, hint: str) -> bool:
    answer = app.answer(app.visit(prompt="none", id_token_hint=hint))
    assert answer.error in {None, "invalid_request"}
    return answer.error is None


@spec("OIDC Core", "10.1.1")
def test_a_rotation_from_beginning_to_end(app: RelyingParty) -> None:
    first: dict[str, Any] = app.tokens()
    old = kid_of(first["id_token"])

    rotate()  # the next key is published, and does not sign
    soon(lambda: published() >= of_state("next", "active"))
    assert kid_of(app.tokens()["id_token"]) == old

    rotate()  # too early: clients may not have seen it
    assert of_state("active") == {old}

    days_pass(2)
    (new,) = of_state("next")
    rotate()
    assert (of_state("active"), old in of_state("retired")) == ({new}, True)
    soon(lambda: kid_of(app.tokens()["id_token"]) == new)

    # What the old key signed is as good as ever.
    assert {old, new} <= published()
    assert verified(first["id_token"])["sub"] == app.user.sub
    assert app.userinfo(first["access_token"]).status_code == 200
    assert is_believed(app, first["id_token"])

    days_pass(1)
    call_command("worker", "--once")
    soon(lambda: old not in published())
    # Hints have no end (OIDC Core §3.1.2.1).
    assert is_believed(app, first["id_token"])


@spec("RFC 7517", "5")
def test_after_an_emergency_nothing_older_is_worth_anything(app: RelyingParty) -> None:
    tokens = app.tokens()
    assert verified(tokens["access_token"])
    assert is_believed(app, tokens["id_token"])
    rotate("--now")
    soon(lambda: published() == of_state("active"))
    for name in ("id_token", "access_token"):
        with pytest.raises(JWTMissingKey):
            verified(tokens[name])
    assert not is_believed(app, tokens["id_token"])
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert app.introspect(tokens["access_token"]) == {"active": False}
    fresh = app.tokens()["id_token"]
    assert verified(fresh)["sub"] == app.user.sub
    assert is_believed(app, fresh)
