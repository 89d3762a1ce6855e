"""How PostgreSQL goes about the statements by hand where it knows nothing of the tables yet.

A connection keeps the plan that it made then, while a fresh installation grows.
"""

import re
from itertools import count

import pytest
from django.db import connection, transaction

from idp.grants import ciba, device_code
from idp.statements import bearers, exchange, sso_session, tokens

STATEMENTS = {
    "code": tokens.CODES.in_one,
    "refresh token": tokens.REFRESH_TOKENS.in_one,
    "device code": tokens.DEVICE_CODES.in_one,
    "request to a user": tokens.BACKCHANNEL_REQUESTS.in_one,
    "poll of a device code": device_code.CODES.in_one,
    "poll of a request to a user": ciba.REQUESTS.in_one,
    "access token": bearers.FIND_BEARER,
    "SSO session": sso_session.STATEMENT,
    "exchange": exchange.statement("json_agg"),
}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite plans each time")
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_new_table_is_entered_by_keys(name: str) -> None:
    places = count(1)
    numbered = re.sub("%s", lambda _: f"${next(places)}", STATEMENTS[name])
    nothing = ", ".join(["NULL"] * (next(places) - 1))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA new")
        for table in sorted(set(re.findall(r"\b(?:idp|accounts|account)_[a-z_]+\b", numbered))):
            cursor.execute(f"CREATE TABLE new.{table} (LIKE public.{table} INCLUDING ALL)")
        cursor.execute("SET LOCAL search_path TO new")
        cursor.execute("SET LOCAL plan_cache_mode TO force_generic_plan")
        cursor.execute(f"PREPARE planned AS {numbered}")
        cursor.execute(f"EXPLAIN EXECUTE planned ({nothing})")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute("DEALLOCATE planned")
        transaction.set_rollback(True)
    assert "Seq Scan" not in plan, plan
    # What was presented, and the others from there.
    entered = re.search(r"Index Cond: (.*)", plan)
    if name == "exchange":  # two tokens, by their hashes
        entered = re.search(r"on idp_accesstoken t .*\n *(?:Recheck|Index) Cond: (.*)", plan)
    assert entered, plan
    key = "client_id|device_code|id_hash|code|token_checksum|id"
    presented = rf"\(\(?({key})\)?(::text)? = (\$\d|ANY \(.*\))\)"
    assert re.fullmatch(presented, entered[1]), plan
