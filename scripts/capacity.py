"""Write the tables of docs/operators/capacity.md from what was measured and what is assumed.

The cost of a request is read from docs/performance.md. `--check` writes nothing; it exits with 1
where the tables differ.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "operators" / "capacity.md"

#: Bytes of a row with its indexes: pg_total_relation_size over the rows of a database that
#: `python -m bench.fill --users 200000 --clients 1000 --sessions 200000 --tokens 200000 --events
#: 200000` filled, PostgreSQL 15. The page's text says what belongs to each.
BYTES = {
    "person": 879,
    "consent": 266,
    "session": 535,
    "grant": 374,
    "app in a session": 322,
    "access token": 378,
    "refresh token": 385,
    "event": 480,
    "shared day": 301,
}
#: What is assumed of a person who uses the provider on a day. All but the first are of one day.
ACTIVE, APPS = 0.5, 3
SIGN_INS, AUTHORIZATIONS, REFRESHES, EVENTS = 1, 3, 8, 2
#: How much busier the busiest second is than the mean, and how busy a core may be then.
PEAK, BUSY = 5, 0.6
#: Days for which rows are there: docs/operators.md, "Retention".
SESSION_DAYS, REFRESH_DAYS, EVENT_DAYS, ACCESS_HOURS = 90, 30, 365, 1
PEOPLE = (1_000, 1_000_000, 100_000_000)
DAY = 24 * 3600


def costs() -> dict[str, tuple[float, float]]:
    """Return the CPU milliseconds of server and database of each request of Signet."""
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \| Signet \| ([\d.]+) \+ ([\d.]+) = ", text, re.MULTILINE)
    return {name: (float(server), float(database)) for name, server, database in rows}


def per_core() -> Iterable[tuple[str, ...]]:
    """Return rows: how many of each a core of servers, and one of PostgreSQL, does in a second."""
    for name, (server, database) in costs().items():
        if database:
            yield name, f"{1000 / server:,.0f}", f"{1000 / database:,.0f}"


def load(people: int) -> tuple[str, ...]:
    """Return a row: the busiest second of so many people, and the cores that it needs."""
    cost = costs()
    each = (
        (SIGN_INS, "sign-in with password"),
        (AUTHORIZATIONS, "authorize"),
        (AUTHORIZATIONS, "code exchange, RS256 ID token"),
        (AUTHORIZATIONS, "UserInfo"),
        (REFRESHES, "refresh, RS256 ID token"),
    )
    often = people * ACTIVE * PEAK / DAY
    server, database = (
        often * sum(count * cost[name][part] for count, name in each) / 1000 / BUSY
        for part in (0, 1)
    )
    requests = sum(count for count, _ in each)
    return (
        f"{people:,}",
        shown(often * SIGN_INS),
        shown(often * requests),
        shown(server),
        shown(database),
    )


def size(people: int) -> tuple[str, ...]:
    """Return a row: the gigabytes of a database with so many people, after a year."""
    daily = people * ACTIVE
    parts = (
        people * (BYTES["person"] + APPS * BYTES["consent"]),
        daily
        * SESSION_DAYS
        * (SIGN_INS * BYTES["session"] + AUTHORIZATIONS * BYTES["app in a session"]),
        daily * AUTHORIZATIONS * REFRESH_DAYS * BYTES["grant"],
        daily * (AUTHORIZATIONS + REFRESHES) * ACCESS_HOURS / 24 * PEAK * BYTES["access token"]
        + daily * (AUTHORIZATIONS + REFRESHES) * REFRESH_DAYS * BYTES["refresh token"],
        daily
        * EVENT_DAYS
        * (EVENTS * BYTES["event"] + min(APPS, AUTHORIZATIONS) * BYTES["shared day"]),
    )
    return f"{people:,}", *(shown(part / 1e9) for part in (*parts, sum(parts)))


def shown(value: float) -> str:
    """Return a number as an estimate has it: two digits that mean something."""
    if value < 0.1:
        return "< 0.1"
    return f"{value:.1f}" if value < 10 else f"{float(f'{value:.2g}'):,.0f}"


def table(*rows: tuple[str, ...]) -> str:
    """Return rows as a table; the first is its head."""
    head, *body = rows
    lines = [head, ("---",) + ("--:",) * (len(head) - 1), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tables() -> dict[str, str]:
    """Return each table, by the name in the page's comments."""
    return {
        "per core": table(
            ("Request", "A second, per core of servers", "A second, per core of PostgreSQL"),
            *per_core(),
        ),
        "load": table(
            (
                *("People", "Password sign-ins a second", "Requests a second"),
                *("Cores of servers", "Cores of PostgreSQL"),
            ),
            *map(load, PEOPLE),
        ),
        "bytes": table(
            ("A million of", "GB"),
            *((name, f"{size / 1000:.2f}") for name, size in BYTES.items()),
        ),
        "size": table(
            (
                *("People", "People, consents", "Sessions", "Grants", "Tokens"),
                *("Events, sharing history", "Together, GB"),
            ),
            *map(size, PEOPLE),
        ),
    }


def main() -> int:
    """Write or check the page; return the exit code."""
    text = PAGE.read_text(encoding="utf-8")
    written = text
    for name, rows in tables().items():
        before, begin, rest = written.partition(f"<!-- {name}: scripts/capacity.py -->\n")
        _, end, after = rest.partition("\n<!-- end -->")
        written = f"{before}{begin}\n{rows}\n{end}{after}"
    if written == text:
        return 0
    if "--check" in sys.argv:
        print(f"{PAGE.name} differs from its figures; run scripts/capacity.py")
        return 1
    PAGE.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
