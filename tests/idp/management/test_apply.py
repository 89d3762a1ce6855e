"""`manage.py apply`: idempotent, a clear diff, and refusals that name the entry and member."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import Ending
from idp.clients import fapi2
from idp.events import Kind
from idp.models import Client, Event
from tests.assertions import make_key
from tests.relying_party import unique, was_mailed

SECRET = "x" * 40


def run(tmp_path: Path, declaration: object, *flags: str) -> str:
    path = tmp_path / "declaration.json"
    path.write_text(declaration if isinstance(declaration, str) else json.dumps(declaration))
    output = StringIO()
    call_command("apply", str(path), *flags, stdout=output)
    return output.getvalue()


def client(**changes: object) -> dict[str, object]:
    return {
        "client_id": unique("client"),
        "client_secret": SECRET,
        "redirect_uris": ["https://rp.example.com/callback"],
        **changes,
    }


def test_the_second_time_changes_nothing(tmp_path: Path) -> None:
    declaration = {
        "users": [{"email": f"{unique('u')}@example.com", "password": "p" * 15, "groups": ["a"]}],
        "clients": [client()],
    }
    assert "2 added, 0 changed, 0 removed." in run(tmp_path, declaration)
    assert run(tmp_path, declaration) == "Nothing changed.\n"


def test_the_demo_is_sound(tmp_path: Path) -> None:
    demo = Path("examples/demo.yaml").read_text()
    run(tmp_path, demo)
    assert run(tmp_path, demo) == "Nothing changed.\n"


def test_the_clients_of_the_fapi_suite_meet_their_profile(tmp_path: Path) -> None:
    text = Path("examples/fapi2/conformance.yaml").read_text()
    for name in ("FIRST", "SECOND"):
        key = make_key().export_public(as_dict=True)
        text = text.replace(f"{name}-X", key["x"]).replace(f"{name}-Y", key["y"])
    run(tmp_path, text)
    with_certificate = (
        "    token_endpoint_auth_method: tls_client_auth\n"
        "    tls_client_auth_subject_dn: CN=fapi2-1,O=Example\n"
    )
    other = text.replace("    token_endpoint_auth_method: private_key_jwt\n", with_certificate)
    other = other.replace(
        "dpop_bound_access_tokens: true", "tls_client_certificate_bound_access_tokens: true"
    )
    for variant in (text, other):
        run(tmp_path, variant)
        clients = Client.objects.filter(client_id__in=("fapi2-1", "fapi2-2"))
        assert [fapi2.unmet(client) for client in clients] == [[], []]
    clients.delete()


def test_a_change_is_shown_with_before_and_after_and_no_secret(tmp_path: Path) -> None:
    entry = client()
    run(tmp_path, {"clients": [entry]})
    entry |= {"client_name": "Bakery", "client_secret": "y" * 40}
    output = run(tmp_path, {"clients": [entry]})
    assert f"~ client {entry['client_id']}" in output
    assert "client_name: '' -> 'Bakery'" in output
    assert "client_secret: '•••' -> '••• (new)'" in output
    assert "yyyy" not in output


def test_a_dry_run_says_the_same_and_does_nothing(tmp_path: Path) -> None:
    entry = client()
    assert f"+ client {entry['client_id']}" in run(tmp_path, {"clients": [entry]}, "--dry-run")
    assert not Client.objects.filter(client_id=entry["client_id"]).exists()


def test_one_bad_entry_undoes_the_others(tmp_path: Path) -> None:
    good, bad = client(), client(redirect_uris=["http://rp.example.com/"])
    with pytest.raises(CommandError, match=f"client {bad['client_id']}: redirect_uris: "):
        run(tmp_path, {"clients": [good, bad]})
    assert not Client.objects.filter(client_id=good["client_id"]).exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"client_secret": "short"}, "client_secret needs 32"),
        ({"client_secret": 7}, "client_secret has to be a text"),
        ({"client_secret": None}, "client_secret is missing"),
        ({"token_endpoint_auth_method": "none"}, "there is no client_secret"),
        ({"token_endpoint_auth_method": "magic"}, "token_endpoint_auth_method: "),
        ({"redirect_uris": []}, "redirect_uris: The authorization_code grant needs"),
        ({"redirect_uris": "https://rp.example.com/"}, "redirect_uris: "),
        ({"redirect_uris": [7]}, "redirect_uris: "),
        ({"redirect_uris": ["https://rp.example.com/#x"]}, "fragment"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "not allowed"),
        ({"grant_types": ["magic"], "response_types": []}, "grant_types: Not offered"),
        ({"grant_types": ["implicit"], "response_types": []}, "response_types: "),
        ({"response_types": ["token"]}, "response_types: "),
        ({"response_types": ["code", "code token"], "profile": "compatible"}, "response_types: "),
        (
            {"grant_types": ["implicit"], "response_types": ["token"], "profile": "recommended"},
            "grant_types: The profile recommended is without implicit",
        ),
        (
            {"grant_types": ["password"], "response_types": [], "profile": "recommended"},
            "grant_types: The profile recommended is without password",
        ),
        (
            {
                "grant_types": ["implicit"],
                "response_types": ["token id_token"],
                "profile": "compatible",
                "redirect_uris": ["http://localhost:8001/callback"],
            },
            "redirect_uris: http://localhost:8001/callback: It starts with http://",
        ),
        ({"scope": "openid admin"}, "scope"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg: "),
        ({"default_max_age": "soon"}, "default_max_age: "),
        ({"logo_uri": "javascript:alert(1)"}, "logo_uri: "),
        ({"redirect_uri": "https://rp.example.com/"}, "unknown: redirect_uri"),
        ({"first_party": "yes"}, "first_party: "),
        ({"default_max_age": True}, "default_max_age: "),
        ({"scope": ["openid"]}, "scope: "),
        ({"scope": "openid admin"}, r": scope: Not offered here: admin\."),
        ({"client_name": "x" * 256}, "client_name: "),
        ({"allowed_origins": ["https://app.example.com/path"]}, "allowed_origins: "),
        ({"allowed_origins": ["app.example.com"]}, "allowed_origins: "),
        ({"redirect_uris": [f"https://{'x' * 300}.example.com/"]}, "redirect_uris: .*too long"),
        ({"owner": 7}, "owner: "),
        ({"allowed_groups": "bakers"}, "allowed_groups: "),
        ({"allowed_groups": [""]}, "allowed_groups: A group's name has"),
        ({"access_token_lifetime": 86401}, "access_token_lifetime: "),
        ({"refresh_token_idle_lifetime": 59}, "refresh_token_idle_lifetime: "),
    ],
)
def test_bad_client_metadata_is_refused_by_name(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        run(tmp_path, {"clients": [client(**changes)]})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"email": "nobody"}, "email: "),
        ({"nickname": "x" * 101}, "nickname: "),
        ({"profile": "javascript:alert(1)"}, "profile: "),
        ({"address": {"planet": "Earth"}}, "address"),
        ({"address": "Earth"}, "address"),
        ({"sub": 1}, "sub: This has to be a text"),
        ({"sub": "ü"}, "sub: A subject has 1 to 255 characters of ASCII"),
        ({"sub": "x" * 256}, "sub: A subject has 1 to 255 characters of ASCII"),
        ({"password_hash": "{MD5}XrY7u+Ae7tCTyyK7j1rNww=="}, "password_hash: It has no salt"),
        ({"password": "p" * 20, "password_hash": "$2b$05$x"}, "password_hash: Declare this or"),
        ({"birthdate": "yesterday"}, "birthdate: "),
        ({"groups": "bakers"}, "groups: "),
        ({"email_verified": "yes"}, "email_verified: "),
        ({"groups": [""]}, "groups: "),
        ({"groups": ["x" * 151]}, "groups: "),
        ({"address": {"country": 7}}, "address: "),
        ({"password": ""}, "password is empty"),
        ({"is_active": "no"}, "is_active: "),
    ],
)
def test_bad_claims_are_refused_by_name(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        run(tmp_path, {"users": [{"email": f"{unique('u')}@example.com", **changes}]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "users: {}",
        "clients: [1]",
        "clients: [{}]",
        "cleints: []",
        "{",
        "users: [email: x]",
        "\0",
    ],
)
def test_files_that_say_something_else(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError):
        run(tmp_path, text)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("apply", "nowhere.yaml")


def test_a_subject_is_given_once_and_to_nobody_else(tmp_path: Path) -> None:
    """OIDC Core §2: case differs. RFC 9068 §5: no user's subject is a client ID."""
    ana, ben = ({"email": f"{unique('u')}@example.com"} for _ in range(2))
    sub, app = unique("auth0|Ab c"), client()
    assert f"sub: '{sub}'" in run(tmp_path, {"users": [{**ana, "sub": sub}], "clients": [app]})
    assert User.objects.get(sub=sub).email == ana["email"]
    assert "Nothing changed" in run(tmp_path, {"users": [{**ana, "sub": sub}]})
    for declared, says in (
        ([{**ana, "sub": f"{sub}x"}], f"sub: It is {re.escape(sub)}. A subject never changes"),
        ([{**ben, "sub": sub}], "sub: Another user has this subject"),
        ([{**ben, "sub": app["client_id"]}], "sub: An app has this client ID"),
        ([{**ana, "sub": sub}, {**ben, "sub": sub}], "sub: Two users of the file"),
    ):
        with pytest.raises(CommandError, match=says):
            run(tmp_path, {"users": declared})
    for subject in (sub, new := unique("moved")):
        users = [{**ben, "sub": new}] if subject == new else []
        with pytest.raises(CommandError, match="client_id: A user has this subject"):
            run(tmp_path, {"users": users, "clients": [{**client(), "client_id": subject}]})
    run(tmp_path, {"users": [{**ben, "sub": sub.swapcase()}]})
    assert User.objects.get(sub=sub.swapcase()).email == ben["email"]
    assert User.objects.get(sub=sub).email == ana["email"]


