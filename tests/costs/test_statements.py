"""What each request costs: SQL statements, fixed here so that nobody adds one unnoticed."""

import time
from base64 import b64encode
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from idp import keys
from idp.authorization.consent import remember
from idp.declaration import apply
from idp.models import Client, Event
from idp.protocol.authorization_details import texts_of
from idp.protocol.vocabulary import CIBA, DEVICE_CODE
from idp.statements.sso_session import Agreed
from tests import issuers
from tests.assertions import form_of, jwks_of, make_key, sign
from tests.detailing import make_type, payment, text
from tests.devices import make_device_client
from tests.dpop import Prover
from tests.exchanging import ACCESS_TOKEN, EXCHANGE, Shop
from tests.in_process import InProcess
from tests.relying_party import (
    ISSUER,
    Browser,
    Registered,
    RelyingParty,
    make_api,
    make_client,
    make_user,
)
from tests.upstreams import FakeUpstream

POSTGRESQL = connection.vendor == "postgresql"
#: Looking up the client: it may have changed. Where the browser has a session, authorize reads that
#: with it.
CLIENT = 1
#: Storing two rows, which PostgreSQL does at once.
BOTH = 1 if POSTGRESQL else 2
#: Using up a code or a refresh token and reading its grant, which PostgreSQL does at once.
USING_UP = 1 if POSTGRESQL else 2
END = "https://login.example/end"


class Statements(CaptureQueriesContext):
    """The statements of a block; beginnings and ends of transactions are not counted.

    Nor are those that load our keys every few seconds: they are fresh when the block begins.
    """

    def __enter__(self) -> "Statements":
        if keys._current is not None:
            keys._current = keys._load(keys._current)
        return super().__enter__()  # type: ignore[return-value]

    @property
    def sql(self) -> list[str]:
        return [
            query["sql"]
            for query in self.captured_queries
            if query["sql"].split()[0] not in {"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"}
        ]


@pytest.fixture
def statements() -> Statements:
    return Statements(connection)


@pytest.fixture
def in_process() -> InProcess:
    """Django itself, without the network, so that its statements can be seen."""

    return InProcess()


@pytest.fixture
def signed_in(in_process: InProcess) -> RelyingParty:
    """A user signed in at the browser, who has agreed to the client before."""
    user, client = make_user(), make_client()
    user_row = User.objects.get(email=user.email)
    in_process.force_login(user_row)
    remember(
        user_row, Client.objects.get(client_id=client.client_id), Agreed(frozenset({"openid"}))
    )
    return RelyingParty(client, Browser(), user)


def authorized(in_process: InProcess, relying_party: RelyingParty) -> str:
    response = in_process.get("/authorize", relying_party.parameters())
    return relying_party.answer_of(response["Location"]).code or ""


def post(
    in_process: InProcess,
    client: Registered,
    path: str,
    headers: dict[str, str] | None = None,
    **form: str,
):
    basic = b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    return in_process.post(
        path,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"authorization": f"Basic {basic}", **(headers or {})},
    )


def exchange(in_process: InProcess, relying_party: RelyingParty, code: str, **headers: str):
    return post(
        in_process,
        relying_party.client,
        "/token",
        headers,
        grant_type="authorization_code",
        code=code,
        redirect_uri=relying_party.client.redirect_uri,
        code_verifier=relying_party.code_verifier,
    )


def test_authorize(in_process, signed_in, statements) -> None:
    authorized(in_process, signed_in)  # the client is known to this process from here on
    with statements:
        assert authorized(in_process, signed_in)
    assert len(statements.sql) == 2 + BOTH, statements.sql


