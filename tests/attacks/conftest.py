"""What the attacks start from, beside the common harness."""

from collections.abc import Iterator

import pytest

from tests.relying_party import Browser, RelyingParty, make_client, make_user


@pytest.fixture
def returning(relying_party: RelyingParty) -> RelyingParty:
    """A website whose user is signed in at Signet and has agreed before."""
    relying_party.authorize()
    return relying_party


@pytest.fixture(scope="module")
def settled(provider: object) -> Iterator[RelyingParty]:
    """The same, shared by the attacks of a module that must leave it as it is."""
    with Browser() as browser:
        relying_party = RelyingParty(make_client(), browser, make_user())
        relying_party.authorize()
        yield relying_party
