"""The administration with 100,000 rows of everything: statements and work of each page, fixed.

The rows are made in a transaction that is undone, on the real database. Work is counted by the
database itself: PostgreSQL by the rows that its plans touch, SQLite by the instructions it runs.
"""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, User
from idp import keys
from idp.admin import search
from idp.models import (
    AccessToken,
    Client,
    ClientSecret,
    Consent,
    Delivery,
    Event,
    EventCount,
    Grant,
    Role,
    SigningKey,
)
from tests.in_process import InProcess
from tests.relying_party import make_user

ROWS = 100_000
#: Statements of a page: session, permissions, the count, the rows, and what goes with them.
STATEMENTS = 12
#: An app's page: also its owner, secrets, scopes, roles, last events.
STATEMENTS_OF_APP = 16
#: A person's page: security, devices, apps, groups, roles, events, each in a statement or two.
STATEMENTS_OF_PERSON = 24
#: The first page asks about everything: outboxes, keys, secrets, invitations, apps, figures.
STATEMENTS_OF_HOME = 32
#: A search asks two indexes on PostgreSQL, each in a transaction with limits of its own, and before
#: it which words are common.
STATEMENTS_OF_SEARCH = 28
#: Rows touched: those counted and paged through at the most (COUNTED_AT_MOST), those shown, and
#: what is joined to them. Reading all rows of a table would be ten times as much.
ROWS_READ = 35_000
#: And by a search for a part of a name, of the newest users and apps: to find and to read them.
ROWS_SEARCHED = 4 * search.NEWEST
#: Instructions of SQLite's machine; a second of work is more than ten million.
INSTRUCTIONS = 1_500_000

NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"


@pytest.fixture(scope="module")
def superuser() -> User:
    return User.objects.get(email=make_user(is_staff=True, is_superuser=True).email)


@pytest.fixture(scope="module")
def crowd(superuser: User) -> Iterator[InProcess]:
    """A staff user at a browser, and 100,000 rows of each table."""

    browser = InProcess()
    with transaction.atomic():
        browser.force_login(superuser)
        fill()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
                cursor.execute("SET LOCAL statement_timeout = 0")  # rows are counted, not seconds
        yield browser
        transaction.set_rollback(True)


def fill() -> None:
    """Copy one row of each table 100,000 times, with what has to differ."""
    keys.ensure_keys()
    user = User.objects.create_user("crowd-0@example.com")
    client = Client.objects.create(
        client_id="crowd-0", name="Crowd 0", token_endpoint_auth_method="none"
    )
    now = timezone.now()
    session = Session.objects.create(
        pk="crowd-session", user=user, authenticated_at=now, last_seen_at=now
    )
    Client.objects.filter(pk=client.pk).update(user=user)
    client.refresh_from_db()
    text = "lpad(i::text, 12, '0')" if connection.vendor == "postgresql" else "printf('%%012d', i)"
    uuid = (
        f"('00000000-0000-4000-8000-' || {text})::uuid"
        if connection.vendor == "postgresql"
        else f"'00000000000040008000' || {text}"
    )
    copies(User, user, sub=uuid, email=f"'crowd-' || {text} || '@example.com'")
    copies(Client, client, client_id=f"'crowd-' || {text}", name=f"'Crowd ' || {text}")
    earlier = (
        "one.created_at - i * interval '1 second'"
        if connection.vendor == "postgresql"
        else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', one.created_at, '-' || i || ' seconds')"
    )
    copies(Session, session, id=f"'crowd-session-' || {text}", created_at=earlier)
    first_user = User.objects.filter(email__startswith="crowd-000").order_by("pk").first()
    first_client = Client.objects.filter(client_id__startswith="crowd-000").order_by("pk").first()
    assert first_user
    assert first_client
    user_pk, client_pk = f"i + {first_user.pk - 1}", f"i + {first_client.pk - 1}"
    consent = Consent.objects.create(user=user, client=client)
    copies(Consent, consent, user_id=user_pk, client_id=client_pk)
    grant = Grant.objects.create(
        user=user, client=client, session=session, scope="openid", auth_time=now, acr="x"
    )
    copies(Grant, grant, user_id=user_pk, client_id=client_pk)
    role = Role.objects.create(client=client, name="baker")
    role.users.add(user)
    copies(Role, role, client_id=client_pk)
    copies(Role.users.through, role.users.through.objects.get(role=role), user_id=user_pk)
    group = Group.objects.create(name="crowd")
    user.groups.add(group)
    memberships = User.groups.through
    copies(memberships, memberships.objects.get(group=group), user_id=user_pk)
    delivery = Delivery.objects.create(client=client, sub="x", sid="x")
    copies(Delivery, delivery, client_id=client_pk, jti=text)
    token = AccessToken.objects.create(
        token_checksum="crowd", application=client, expires=now + timedelta(hours=1)
    )
    copies(
        AccessToken,
        token,
        token_checksum=f"'crowd-' || {text}",
        application_id=client_pk,
        grant_id=str(grant.pk),
    )
    secret = ClientSecret.objects.create(client=client, hashed="x")
    long_ago = now - timedelta(days=400)
    ClientSecret.objects.filter(pk=secret.pk).update(created_at=long_ago)
    secret.refresh_from_db()
    copies(ClientSecret, secret, client_id=client_pk)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for kind in ("denied", "signed-in"):
        count = EventCount.objects.create(
            period="day", begins_at=midnight, kind=kind, client_id="crowd-0", count=1
        )
        copies(EventCount, count, client_id=f"'crowd-' || {text}", count="i")
    event = Event.objects.create(
        kind=Event.Kind.DENIED, reference="CRWD-2345", client_id="crowd-0", session=session.pk
    )
    hexadecimal = "to_hex(i)" if connection.vendor == "postgresql" else "printf('%%x', i)"
    copies(
        Event,
        event,
        reference=f"'C' || {hexadecimal}",
        user_id=user_pk,
        client_id=f"'crowd-' || {text}",
    )