def test_signing_in_with_a_password_on_the_way_to_a_code(signed_in, statements) -> None:
    """A user who has agreed before, at a browser that is new to them, which a mail tells them."""
    user = {"login": signed_in.user.email, "password": signed_in.user.password}
    for _ in range(2):  # the client is known to this process afterwards
        browser = InProcess()
        with statements:
            page = browser.get("/authorize", signed_in.parameters())["Location"]
            assert browser.get(page).status_code == 200
            back = dict(parse_qsl(urlsplit(page).query))
            answer = browser.post("/account/login/", {**user, **back})
            answer = browser.get(answer["Location"])
    assert "code=" in answer.content.decode()
    assert len(statements.sql) <= 27 + BOTH, statements.sql
    begun = [query for query in statements.captured_queries if query["sql"] == "BEGIN"]
    assert len(begun) <= 4, statements.captured_queries


def test_pushing_a_request_and_authorizing_with_it(in_process, signed_in, statements) -> None:
    authorized(in_process, signed_in)
    for _ in range(2):  # the first use of a secret in a while is noted
        with statements:
            answer = post(in_process, signed_in.client, "/par", **signed_in.parameters())
    assert len(statements.sql) <= 2, statements.sql
    named = {"client_id": signed_in.client.client_id, "request_uri": answer.json()["request_uri"]}
    with statements:
        answer = in_process.get("/authorize", named)
    assert signed_in.answer_of(answer["Location"]).code
    assert len(statements.sql) <= 2 + 2 + BOTH, statements.sql


def test_a_signed_response_costs_no_statement(in_process, signed_in, statements) -> None:
    counts = []
    for mode in (None, "jwt", None, "jwt"):
        with statements:
            answer = in_process.get("/authorize", signed_in.parameters(response_mode=mode))
        counts.append(len(statements.sql))
        assert ("response=" in answer["Location"]) == (mode == "jwt")
    assert counts[2] == counts[3], statements.sql


def test_authorization_details_cost_two_statements_and_tokens_none(
    in_process, signed_in, statements
) -> None:
    """Their types are read to judge them, and to see whether an earlier consent counts."""
    kind = make_type()
    client = make_client(authorization_details_types=[kind])
    detail = payment(kind)
    row = Client.objects.get(client_id=client.client_id)
    agreed = Agreed(frozenset({"openid"}), authorization_details=texts_of([detail]))
    remember(User.objects.get(email=signed_in.user.email), row, agreed)
    party = RelyingParty(client, Browser(), signed_in.user)
    counts = []
    for sent in (None, text(detail), None, text(detail)):
        with statements:
            answer = in_process.get("/authorize", party.parameters(authorization_details=sent))
        asked = len(statements.sql)
        code = party.answer_of(answer["Location"]).code or ""
        with statements:
            tokens = exchange(in_process, party, code).json()
        counts.append((asked, len(statements.sql)))
        assert tokens.get("authorization_details") == ([detail] if sent else None)
    assert counts[3] == (counts[2][0] + 2, counts[2][1]), statements.sql


def test_authorize_where_an_app_is_for_a_group(in_process, signed_in, statements) -> None:
    bakers, _ = Group.objects.get_or_create(name="bakers")
    User.objects.get(email=signed_in.user.email).groups.add(bakers)
    client = Client.objects.get(client_id=signed_in.client.client_id)
    client.allowed_groups = ["bakers"]
    client.save()
    authorized(in_process, signed_in)
    with statements:
        assert authorized(in_process, signed_in)
    assert len(statements.sql) <= 3 + BOTH, statements.sql


def test_authorize_for_a_client_new_to_the_session(in_process, signed_in, statements) -> None:
    RelyingParty(signed_in.client, Browser(), signed_in.user)
    in_process.get("/authorize", signed_in.parameters(prompt="none", max_age="0"))
    with statements:
        assert authorized(in_process, signed_in)
    assert len(statements.sql) <= 5, statements.sql


@pytest.mark.parametrize("subject_type", ["public", "pairwise"])
def test_code_exchange(in_process, statements, subject_type: str) -> None:
    """The subject is read with the code."""
    user, client = make_user(), make_client(subject_type=subject_type, first_party=True)
    in_process.force_login(User.objects.get(email=user.email))
    relying_party = RelyingParty(client, Browser(), user)
    exchange(in_process, relying_party, authorized(in_process, relying_party))
    code = authorized(in_process, relying_party)
    with statements:
        assert exchange(in_process, relying_party, code).status_code == 200
    assert len(statements.sql) == CLIENT + USING_UP + 1, statements.sql