def test_a_password_is_set_once_and_changed_when_the_file_says_so(tmp_path: Path) -> None:
    entry = {"email": f"{unique('u')}@example.com", "password": "first " * 4}
    run(tmp_path, {"users": [entry]})
    assert User.objects.get(email=entry["email"]).check_password(entry["password"])
    entry["password"] = "second " * 4
    assert "password: '•••' -> '••• (new)'" in run(tmp_path, {"users": [entry]})
    assert User.objects.get(email=entry["email"]).check_password(entry["password"])
    assert was_mailed(entry["email"], "set another password")


def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    first, second = client(logo_uri="x"), client(client_secret=None)
    email = f"{unique('u')}@example.com"
    users = [{"email": email, "birthdate": "1985"}, {"email": "nobody"}]
    with pytest.raises(CommandError) as refused:
        run(tmp_path, {"users": users, "clients": [first, second]})
    problems = str(refused.value).splitlines()
    assert [problem.partition(":")[0] for problem in problems] == [
        "user nobody",
        f"client {first['client_id']}",
        f"client {second['client_id']}",
    ]
    assert not User.objects.filter(email=email).exists()


#: A few lines that mean 8 to the power of 8 values.
MANY_BY_ALIASES = (
    "{email: a@example.com, address: {a0: &a0 x, "
    + ", ".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 8)}]" for level in range(1, 9)
    )
    + "}}"
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("users: [{email: a@example.com}, {email: ' A@example.com'}]", "in the file 2 times"),
        ("clients: [{client_id: a}, {client_id: a}]", "client a: It is in the file 2 times"),
        ("clients: []\nusers: []\nclients: []", "the member clients is there twice"),
        ('{"clients": [], "clients": []}', "the member clients is there twice"),
        ("clients: [{client_id: a, client_secret: b, client_secret: c}]", "client_secret is there"),
        ("users: [{email: a@example.com, birthdate: 1985-03-12}]", "in quotes"),
        ("clients:\n- client_id: a\n  client_name: 'b\n", "line "),
        ("clients:", "clients has to be a list"),
        (f"users: [{MANY_BY_ALIASES}]", "aliases"),
        ("users: [{email: a@example.com, address: &a {x: *a}}]", "nested too deeply"),
    ],
)
def test_what_would_be_misunderstood_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "users: [{email: a@example.com, password: 4815162342}]",
        "users: [{email: a@example.com, password: [4815162342]}]",
        "users: [{email: a@example.com, password: *4815162342}]",
        "users: [{email: a@example.com, password: !4815162342 x}]",
        "clients: [{client_id: a, client_secret: 4815162342}]",
        "clients: [{client_id: a, client_secret: '4815162342}]",
        "initial_access_tokens: [{name: a, token: '4815162342'}]",
        '{"clients": [{"client_id": "a", "client_secret": "4815162342]}',
    ],
)
def test_a_refusal_quotes_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(tmp_path, text)
    assert "4815162342" not in str(refused.value)


