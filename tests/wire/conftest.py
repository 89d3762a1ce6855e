"""What the wire tests start from, beside the common harness."""

import pytest

from tests.relying_party import RelyingParty


@pytest.fixture
def returning(relying_party: RelyingParty) -> RelyingParty:
    """A website whose user is signed in at Signet and has agreed before."""
    relying_party.authorize()
    return relying_party