@pytest.mark.parametrize(
    ("scope", "more"),
    [
        ("openid offline_access", 0),
        ("openid profile email address phone", 1),
        ("openid groups", 1),
        ("openid profile groups", 2),
    ],
)
def test_claims_of_scopes_in_the_id_token(in_process, statements, scope: str, more: int) -> None:
    """All columns of the user are read at once, and groups by one more statement."""
    user, client = make_user(groups=["bakers"]), make_client(scope=scope, first_party=True)
    in_process.force_login(User.objects.get(email=user.email))
    relying_party = RelyingParty(client, Browser(), user)
    relying_party.parameters = partial(relying_party.parameters, scope=scope)
    exchange(in_process, relying_party, authorized(in_process, relying_party))
    code = authorized(in_process, relying_party)
    with statements:
        assert exchange(in_process, relying_party, code).status_code == 200
    assert len(statements.sql) == CLIENT + USING_UP + 1 + more, statements.sql


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one way to commit")
def test_only_what_can_be_asked_for_again_does_not_wait_for_the_disk(in_process, signed_in) -> None:
    authorized(in_process, signed_in)
    with transaction.atomic():
        code = authorized(in_process, signed_in)
        assert waits_for_the_disk() == "off"
    with transaction.atomic():
        with connection.execute_wrapper(as_if_alone):
            given = exchange(in_process, signed_in, code)
        assert given.status_code == 200
        # The last one, which stores the tokens, waits: commits get to the disk in order.
        assert waits_for_the_disk() == "on"
    with transaction.atomic():
        own = post(in_process, machine(), "/token", grant_type="client_credentials")
        assert own.status_code == 200
        assert waits_for_the_disk() == "off"
    assert waits_for_the_disk() == "on"


def as_if_alone(execute, sql, parameters, many, context):
    """Begin a statement as a transaction of its own does, which it is where nothing watches."""
    connection.connection.execute("SET LOCAL synchronous_commit TO DEFAULT")
    return execute(sql, parameters, many, context)


def waits_for_the_disk() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return str(cursor.fetchone()[0])


def test_poll_of_a_user_who_was_asked(in_process, statements) -> None:
    user = make_user()
    client = make_client(grant_types=[CIBA], response_types=[], redirect_uris=None)
    hint = {"scope": "openid", "login_hint": user.email}
    asked = post(in_process, client, "/bc-authorize", **hint).json()
    for _ in range(2):  # the client is known to this process at the second
        with statements:
            poll = {"grant_type": CIBA, "auth_req_id": asked["auth_req_id"]}
            assert post(in_process, client, "/token", **poll).status_code == 400
    assert len(statements.sql) == (1 if POSTGRESQL else 2), statements.sql


def test_userinfo(in_process, signed_in, statements) -> None:
    token = exchange(in_process, signed_in, authorized(in_process, signed_in)).json()
    with statements:
        response = in_process.get(
            "/userinfo", headers={"authorization": f"Bearer {token['access_token']}"}
        )
    assert response.status_code == 200
    assert len(statements.sql) == 1, statements.sql


@pytest.mark.parametrize(
    "path",
    ["/jwks", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"],
)
def test_published_documents(in_process, statements, path: str) -> None:
    in_process.get(path)
    with statements:
        assert in_process.get(path).status_code == 200
    assert statements.sql == []


def machine() -> Registered:
    return make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)


def test_client_credentials(in_process, statements) -> None:
    client = machine()
    post(in_process, client, "/token", grant_type="client_credentials")
    with statements:
        response = post(in_process, client, "/token", grant_type="client_credentials")
    assert response.status_code == 200
    assert len(statements.sql) == CLIENT + 1, statements.sql