def test_a_secret_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAKERY_SECRET", SECRET)
    entry = client(client_secret={"env": "BAKERY_SECRET"})
    assert SECRET not in run(tmp_path, {"clients": [entry]})
    assert run(tmp_path, {"clients": [{**entry, "client_secret": SECRET}]}) == "Nothing changed.\n"
    for secret, says in {
        "NO_SUCH_VARIABLE": "client_secret: The environment variable NO_SUCH_VARIABLE is not set",
        7: "client_secret has to be a text, or {env: NAME}",
    }.items():
        with pytest.raises(CommandError, match=f"client {entry['client_id']}: {says}"):
            run(tmp_path, {"clients": [{**entry, "client_secret": {"env": secret}}]})


def test_an_owner_is_declared_in_the_same_file(tmp_path: Path) -> None:
    email = f"{unique('u')}@example.com"
    entry = client(owner=email.upper())
    declaration = {"clients": [entry], "users": [{"email": email}]}
    assert f"owner: '{email}'" in run(tmp_path, declaration)
    assert run(tmp_path, declaration) == "Nothing changed.\n"
    assert Client.objects.get(client_id=entry["client_id"]).user.email == email
    with pytest.raises(CommandError, match=r"owner: No user has the address nobody@example\.com"):
        run(tmp_path, {"clients": [{**entry, "owner": "nobody@example.com"}]})
    del entry["owner"]
    assert f"owner: '{email}' -> ''" in run(tmp_path, {"clients": [entry]})


