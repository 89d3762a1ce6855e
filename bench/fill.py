"""Fill an empty PostgreSQL database with users, apps, sessions, tokens and events by the million.

    DATABASE_URL=postgres://… python manage.py migrate
    DATABASE_URL=postgres://… python -m bench.fill --users 1000000 --clients 100000 --tokens 1000000

Every value follows from its row's number, so that two fillings are alike, and a benchmark can act
as any user in them. Numbers begin with 1:

- the n-th user is `user-n@example.com`, with PASSWORD;
- the n-th app is `app-n`, its redirect URI `https://app-n.example.com/callback`. Each fourth is a
  public client, the others have SECRET, hashed under the `IDP_SECRET_KEYS` of the filling;
- the n-th authorization gave the access tokens `access-token-n`, valid for up to a day yet, and
  `access-token-n-before`, expired and not swept yet; the even ones go on without their sessions,
  with `refresh-token-n`, given for `refresh-token-n-before`.

Some apps have many users and most have few. Events spread over 90 days.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
django.setup()

from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management.color import no_style
from django.db import connection, models, transaction

from accounts.models import Session, User
from idp.clients import secrets
from idp.models import (
    AccessToken,
    Client,
    ClientOrigin,
    ClientSecret,
    ClientSession,
    Consent,
    Delivery,
    Event,
    Grant,
    RefreshToken,
)
from idp.policy import ACR_VALUES

PASSWORD = "millions of correct horses"
SECRET = "the-secret-that-each-app-of-a-filling-has"
SCOPE = "email openid profile"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
GIVEN_NAMES = ("Ana", "Ben", "Chloé", "Dmitri", "Emeka", "Fatima", "Grete", "Hiro", "Ines", "Jo")
FAMILY_NAMES = ("Haddad", "Lima", "Müller", "Novák", "Okafor", "Roy", "Silva", "Tanaka", "Weiß")
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # of an event's reference
DEFAULTS = {
    "users": 1_000_000,
    "clients": 100_000,
    "sessions": 1_000_000,
    "tokens": 2_000_000,
    "events": 1_000_000,
}


def fill(users: int, clients: int, sessions: int, tokens: int, events: int) -> None:
    """Fill table after table; nothing of it may be there already."""
    grants = max(tokens // 2, 1)
    add_users(users)
    add_apps(clients)
    add_sessions(sessions, users)
    add_authorizations(grants, sessions, users, clients)
    add_tokens(grants)
    add_events(events, sessions, users, clients)


def add_users(users: int) -> None:
    """Add users with verified addresses; each hundredth may not sign in."""
    user = User()
    user.set_password(PASSWORD)
    email = "'user-' || n || '@example.com'"
    given, family = one_of(GIVEN_NAMES, "n"), one_of(FAMILY_NAMES, "n / 10")
    joined = ago("n", users, days=1000)
    insert(
        user,
        users,
        sub="md5('user ' || n)::uuid::text",
        email=email,
        name=f"{given} || ' ' || {family}",
        given_name=given,
        family_name=family,
        is_active="mod(n, 100) <> 0",
        date_joined=joined,
        updated_at=joined,
        last_login=joined,
    )
    insert(EmailAddress(verified=True, primary=True), users, email=email, user_id=nth(User, "n"))


def add_apps(clients: int) -> None:
    """Add apps; each tenth has registered itself."""
    app = Client(
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        client_type="confidential",
        authorization_grant_type="authorization-code",
    )
    address, public = "'https://app-' || n || '.example.com'", "mod(n, 4) = 0"
    made = ago("n", clients, days=1000)
    insert(
        app,
        clients,
        client_id="'app-' || n",
        name="'App ' || n",
        redirect_uris=f"jsonb_build_array({address} || '/callback')",
        client_uri=address,
        token_endpoint_auth_method=f"CASE WHEN {public} THEN 'none' ELSE 'client_secret_basic' END",
        client_type=f"CASE WHEN {public} THEN 'public' ELSE 'confidential' END",
        registration_source="CASE WHEN mod(n, 10) = 0 THEN 'dcr' ELSE 'manual' END",
        created=made,
        updated=made,
    )
    app_pk = nth(Client, "n")
    insert(a_secret(), clients, f"NOT {public}", client_id=app_pk, created_at=made)
    insert(ClientOrigin(), clients, public, client_id=app_pk, origin=address)


def a_secret() -> ClientSecret:
    """Return the row of SECRET, which is the same whatever the app."""
    with transaction.atomic():
        row = secrets.add(Client.objects.create(client_id="app-0"), SECRET)
        transaction.set_rollback(True)
    return row


def add_sessions(sessions: int, users: int) -> None:
    """Add sessions; those of the last days go on, each in a browser."""
    began, over = ago("n", sessions, days=90), f"n <= {ended_of(sessions)}"
    insert(
        Session(user_agent=BROWSER, until_closed=False),
        sessions,
        id=session_id("n"),
        user_id=nth(User, user_of("n", users)),
        authenticated_at=began,
        methods=f"jsonb_build_array(jsonb_build_object('method', 'password', 'at', "
        f"extract(epoch FROM {began})))",
        ip_address=address_of("n"),
        created_at=began,
        last_seen_at=f"least(now(), {began} + interval '20 minutes')",
        ended_at=f"CASE WHEN {over} THEN {began} + interval '40 minutes' END",
        ending=f"CASE WHEN {over} THEN 'signed-out' ELSE '' END",
    )
    insert(
        BrowserSession(),
        sessions,
        f"NOT {over}",
        session_key="md5('browser ' || n)",
        session_data="repeat(md5('data ' || n), 10)",
        expire_date=f"{began} + interval '100 days'",
    )


def add_authorizations(grants: int, sessions: int, users: int, clients: int) -> None:
    """Add grants, several of them in a session where there are more than sessions."""
    session = f"(1 + (n - 1) * {sessions} / {grants})"
    given = ago("n", grants, days=90)
    user = nth(User, user_of(session, users))
    app = nth(Client, f"(1 + mod({few_of(clients, session)} + mod(n, 64), {clients}))")
    insert(
        ClientSession(),
        grants,
        sid="substr(md5('sid ' || n), 1, 22)",
        client_id=app,
        session_id=session_id(session),
        created_at=given,
    )
    insert(
        Grant(scope=SCOPE, acr=ACR_VALUES[0], amr=["pwd"]),
        grants,
        client_id=app,
        user_id=user,
        session_id=session_id(session),
        client_session_id=nth(ClientSession, "n"),
        offline="mod(n, 2) = 0",
        auth_time=given,
        created_at=given,
        revoked_at=f"CASE WHEN mod(n, 50) = 1 THEN {given} + interval '1 hour' END",
    )
    insert(
        Consent(scopes=SCOPE.split()),
        grants,
        once_per=("user_id", "client_id"),
        client_id=app,
        user_id=user,
        created_at=given,
        updated_at=given,
    )
    insert(
        Delivery(state=Delivery.State.DELIVERED, attempts=1),
        grants,
        f"mod(n, 10) = 0 AND {session} <= {ended_of(sessions)}",
        client_id=app,
        session_id=session_id(session),
        jti="substr(md5('jti ' || n), 1, 22)",
        created_at=given,
        due_at=given,
        done_at=given,
    )


def add_tokens(grants: int) -> None:
    """Add the tokens of each authorization: the older ones, then those given for them."""
    columns = {
        "application_id": "issued_for.client_id",
        "grant_id": "issued_for.id",
        "user_id": "issued_for.user_id",
    }
    issued_for = f"JOIN idp_grant issued_for ON issued_for.id = {nth(Grant, 'n')}"
    refreshed = "mod(n, 2) = 0"
    predecessor = "NULL"
    for name, expiry, used in (("-before", "-6 hours", "now()"), ("", "24 hours", "NULL")):
        expires = f"now() + {spread('n')} * interval '{expiry}'"
        given = f"least(now(), {expires} - interval '1 hour')"
        insert(
            AccessToken(scope=SCOPE),
            grants,
            joined=issued_for,
            token_checksum=checksum(f"'access-token-' || n || '{name}'"),
            created=given,
            updated=given,
            expires=expires,
            **columns,
        )
        insert(
            RefreshToken(),
            grants,
            refreshed,
            joined=issued_for,
            token_checksum=checksum(f"'refresh-token-' || n || '{name}'"),
            created=given,
            updated=given,
            expires=f"now() + {spread('n')} * interval '30 days'",
            revoked=f"{used}::timestamptz",
            predecessor_id=predecessor,
            **columns,
        )
        predecessor = nth(RefreshToken, "n")


def add_events(events: int, sessions: int, users: int, clients: int) -> None:
    """Add events: sign-ins mostly, some denials, a few changes; most in a session."""
    kind = Event.Kind
    kinds = [kind.SIGNED_IN] * 10 + [kind.SESSION_ENDED] * 3 + [kind.CONSENTED] * 2
    kinds += [kind.DENIED] * 3 + [kind.SIGN_IN_FAILED, kind.CHANGED]
    of, app = one_of(kinds, "n"), f"'app-' || (1 + {few_of(clients, 'n')})"
    denied = f"{of} = '{kind.DENIED}'"
    session = f"(1 + mod(n - 1, {sessions}))"
    insert(
        Event(details={"at": "/authorize", "method": "GET"}),
        events,
        reference=reference("n"),
        kind=of,
        at=ago("n", events, days=90),
        user_id=f"CASE WHEN NOT {denied} THEN {nth(User, user_of(session, users))} END",
        session=f"CASE WHEN {of} NOT IN ('{kind.DENIED}', '{kind.SIGN_IN_FAILED}') "
        f"THEN {session_id(session)} END",
        client_id=f"CASE WHEN {of} IN ('{kind.CONSENTED}', '{kind.DENIED}') THEN {app} ELSE '' END",
        target=f"CASE WHEN {of} = '{kind.CHANGED}' THEN 'client ' || {app} ELSE '' END",
        ip_address=address_of("n"),
        error=f"CASE WHEN {denied} THEN 'invalid_request' ELSE '' END",
        reason=f"CASE WHEN {denied} THEN 'The redirect_uri is not registered.' ELSE '' END",
    )


# --- in the words of SQL, where `n` is a row's number ------------------------------------------

_before_first: dict[type[models.Model], int] = {}


def insert(
    one: models.Model,
    count: int,
    where: str = "true",
    *,
    joined: str = "",
    once_per: Sequence[str] = (),
    **columns: str,
) -> None:
    """Insert rows like this one, except for the columns that an expression is given for."""
    began = time.monotonic()
    model = type(one)
    table, key = model._meta.db_table, model._meta.pk
    with transaction.atomic(), connection.cursor() as cursor, rebuilt_after(cursor, table):
        if key.attname not in columns:
            cursor.execute(f"SELECT coalesce(max({key.column}), 0) FROM {table}")
            _before_first[model] = cursor.fetchone()[0]
            columns[key.attname] = nth(model, "n")
        given = {model._meta.get_field(name): sql for name, sql in columns.items()}
        fields = model._meta.concrete_fields
        alike = [field for field in fields if field not in given]
        names = ", ".join(connection.ops.quote_name(field.column) for field in fields)
        distinct = f"DISTINCT ON ({', '.join(columns[name] for name in once_per)})"
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {distinct if once_per else ''} "
            f"{', '.join(given.get(field, '%s') for field in fields)} "
            f"FROM generate_series(1::bigint, {count}) AS n {joined} WHERE {where}",
            [field.get_db_prep_save(field.pre_save(one, add=True), connection) for field in alike],
        )
        rows = cursor.rowcount
        for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {table}")
    print(f"{rows:>10,} {model._meta.verbose_name_plural} ({time.monotonic() - began:.0f} s)")


@contextmanager
def rebuilt_after(cursor: Any, table: str) -> Iterator[None]:
    """Take a table's indexes and constraints away and bring them back, which is faster by far."""
    cursor.execute("SET LOCAL maintenance_work_mem = '256MB'")
    cursor.execute(
        "SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype IN ('f', 'u')",
        [table],
    )
    constraints = cursor.fetchall()
    for name, _ in constraints:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    cursor.execute(
        "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = %s::regclass AND NOT indisprimary",
        [table],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        cursor.execute(definition)
    for name, definition in constraints:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def nth(model: type[models.Model], number: str) -> str:
    """Return the key of the row that was inserted with this number last."""
    return f"({_before_first[model]} + {number})"


def ago(number: str, count: int, days: int) -> str:
    """Return when something happened: the first of them so many days ago, the last just now."""
    return f"(now() - ({count} - {number}) * interval '{days} days' / {count})"


def spread(number: str, by: int = 2654435761) -> str:
    """Return what looks random, from 0 up to 1, and is the same every time."""
    return f"(mod({number} * {by}, 1000003) / 1000003.0)"


def few_of(count: int, number: str) -> str:
    """Return a number from 0, below `count`: the small ones come often, the great ones rarely."""
    return f"floor(power({spread(number)}, 3) * {count})::bigint"


def user_of(number: str, users: int) -> str:
    """Return the number of the user of a session, or of an event."""
    return f"(1 + floor(power({spread(number, by=1640531527)}, 2) * {users})::bigint)"


def one_of(words: Sequence[str], number: str) -> str:
    """Return one word after the other, and again from the first."""
    listed = ", ".join(f"'{word}'" for word in words)
    return f"(ARRAY[{listed}])[1 + mod({number}, {len(words)})]"


def ended_of(sessions: int) -> int:
    """Return how many sessions are over: all but those of the last days."""
    return sessions * 85 // 100


def session_id(number: str) -> str:
    """Return a session's id, as long as those of others."""
    return f"md5('session ' || {number})"


def address_of(number: str) -> str:
    """Return an IP address."""
    return f"'10.0.0.0'::inet + mod({number}, 500000)"


def checksum(text: str) -> str:
    """Return what is stored of a token."""
    return f"encode(sha256(({text})::bytea), 'hex')"


def reference(number: str) -> str:
    """Return an event's reference: eight letters that no other number gives."""
    mixed = f"mod({number} * 100000007, {len(LETTERS) ** 8})"
    letters = [
        f"substr('{LETTERS}', (1 + mod({mixed} / {len(LETTERS) ** place}, {len(LETTERS)}))::int, 1)"
        for place in range(8)
    ]
    return " || ".join([*letters[:4], "'-'", *letters[4:]])


def main() -> None:
    """Fill the database of the settings, unless that was done before."""
    parser = argparse.ArgumentParser(description="Fill an empty PostgreSQL database.")
    for name, default in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{default:,} if not said")
    numbers = parser.parse_args()
    if connection.vendor != "postgresql":
        parser.error("It fills PostgreSQL only: set DATABASE_URL.")
    if User.objects.filter(email="user-1@example.com").exists():
        parser.error("The database has been filled before.")
    fill(**vars(numbers))


if __name__ == "__main__":
    main()