def test_the_use_of_a_secret_is_noted_by_one_statement(in_process, statements) -> None:
    client = machine()
    with statements:
        post(in_process, client, "/token", grant_type="client_credentials")
    assert sum(sql.startswith('UPDATE "idp_clientsecret"') for sql in statements.sql) == 1
    # Its version, the client, its secrets, this, the token
    assert len(statements.sql) == CLIENT + 4, statements.sql


@pytest.fixture
def offline(in_process, signed_in) -> RelyingParty:
    """The same with a client that gets refresh tokens."""
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], refresh_without_offline_access=True
    )
    user_row = User.objects.get(email=signed_in.user.email)
    remember(
        user_row, Client.objects.get(client_id=client.client_id), Agreed(frozenset({"openid"}))
    )
    return RelyingParty(client, Browser(), signed_in.user)


def refresh(in_process, client: Registered, token: str):
    return post(in_process, client, "/token", grant_type="refresh_token", refresh_token=token)


def test_refresh(in_process, offline, statements) -> None:
    first = exchange(in_process, offline, authorized(in_process, offline)).json()
    with statements:
        response = refresh(in_process, offline.client, first["refresh_token"])
    assert response.status_code == 200
    assert len(statements.sql) == CLIENT + USING_UP + BOTH, statements.sql


def test_a_poll_of_a_device_code_and_its_redemption(in_process, signed_in, statements) -> None:
    exchange(
        in_process, signed_in, authorized(in_process, signed_in)
    )  # keys are known from here on
    client = make_device_client()
    named = {"client_id": client.client_id}
    form = "application/x-www-form-urlencoded"

    def ask(path: str, **more: str):
        return in_process.post(path, urlencode({**named, **more}), content_type=form)

    codes = ask("/device_authorization", scope="openid").json()
    poll = partial(ask, "/token", grant_type=DEVICE_CODE, device_code=codes["device_code"])
    errors = [poll().json()["error"]]
    with statements:
        errors.append(poll().json()["error"])
    assert errors == ["authorization_pending", "slow_down"]
    assert len(statements.sql) == BOTH, statements.sql
    shown_as = Client.objects.get(client_id=client.client_id).display_fingerprint
    page = codes["verification_uri_complete"].removeprefix(ISSUER)
    approved = in_process.post(page, {"shown_as": shown_as, "answer": "approve"})
    assert b"Look at your device" in approved.content
    with statements:
        assert poll().status_code == 200
    assert len(statements.sql) == BOTH + USING_UP + BOTH, statements.sql


def test_token_exchange(in_process, statements) -> None:
    """The first one for an API is an event; with an actor token, it costs no more."""
    shop = Shop()
    in_process.force_login(User.objects.get(email=make_user().email))
    app = RelyingParty(shop.client, Browser(), make_user())
    asked = {"scope": f"openid {shop.order}", "resource": shop.orders["identifier"]}
    app.parameters = partial(app.parameters, **asked)
    token = exchange(in_process, app, authorized(in_process, app)).json()["access_token"]
    backend = shop.backend.client
    own = post(in_process, backend, "/token", grant_type="client_credentials").json()
    form = {
        "grant_type": EXCHANGE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "actor_token": own["access_token"],
        "actor_token_type": ACCESS_TOKEN,
        "resource": shop.stock["identifier"],
    }
    for event in (1, 0):
        with statements:
            response = post(in_process, backend, "/token", **form)
        assert response.status_code == 200, response.content
        assert len(statements.sql) == CLIENT + 2 + event, statements.sql


@pytest.mark.parametrize("kind", ["access_token", "refresh_token", "id_token"])
def test_introspection_by_its_own_client(in_process, offline, statements, kind: str) -> None:
    tokens = exchange(in_process, offline, authorized(in_process, offline)).json()
    with statements:
        response = post(in_process, offline.client, "/introspect", token=tokens[kind])
    assert response.json()["active"] == (kind != "id_token")
    assert len(statements.sql) <= CLIENT + 2, statements.sql


