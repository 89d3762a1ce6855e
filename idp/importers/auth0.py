"""Users and applications of an Auth0 tenant, as its exports and its Management API have them."""

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from idp.importers.json_files import json_list
from idp.importers.members import (
    application_type_of,
    attribute_name,
    exact_uris,
    filled,
    mapping,
    mappings,
    text,
    texts,
)
from idp.importers.reading import CHUNK, Broken, json_lines, opened
from idp.importers.source import Options, Row, Unreadable
from idp.protocol.vocabulary import DEVICE_CODE

_CLAIMS = ("name", "given_name", "family_name", "nickname", "picture", "phone_number")
#: Algorithms of `custom_password_hash` whose value says all by itself.
_WHOLE = frozenset({"argon2", "bcrypt", "ldap", "pbkdf2"})
_GRANTS = frozenset({"authorization_code", "refresh_token", "client_credentials", DEVICE_CODE})
_LIST = re.compile(rb"\s*\[\s*\{")
_METHODS = frozenset({"none", "client_secret_post", "client_secret_basic"})


class Auth0:
    """A tenant of Auth0."""

    name: ClassVar[str] = "auth0"
    help: ClassVar[str] = "users that Auth0 exported, a JSON object on each line"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file of applications."""
        parser.add_argument(
            "--clients",
            type=Path,
            metavar="FILE",
            help="a JSON list of the applications (GET /api/v2/clients)",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield applications and users. Raises UnusableFileError."""
        if clients := options.own.get("clients"):
            for number, client in json_list(clients):
                if isinstance(client, Broken):
                    yield Unreadable(number, "clients", client)
                elif client.get("global") is not True:  # the tenant's own
                    yield _client(number, client)
        for number, user in _people(options):
            yield (
                Unreadable(number, "users", user)
                if isinstance(user, Broken)
                else _person(number, user)
            )


def _people(options: Options) -> Iterator[tuple[int, dict[str, Any] | Broken]]:
    """Yield users of an export, an object a line; or of a file for Auth0's import, one list."""
    with opened(options.path) as file:
        is_list = _LIST.match(file.peek(CHUNK)) is not None
    if is_list:
        return json_list(options.path, tell=options.reached.tell)
    return json_lines(options.path, options.reached.tell)


def _subject(user: dict[str, Any]) -> str:
    """Return the subject. That of Auth0's own users begins with `auth0|`, which its import adds."""
    oid = mapping(user.get("_id")).get("$oid")  # in exports with hashes
    found = text(user.get("user_id")) or text(oid)
    return found if "|" in found or not found else f"auth0|{found}"


def _person(number: int, user: dict[str, Any]) -> Row:
    notes: list[str] = []
    metadata = mapping(user.get("user_metadata"))
    entry: dict[str, Any] = {
        "email": text(user.get("email")),
        "sub": _subject(user),
        "email_verified": user.get("email_verified") is True,
        "is_active": user.get("blocked") is not True,
        "preferred_username": text(user.get("username")),
        "phone_number_verified": user.get("phone_verified") is True or None,
        "password_hash": _hash(user, notes),
        "attributes": {
            attribute_name(name): it
            for name, it in metadata.items()
            if isinstance(it, str | int | float | bool)
        },
        **{name: text(user.get(name)) for name in _CLAIMS},
    }
    if user.get("multifactor") or user.get("mfa_factors"):
        notes.append("The second factor is not taken: it is set up anew here.")
    links = tuple(
        (text(it.get("connection")) or text(it.get("provider")), str(it.get("user_id", "")))
        for it in mappings(user.get("identities"))
        if it.get("provider") != "auth0" and it.get("user_id")
    )
    return Row(number, "users", filled(entry), links, tuple(notes))


def _hash(user: dict[str, Any], notes: list[str]) -> str:
    for name in ("passwordHash", "password_hash"):
        if found := text(user.get(name)):
            return found
    custom = mapping(user.get("custom_password_hash"))
    algorithm = text(custom.get("algorithm"))
    if algorithm in _WHOLE:
        return text(mapping(custom.get("hash")).get("value"))
    if custom:
        notes.append(f"The password is not taken: its custom_password_hash is {algorithm}.")
    return ""


def _client(number: int, client: dict[str, Any]) -> Row:
    notes: list[str] = []
    redirect_uris = exact_uris(texts(client.get("callbacks")), notes, "Callback")
    method = text(client.get("token_endpoint_auth_method")) or "client_secret_post"
    if method not in _METHODS:
        notes.append(f"Its authentication {method} is not taken; the secret takes its place.")
        method = "client_secret_post"
    asked = texts(client.get("grant_types"))
    if other := [grant for grant in asked if grant not in _GRANTS]:
        notes.append(f"Grants are not taken: {', '.join(other)}.")
    is_native = client.get("app_type") == "native"
    entry = {
        "client_id": text(client.get("client_id")),
        "client_name": text(client.get("name")),
        "client_secret": "" if method == "none" else text(client.get("client_secret")),
        "redirect_uris": redirect_uris,
        "post_logout_redirect_uris": exact_uris(
            texts(client.get("allowed_logout_urls")), notes, "Logout URL"
        ),
        "grant_types": [grant for grant in asked if grant in _GRANTS],
        "application_type": "native" if is_native else application_type_of(redirect_uris),
        "token_endpoint_auth_method": method,
        "initiate_login_uri": text(client.get("initiate_login_uri")),
        "first_party": client.get("is_first_party") is not False,
        "scope": "openid profile email address phone offline_access",
    }
    return Row(number, "clients", filled(entry), notes=tuple(notes))
