"""`manage.py apply`: idempotent, a clear diff, and refusals that name the entry and member."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from idp.models import Client
from tests.relying_party import unique

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
        ({"grant_types": ["implicit"], "response_types": []}, "grant_types: Not offered"),
        ({"response_types": ["token"]}, "response_types: "),
        ({"scope": "openid admin"}, "scope"),
        ({"id_token_signed_response_alg": "none"}, "id_token_signed_response_alg: "),
        ({"default_max_age": "soon"}, "default_max_age: "),
        ({"logo_uri": "javascript:alert(1)"}, "logo_uri: "),
        ({"redirect_uri": "https://rp.example.com/"}, "unknown: redirect_uri"),
        ({"first_party": "yes"}, "first_party: "),
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
        ({"sub": "1"}, "unknown: sub"),
        ({"birthdate": "yesterday"}, "birthdate: "),
        ({"groups": "bakers"}, "groups: "),
        ({"email_verified": "yes"}, "email_verified: "),
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


def test_a_password_is_set_once_and_changed_when_the_file_says_so(tmp_path: Path) -> None:
    entry = {"email": f"{unique('u')}@example.com", "password": "first " * 4}
    run(tmp_path, {"users": [entry]})
    assert User.objects.get(email=entry["email"]).check_password(entry["password"])
    entry["password"] = "second " * 4
    assert "password: '•••' -> '••• (new)'" in run(tmp_path, {"users": [entry]})
    assert User.objects.get(email=entry["email"]).check_password(entry["password"])