def test_introspection_by_an_api(in_process, statements) -> None:
    caller = machine()
    api = make_api(introspection_clients=[caller.client_id])
    asking = make_client(
        grant_types=["client_credentials"],
        response_types=[],
        redirect_uris=None,
        scope=api["scopes"][0],
    )
    form = {"grant_type": "client_credentials", "resource": api["identifier"]}
    token = post(in_process, asking, "/token", **form).json()["access_token"]
    post(in_process, caller, "/introspect", token="x")
    with statements:
        response = post(in_process, caller, "/introspect", token=token)
    assert response.json()["active"]
    assert len(statements.sql) <= CLIENT + 2, statements.sql


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("secret", ["plain-" * 8, "100%25+" * 8])
def test_a_wrong_secret_costs_its_counting_and_its_event(
    in_process, statements, method: str, secret: str
) -> None:
    """However its header can be read, and whichever way the client was registered for."""
    client = make_client(
        grant_types=["client_credentials"],
        response_types=[],
        redirect_uris=None,
        client_secret=secret,
        token_endpoint_auth_method=method,
    )
    form = {"grant_type": "client_credentials"}
    assert post(in_process, client, "/token", **form).status_code == 200
    wrong = Registered(client.client_id, secret + "x", {})
    assert post(in_process, wrong, "/token", **form).status_code == 401
    with statements:
        assert post(in_process, wrong, "/token", **form).status_code == 401
    of_clients = [sql for sql in statements.sql if "idp_client" in sql]
    assert len(of_clients) == CLIENT, of_clients
    assert len(statements.sql) <= CLIENT + 4, statements.sql


@pytest.mark.parametrize("wrong", ["", "x"])
def test_a_secret_with_colons_costs_two_more_right_or_wrong(
    in_process, statements, wrong: str
) -> None:
    client = make_client(
        grant_types=["client_credentials"],
        response_types=[],
        redirect_uris=None,
        client_secret="a:b:c-" * 8,
    )
    sent = Registered(client.client_id, f"{client.secret}{wrong}", {})
    form = {"grant_type": "client_credentials"}
    post(in_process, sent, "/token", **form)
    with statements:
        answer = post(in_process, sent, "/token", **form)
    assert answer.status_code == (401 if wrong else 200)
    of_clients = [sql for sql in statements.sql if "idp_client" in sql and "INSERT" not in sql]
    assert len(of_clients) == CLIENT + 2, of_clients


@pytest.mark.parametrize("apps", [1, 30])
def test_an_owners_apps_with_their_errors(in_process, statements, apps: int) -> None:
    owner = User.objects.get(email=make_user().email)
    for _ in range(apps):
        client_id = make_client().client_id
        Client.objects.filter(client_id=client_id).update(user=owner)
        Event.objects.bulk_create(
            Event(kind="denied", client_id=client_id, error="invalid_grant") for _ in range(25)
        )
    in_process.force_login(owner)
    in_process.get("/developers/apps/")
    with statements:
        page = in_process.get("/developers/apps/")
    assert page.content.count(b"?reference=") == 20 * min(apps, 20)
    assert len(statements.sql) <= 5, statements.sql


def test_the_story_of_a_reference(in_process, statements) -> None:
    owner = User.objects.get(email=make_user().email)
    client_id = make_client().client_id
    Client.objects.filter(client_id=client_id).update(user=owner)
    event = Event.objects.create(kind="denied", client_id=client_id)
    in_process.force_login(owner)
    in_process.get("/developers/")  # the first visit notes whether they stay signed in
    counts = []
    for reference in (event.reference, "2222-2222"):
        with statements:
            in_process.get("/developers/errors/invalid_request", {"reference": reference})
        counts.append(len(statements.sql))
    assert counts[0] <= 4, statements.sql
    assert counts[1] == 3, statements.sql


