from datetime import UTC, datetime
from unittest.mock import patch

from idp.claims import claims_for
from idp.protocol.vocabulary import SCOPE_CLAIMS

NOBODY = {name: "" for names in SCOPE_CLAIMS.values() for name in names} | {
    "sub": "6a0c",
    "address": {},
    "email_verified": False,
    "phone_number_verified": False,
    "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
}
EVERYTHING = frozenset(SCOPE_CLAIMS)


def test_what_is_not_known_is_left_out() -> None:
    assert set(claims_for(NOBODY, EVERYTHING, client_id="app")) == {
        "sub",
        "updated_at",
        "email_verified",
    }


def test_types_are_as_the_specification_has_them() -> None:
    user = {
        **NOBODY,
        "phone_number": "+1",
        "address": {"country": "Portugal", "region": "", "planet": "Earth"},
    }
    claims = claims_for(user, EVERYTHING, client_id="app")
    assert claims["updated_at"] == 1767225600
    assert claims["phone_number_verified"] is False
    assert claims["address"] == {"country": "Portugal"}


def test_only_what_the_scopes_ask_for() -> None:
    ana = {**NOBODY, "name": "Ana"}
    assert set(claims_for(ana, frozenset({"openid"}), client_id="app")) == {"sub"}


def test_a_claim_that_no_scope_has_any_more_is_none_of_the_users_columns() -> None:
    ana = {**NOBODY, "id": 7, "locale": "pt"}
    with patch("idp.claims._own_sources", return_value={}):
        claims = claims_for(ana, frozenset(), ["id", "password"], client_id="app")
    assert claims == {}