def test_lists_and_mappings_show_what_came_and_went(tmp_path: Path) -> None:
    a, b, c = (f"https://{host}.example.com/cb" for host in "abc")
    entry = client(redirect_uris=[a, b], scope="openid email", contacts=["x", "y"])
    address = {"country": "Portugal", "locality": "Lisboa"}
    user = {"email": f"{unique('u')}@example.com", "address": address, "groups": ["a"]}
    run(tmp_path, {"users": [user], "clients": [entry]})
    entry |= {"redirect_uris": [b, c], "scope": "openid phone", "contacts": ["y", "x"]}
    user |= {"address": {"country": "Brasil", "region": "São Paulo"}, "groups": ["a", "b"]}
    output = run(tmp_path, {"users": [user], "clients": [entry]})
    assert [line.strip() for line in output.splitlines()] == [
        f"~ user {user['email']}",
        "address: + region: 'São Paulo' ~ country: 'Portugal' -> 'Brasil' - locality",
        "groups: + b",
        f"~ client {entry['client_id']}",
        f"redirect_uris: + {c} - {a}",
        "scope: + phone - email",
        "contacts: in another order",
        "0 added, 2 changed, 0 removed.",
    ]


def test_the_last_line_counts(tmp_path: Path) -> None:
    declaration = {"clients": [client()]}
    assert run(tmp_path, declaration, "--dry-run").endswith("1 to add, 0 to change, 0 to remove.\n")
    assert run(tmp_path, declaration).endswith("1 added, 0 changed, 0 removed.\n")
    assert run(tmp_path, declaration, "--dry-run") == "Nothing to change.\n"


def test_every_change_is_an_event_without_secrets(tmp_path: Path) -> None:
    entry = client()
    name = f"client {entry['client_id']}"
    run(tmp_path, {"clients": [entry]}, "--dry-run")
    assert not Event.objects.filter(target=name).exists()
    run(tmp_path, {"clients": [entry]})
    run(tmp_path, {"clients": [{**entry, "client_secret": "y" * 40, "client_name": "Bakery"}]})
    run(tmp_path, {"clients": [{**entry, "client_secret": "y" * 40, "client_name": "Bakery"}]})
    created, changed = Event.objects.filter(target=name).order_by("id")
    assert (created.kind, changed.kind) == (Kind.CREATED, Kind.CHANGED)
    assert created.details["by"] == "apply"
    assert {created.client_id, changed.client_id} == {entry["client_id"]}
    assert created.details["changes"]["client_secret"] == ["•••", "••• (new)"]
    assert changed.details["changes"] == {
        "client_name": ["", "Bakery"],
        "client_secret": ["•••", "••• (new)"],
    }


def test_a_refused_file_is_no_event(tmp_path: Path) -> None:
    good, bad = client(), client(logo_uri="x")
    with pytest.raises(CommandError):
        run(tmp_path, {"clients": [good, bad]})
    assert not Event.objects.filter(target=f"client {good['client_id']}").exists()


def test_disabling_a_user_ends_their_sessions(tmp_path: Path) -> None:
    entry = {"email": f"{unique('u')}@example.com"}
    run(tmp_path, {"users": [entry]})
    user_row = User.objects.get(email=entry["email"])
    now = timezone.now()
    session = Session.objects.create(user=user_row, authenticated_at=now, last_seen_at=now)
    run(tmp_path, {"users": [{**entry, "is_active": False}]}, "--dry-run")
    session.refresh_from_db()
    assert session.ended_at is None
    run(tmp_path, {"users": [{**entry, "is_active": False}]})
    session.refresh_from_db()
    assert session.ending == Ending.ACCOUNT_DISABLED
    assert "is_active: False -> True" in run(tmp_path, {"users": [entry]})


def test_whoever_began_a_sign_up_does_not_get_an_operators_account(tmp_path: Path) -> None:
    """The stranger knows the password of an account whose address they could not prove."""
    email = f"{unique('u')}@example.com"
    stranger = User.objects.create_user(email, "the stranger's password", self_registered=True)
    stranger.set_email(email, verified=False)
    assert f"+ user {email}" in run(tmp_path, {"users": [{"email": email, "email_verified": True}]})
    user_row = User.objects.get(email=email)
    assert user_row.sub != stranger.sub
    assert not user_row.has_usable_password()


def test_an_address_that_is_anothers_second_one(tmp_path: Path) -> None:
    first, second = (f"{unique('u')}@example.com" for _ in range(2))
    run(tmp_path, {"users": [{"email": first}]})
    EmailAddress.objects.create(
        user=User.objects.get(email=first), email=second, verified=True, primary=False
    )
    with pytest.raises(CommandError, match=f"user {second}: email: "):
        run(tmp_path, {"users": [{"email": second, "email_verified": True}]})