def test_more_apps_cost_no_more_statements(in_process, statements) -> None:
    user = make_user()
    user_row = User.objects.get(email=user.email)
    in_process.force_login(user_row)
    counts = []
    for number in range(6):
        client = make_client(logo_uri=f"https://rp.example.com/{number}.png")
        row = Client.objects.get(client_id=client.client_id)
        remember(user_row, row, Agreed(frozenset({"openid", "profile"})))
        with statements:
            page = in_process.get("/account/apps/")
        counts.append(len(statements.sql))
    assert page.content.count(b"<h2") >= 6
    assert counts[-1] == counts[1], statements.sql


def test_dpop_costs_one_statement_at_most(in_process, signed_in, statements) -> None:
    """The use of a proof is remembered, which Redis does without a statement."""
    remembering = 0 if settings.CACHES["default"]["BACKEND"].endswith("RedisCache") else 1
    prover, counts = Prover(), []
    for _ in range(2):  # the first use of a secret in a while is noted
        for headers in ({}, {"dpop": prover.proof()}):
            code = authorized(in_process, signed_in)
            with statements:
                answer = exchange(in_process, signed_in, code, **headers).json()
            counts.append(len(statements.sql))
    assert counts[-1] == counts[-2] + remembering, statements.sql
    token = answer["access_token"]
    assert answer["token_type"] == "DPoP"
    proof = prover.proof("/userinfo", "GET", token)
    with statements:
        shown = in_process.get(
            "/userinfo", headers={"authorization": f"DPoP {token}", "dpop": proof}
        )
    assert shown.status_code == 200
    assert len(statements.sql) == 1 + remembering, statements.sql


def test_a_workload_costs_one_statement_more_than_a_key(in_process, statements) -> None:
    """The row of its issuer, which may have been disabled; its keys are cached."""
    key, name = make_key(), "https://cluster.example"
    declare = {"issuer": name, "purposes": ["workloads"], "jwks": jwks_of(key)}
    apply({"trusted_issuers": [declare]}, dry_run=False)
    workloads = [{"issuer": name, "subject": "a:b:c"}]
    client = issuers.machine(workloads=workloads, scope=make_api()["scopes"][0])

    def ask():
        now = int(time.time())
        claims = {"iss": name, "sub": "a:b:c", "aud": ISSUER, "exp": now + 60}
        form = {"client_id": client.client_id, **form_of(sign(claims, key))}
        return in_process.post(
            "/token",
            urlencode({"grant_type": "client_credentials", **form}),
            content_type="application/x-www-form-urlencoded",
        )

    assert ask().status_code == 200  # recorded once an hour
    with statements:
        assert ask().status_code == 200
    assert len(statements.sql) == CLIENT + 1 + 1, statements.sql


def test_signing_in_at_an_upstream_and_out(foreign_site, statements) -> None:
    """A known user's second sign-in; what the upstream says of itself is known to the process."""
    upstream = FakeUpstream(foreign_site, {"trusts_email": True}, {"end_session_endpoint": END})
    begin = f"/account/upstream/{upstream.row.slug}/"
    for _ in range(2):
        browser = InProcess()
        with statements:
            answer = browser.get(begin, headers={"sec-fetch-site": "none"})
        begun = list(statements.sql)
        asked = dict(parse_qsl(urlsplit(answer["Location"]).query))
        upstream.grants(upstream.issuer.token(upstream.subject, **upstream.claims(asked)))
        with statements:
            answer = browser.get(f"{begin}callback", {"code": "a", "state": asked["state"]})
        signed_in = list(statements.sql)
        assert answer["Location"] == "/account/"
        assert browser.get("/account/").status_code == 200
        with statements:
            answer = browser.post("/account/logout/")
            answer = browser.get(answer["Location"])
        assert "Also sign out at" in answer.content.decode()
    assert len(begun) <= 5, begun  # the limit of one IP address, and a browser session
    assert len(signed_in) <= 28, signed_in  # of them ten for Django's sessions, one for a mail
    assert len(statements.sql) <= 15, statements.sql
