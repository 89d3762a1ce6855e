"""`manage.py apply`: whatever a file says is made or refused in words, and nothing else happens."""

import datetime
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from idp import client_metadata
from idp.declaration import DeclarationError, apply, export
from idp.declaration.file import read

MEMBERS = {
    "users": (
        *("email", "password", "email_verified", "groups", "is_active", "is_staff", "address"),
        *("is_superuser", "name", "birthdate", "picture", "phone_number_verified", "locale"),
    ),
    "clients": ("client_id", "client_secret", "owner", *client_metadata.BY_NAME),
    "resource_servers": (
        *("identifier", "name", "scopes", "access_token_format", "access_token_signing_alg"),
        *("access_token_lifetime", "access_token_encryption_alg", "encryption_jwk"),
        *("encryption_secret", "introspection_clients"),
    ),
    "scopes": ("name", "description"),
    "initial_access_tokens": (
        *(
            "name",
            "token",
            "expires_at",
            "max_uses",
            "grant_types",
            "scope",
            "redirect_hosts",
            "logos",
        ),
    ),
}
PLAUSIBLE = st.sampled_from(
    [
        *("", "x", "x" * 40, "x" * 400, "k" * 32, "\0", "\ud800", "é", "\n", "{", "1" * 70),
        *("ana@example.com", "https://api.example.com", "https://[", "https://" + "h" * 400),
        *("http://127.0.0.1/cb", "com.example.app:/cb", "https://a.example/cb#f", "//a"),
        *("openid", "openid email", "bread.read", "authorization_code", "client_credentials"),
        *("refresh_token", "code", "none", "native", "compatible", "client_secret_post"),
        *("dir", "RSA-OAEP-256", "ECDH-ES", "jwt", "opaque", "ES256", "2027-01-01"),
        *("2027-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1985-03-12", "localhost"),
        {"env": "PATH"},
        {"env": "SIGNET_THERE_IS_NO_SUCH_VARIABLE"},
        {"env": "a=\0"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "k": "AA"},
        {"country": "Portugal"},
        *([], {}, None, True, False, 0, 1, -1, 600, 2**31, 2**63, 10**400, 1.5),
        *(float("nan"), float("inf"), b"bytes", {1: 2}, {"a": {1}}, [[]], [None]),
        datetime.date(2027, 1, 1),
        datetime.datetime(2027, 1, 1),
        datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime.max.replace(tzinfo=datetime.timezone(-datetime.timedelta(hours=5))),
    ]
)
VALUES = st.recursive(
    PLAUSIBLE | st.text(max_size=20) | st.integers() | st.floats() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)


def entries(members: tuple[str, ...]) -> st.SearchStrategy[list[Any]]:
    key, *others = members
    anything = st.dictionaries(st.sampled_from(others) | st.text(max_size=5), VALUES, max_size=5)
    keyed = st.builds(lambda value, rest: {key: value, **rest}, PLAUSIBLE | st.text(), anything)
    return st.lists(keyed | VALUES, max_size=3)


#: A sound entry of each list, for one member of it to be replaced.
SOUND: dict[str, dict[str, Any]] = {
    "users": {"email": "fuzz@example.com"},
    "clients": {
        "client_id": "fuzz",
        "client_secret": "x" * 40,
        "redirect_uris": ["https://rp.example.com/callback"],
    },
    "resource_servers": {"identifier": "https://fuzz.example.com"},
    "scopes": {"name": "fuzz.scope"},
    "initial_access_tokens": {"name": "fuzz", "token": "x" * 40},
}


def made_or_refused(declaration: Any) -> None:
    """Apply and undo; what was made must be the same the second time, and be exported."""
    with transaction.atomic():
        with suppress(DeclarationError):
            apply(declaration, dry_run=False)
            assert apply(declaration, dry_run=False) == []
            "".join(export())
        transaction.set_rollback(True)


@MANY
@given(VALUES)
@example({"users": [], 1: []})
@example({None: []})
def test_a_file_of_anything(declaration: Any) -> None:
    made_or_refused(declaration)


@MANY
@given(st.fixed_dictionaries({}, optional={name: entries(m) for name, m in MEMBERS.items()}))
def test_lists_of_anything(declaration: Any) -> None:
    made_or_refused(declaration)


@pytest.mark.parametrize("name", SOUND)
@MANY
@given(st.data())
def test_one_odd_member_in_a_sound_entry(name: str, data: st.DataObject) -> None:
    odd = data.draw(st.dictionaries(st.sampled_from(MEMBERS[name]), VALUES, max_size=3))
    made_or_refused({name: [{**SOUND[name], **odd}]})


@MANY
@given(
    st.text(max_size=60)
    | st.text(alphabet="{}[]:,-&*!<|>?#'\" \n\tab01", max_size=40)
    | st.sampled_from(
        [
            *("[" * 100_000, '{"a":' * 100_000, "users: " + "[" * 60, "- " * 5000),
            *("users: &a [*a]", "users: !!int ''", "users: !!bool x", "users: !!timestamp x"),
            *("users: 2027-02-31", "? [a]\n: b", "users: !!binary x", '{"a": 1e999}', "{a: b}"),
            '{"a": ' + "1" * 5000 + "}",
        ]
    ),
)
def test_text_of_anything(tmp_path: Path, text: str) -> None:
    path = tmp_path / "declaration.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with suppress(DeclarationError):
        made_or_refused(read(path))