def copies(model: type[Any], row: Any, **different: str) -> None:
    table = model._meta.db_table
    fields = [
        f for f in model._meta.local_concrete_fields if f.column in different or not f.primary_key
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(different.get(f.column, f'one."{f.column}"') for f in fields)
    key = model._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(
            f'{NUMBERS} INSERT INTO "{table}" ({columns}) SELECT {values} FROM n, "{table}" one '
            f'WHERE one."{key}" = %s',
            [row.pk],
        )


def a_key() -> SigningKey:
    return SigningKey.objects.get(algorithm="RS256", state="active")


def crowded() -> Role:
    """Return the role that all users have."""
    return Role.objects.get(client__client_id="crowd-0")


PAGES: dict[str, Callable[[], str]] = {
    "users": lambda: "accounts/user/",
    "users, last page": lambda: "accounts/user/?p=200",
    "users, searched": lambda: "accounts/user/?q=crowd-000000099",
    "users, part of a name": lambda: "accounts/user/?q=rowd-00000009999",
    "users, nobody": lambda: "accounts/user/?q=nobody+is+called+so",
    "users, begun alike": lambda: "accounts/user/?q=crowd",
    "users, staff": lambda: "accounts/user/?is_staff__exact=1",
    "users, disabled": lambda: "accounts/user/?is_active__exact=0",
    "a user": lambda: (
        f"accounts/user/{User.objects.get(email='crowd-000000050000@example.com').pk}/change/"
    ),
    "a group": lambda: f"auth/group/{Group.objects.get(name='crowd').pk}/change/",
    "members of a group": lambda: f"auth/group/{Group.objects.get(name='crowd').pk}/members/",
    "members of a group, searched": lambda: (
        f"auth/group/{Group.objects.get(name='crowd').pk}/members/?q=crowd-000000050000"
    ),
    "sessions": lambda: "accounts/session/",
    "sessions, live": lambda: "accounts/session/?state=live",
    "sessions, ended": lambda: "accounts/session/?state=ended",
    "sessions of somebody": lambda: "accounts/session/?q=crowd-000000050000",
    "ending all sessions": lambda: "accounts/session/end-all/",
    "apps": lambda: "idp/client/",
    "apps, self-registered": lambda: "idp/client/?registration_source__exact=dcr",
    "apps, part of a name": lambda: "idp/client/?q=rowd+00000009999",
    "apps, none": lambda: "idp/client/?q=no+app+is+called+so",
    "apps, searched": lambda: "idp/client/?q=crowd-000000050000",
    "an app": lambda: f"idp/client/{Client.objects.get(client_id='crowd-000000050000').pk}/change/",
    "sign-in of an app": lambda: tab("sign-in"),
    "access to an app": lambda: tab("access"),
    "appearance of an app": lambda: tab("appearance"),
    "preview of an app": lambda: tab("appearance/preview"),
    "keys of an app": lambda: tab("keys"),
    "activity of an app": lambda: tab("activity"),
    "apps of their owner": lambda: f"idp/client/?user={owner().pk}",
    "what an app receives": lambda: (
        f"idp/client/{Client.objects.get(client_id='crowd-000000050000').pk}/preview/"
        "?user=crowd-000000050000%40example.com"
        "&scopes=openid&scopes=profile&scopes=email"
    ),
    "findings about an app": lambda: (
        f"idp/client/{Client.objects.get(client_id='crowd-000000050000').pk}/findings/"
    ),
    "consents": lambda: "idp/consent/",
    "consents, last page": lambda: "idp/consent/?p=200",
    "consents of an app": lambda: "idp/consent/?q=crowd-000000050000",
    "authorizations": lambda: "idp/grant/",
    "authorizations of somebody": lambda: "idp/grant/?q=crowd-00000005000@",
    "roles": lambda: "idp/role/",
    "roles, last page": lambda: "idp/role/?p=200",
    "roles of an app": lambda: "idp/role/?q=crowd-000000050000",
    "a role": lambda: f"idp/role/{crowded().pk}/change/",
    "deleting a role": lambda: f"idp/role/{crowded().pk}/delete/",
    "users of a role": lambda: f"idp/role/{crowded().pk}/users/",
    "users of a role, searched": lambda: f"idp/role/{crowded().pk}/users/?q=crowd-000000050000",
    "roles of a user": lambda: (
        f"accounts/user/{User.objects.get(email='crowd-000000050000@example.com').pk}/roles/"
    ),
    "suggested users": lambda: "idp/role/suggestions/users/?q=crowd-00000005",
    "suggested roles": lambda: "idp/role/suggestions/roles/?q=crowd-000000050000",
    "deliveries": lambda: "idp/delivery/",
    "deliveries, given up": lambda: "idp/delivery/?state__exact=failed",
    "deliveries to an app": lambda: "idp/delivery/?q=crowd-000000050000",
    "events": lambda: "idp/event/",
    "events, last page": lambda: "idp/event/?p=200",
    "events, denied": lambda: "idp/event/?kind__exact=denied",
    "events, sorted by what has no index": lambda: "idp/event/?o=5",
    "event by reference": lambda: "idp/event/?q=crwd2345",
    "events by a name": lambda: "idp/event/?q=rowd-0000000999",
    "events by no name": lambda: "idp/event/?q=nobody+is+called+so",
    "events of an app": lambda: "idp/event/?client_id=crowd-000000050000",
    "events of somebody": lambda: "idp/event/?q=crowd-000000050000@example.com",
    "a session": lambda: "accounts/session/crowd-session/change/",
    "events of a session": lambda: "idp/event/?session=crowd-session",
    "events of a session, last page": lambda: "idp/event/?session=crowd-session&p=200",
    "events of a session with none": lambda: "idp/event/?session=crowd-session-000000050000",
    "an event": lambda: f"idp/event/{Event.objects.get(reference='Cc350').pk}/change/",
    "everything by part of a name": lambda: "search/?q=rowd-0000000999",
    "everything by a reference": lambda: "search/?q=crwd2345",
    "everything by what is nowhere": lambda: "search/?q=nobody+is+called+so",
    "everything by what is everywhere": lambda: "search/?q=crowd",
    "keys": lambda: "idp/signingkey/",
    "a key": lambda: f"idp/signingkey/{quote(a_key().pk)}/change/",
    "import and export": lambda: "configuration/",
    "the first page": lambda: "",
}


def owner() -> User:
    """Return the user who owns all apps."""
    return User.objects.get(email="crowd-0@example.com")


def tab(slug: str) -> str:
    client = Client.objects.get(client_id="crowd-000000050000")
    return f"idp/client/{client.pk}/change/{slug}/"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_100_000_rows(crowd: InProcess, page: str) -> None:
    path = f"/admin/{PAGES[page]()}"
    crowd.get(path)
    with CaptureQueriesContext(connection) as statements:
        assert crowd.get(path).status_code == 200
    sql = [q["sql"] for q in statements.captured_queries if reads(q["sql"])]
    assert len(statements) <= statements_of(path), "\n".join(q["sql"][:300] for q in statements)
    if connection.vendor == "postgresql":
        touched = {statement: rows_touched(statement) for statement in sql}
        most = ROWS_SEARCHED + STATEMENTS * search.FOUND_AT_MOST if "q=" in path else ROWS_READ
        assert sum(touched.values()) <= most, touched
    else:
        assert instructions(lambda: crowd.get(path)) <= INSTRUCTIONS


def reads(sql: str) -> bool:
    """Whether a statement reads rows; explaining one that sets limits would set them for good."""
    return sql.startswith(("SELECT", "WITH")) and "set_config" not in sql


def statements_of(path: str) -> int:
    """Return how many statements a page may run."""
    if path == "/admin/":
        return STATEMENTS_OF_HOME
    if "/user/" in path and path.endswith("/change/"):
        return STATEMENTS_OF_PERSON
    if "/client/" in path and path.endswith("/change/"):
        return STATEMENTS_OF_APP
    return STATEMENTS_OF_SEARCH if "q=" in path else STATEMENTS


def rows_touched(sql: str) -> int:
    """Return how many rows PostgreSQL reads for a statement, those it throws away included."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".replace("%", "%%"), [])
        found = cursor.fetchone()[0]
    plan = json.loads(found) if isinstance(found, str) else found
    return touched_by(plan[0]["Plan"])


def touched_by(node: dict[str, Any]) -> int:
    below = node.get("Plans", [])
    own = 0
    if not below:
        removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
        own = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return int(own + sum(map(touched_by, below)))


def instructions(ask: Callable[[], Any]) -> int:
    """Return about how many instructions SQLite runs."""
    counted = 0
    every = 1000

    def count() -> int:
        nonlocal counted
        counted += every
        return 0

    connection.connection.set_progress_handler(count, every)
    ask()
    connection.connection.set_progress_handler(None, 0)
    return counted


def test_a_list_of_everything_would_be_noticed(crowd: InProcess) -> None:
    """What reading a whole table costs is far beyond what pages are allowed."""
    everything = 'SELECT * FROM "idp_event"'

    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute(everything)
            cursor.fetchall()

    if connection.vendor == "postgresql":
        assert rows_touched(everything) > ROWS_READ
    else:
        assert instructions(ask) > INSTRUCTIONS
