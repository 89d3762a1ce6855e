"""The keys of trusted issuers: rotation, outages, and what a check of an issuer says."""

from typing import Any

import pytest
from django.core.cache import cache

from idp import fetched_keys, trusted_issuers
from idp.admin.trusted_issuers import findings_of
from idp.models import TrustedIssuer
from idp.protocol.errors import InvalidClient
from tests.assertions import make_key
from tests.elsewhere import Elsewhere
from tests.issuers import Issuer, trust


class Later:
    """The clock of cached keys, which tests set forward."""

    def __init__(self) -> None:
        from time import sleep
        from time import time as now

        self.ahead, self._now, self.sleep = 0.0, now, sleep

    def time(self) -> float:
        return self._now() + self.ahead

    def pass_by(self, seconds: float) -> None:
        """Let time pass: the floor between two fetches is over."""
        self.ahead += seconds
        for key in list(fetched_keys._remembered):
            cache.delete(f"jwks-fetch:{key}")


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    later = Later()
    monkeypatch.setattr(fetched_keys, "time", later)
    return later


def kids(row: TrustedIssuer, kid: str) -> set[Any]:
    """Return the names of the keys that a signature with this one is verified by."""
    keys = trusted_issuers.keys_for(row, InvalidClient)
    return {key["kid"] for key in keys({"kid": kid})}


@pytest.mark.parametrize("by_address", [True, False])
def test_rotation_and_outage(foreign_site: Elsewhere, later: Later, by_address: bool) -> None:
    issuer, new = Issuer(foreign_site), make_key()
    address = {"jwks_uri": foreign_site.address + issuer.jwks_path} if by_address else {}
    trust(issuer, "workloads", **address)
    row = TrustedIssuer.objects.get(issuer=issuer.name)
    old = issuer.key["kid"]
    assert kids(row, old) == {old}
    issuer.publish(issuer.key, new)
    assert kids(row, new["kid"]) == {old}  # not twice within a minute
    later.pass_by(fetched_keys.FLOOR + 1)
    assert kids(row, new["kid"]) == {old, new["kid"]}
    issuer.publish(new)
    later.pass_by(fetched_keys.FRESH_FOR + 1)
    assert kids(row, old) == {new["kid"]}
    # An outage: keys are believed for an hour, and no longer.
    issuer.fail()
    later.pass_by(fetched_keys.USED_FOR - 60)
    assert kids(row, new["kid"]) == {new["kid"]}
    later.pass_by(120)
    with pytest.raises(InvalidClient, match="cannot be had"):
        kids(row, new["kid"])
    issuer.publish(new)
    issuer.describe(issuer=issuer.name, jwks_uri=foreign_site.address + issuer.jwks_path)
    later.pass_by(fetched_keys.FLOOR + 1)
    assert kids(row, new["kid"]) == {new["kid"]}


def test_a_check_says_what_it_found(foreign_site: Elsewhere, database: None) -> None:
    issuer = Issuer(foreign_site)
    row = TrustedIssuer(issuer=issuer.name, purposes=["workloads"])
    said = [text for _level, text in findings_of(row)]
    assert said[-1] == "Its keys by algorithm: P-256 (1)."
    issuer.publish()
    assert [text for _level, text in findings_of(row)] == [
        "There is no key that verifies its tokens."
    ]
    issuer.describe(issuer="https://another.example")
    [(_level, problem)] = findings_of(row)
    assert "another issuer" in problem
    issuer.fail()
    [(_level, problem)] = findings_of(row)
    assert problem.startswith("Its keys could not be had")
