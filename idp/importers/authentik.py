"""authentik: a blueprint (YAML), or its list of users as the API returns it (JSON)."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from idp.declaration import DeclarationError
from idp.declaration.file import parsed_with_tags
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
from idp.importers.reading import LONGEST, TOO_LONG, Broken, opened
from idp.importers.source import Options, Row, Unreadable, UnusableFileError

_GROUP, _PROVIDER = "authentik_core.group", "authentik_providers_oauth2.oauth2provider"
_USER = "authentik_core.user"
_IN_ORDER = (_GROUP, _PROVIDER, _USER)
_KINDS = {_GROUP: "groups", _PROVIDER: "clients", _USER: "users"}


_NO_PEOPLE = frozenset({"service_account", "internal_service_account"})
_NO_NAMES: Mapping[str, str] = {}


class Authentik:
    """A server of authentik."""

    name: ClassVar[str] = "authentik"
    help: ClassVar[str] = "a blueprint in YAML, or users as the API lists them, in JSON"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add which member is the subject, as each provider there is configured."""
        parser.add_argument(
            "--sub",
            choices=("uid", "uuid", "pk", "username", "email"),
            default="uid",
            help="the member that its providers have as sub (subject mode)",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield groups, apps and users. Raises UnusableFileError."""
        sub = options.own["sub"]
        if options.path.suffix.lower() == ".json":
            for number, user in json_list(options.path, "results", options.reached.tell):
                yield (
                    Unreadable(number, "users", user)
                    if isinstance(user, Broken)
                    else _person(number, user, sub)
                )
            return
        entries = list(enumerate(_entries(options), start=1))
        names = _names_of_groups(entry for _, entry in entries)
        for model in _IN_ORDER:
            for number, entry in entries:
                if entry.get("model") == model and entry.get("state") != "absent":
                    yield _row(number, model, _known(entry), sub, names)


def _entries(options: Options) -> list[dict[str, Any]]:
    with opened(options.path) as file:
        # It is read whole, and takes up to 200 bytes of memory for each of its own.
        content = file.read(LONGEST + 1)
    if len(content) > LONGEST:
        raise UnusableFileError(f"{options.path}: {TOO_LONG} Import people as JSON.")
    try:
        found = parsed_with_tags(content.decode(), str(options.path))
    except UnicodeDecodeError:
        raise UnusableFileError(f"{options.path} is not UTF-8.") from None
    except DeclarationError as problem:
        raise UnusableFileError(str(problem)) from None
    entries = mapping(found).get("entries")
    if isinstance(entries, dict):  # in sections
        return [entry for section in entries.values() for entry in mappings(section)]
    return mappings(entries)


def _known(entry: dict[str, Any]) -> dict[str, Any]:
    return mapping(entry.get("identifiers")) | mapping(entry.get("attrs"))


def _names_of_groups(entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the names of groups by what users refer to them: primary key, or id in the file."""
    names: dict[str, str] = {}
    for entry in entries:
        if entry.get("model") == _GROUP:
            known = _known(entry)
            references = (known.get("pk"), known.get("group_uuid"), entry.get("id"))
            names |= {str(it): text(known.get("name")) for it in references if it is not None}
    return names


def _row(
    number: int, model: str, known: dict[str, Any], sub: str, names: dict[str, str]
) -> Row | Unreadable:
    if model == _USER:
        return _person(number, known, sub, names)
    if model == _PROVIDER:
        return _client(number, known)
    notes = ["That its members are superusers is not taken."] if known.get("is_superuser") else []
    return Row(number, "groups", {"name": text(known.get("name"))}, notes=tuple(notes))


def _person(
    number: int, user: dict[str, Any], sub: str, names: Mapping[str, str] = _NO_NAMES
) -> Row | Unreadable:
    if text(user.get("type")) in _NO_PEOPLE:
        return Unreadable(number, "users", "It is a service account.", text(user.get("username")))
    notes: list[str] = []
    attributes = mapping(user.get("attributes"))
    # A reference to a group (!Find) is the list of its model and what finds it.
    named = [text(it.get("name")) for it in mappings(user.get("groups_obj"))] or [
        *(names.get(it, it) for it in texts(user.get("groups"))),
        *(it[1][1] for it in _listed(user.get("groups")) if _is_found_by_name(it)),
    ]
    subject = user.get(sub)
    entry = {
        "email": text(user.get("email")),
        "sub": str(subject) if isinstance(subject, str | int) else "",
        "is_active": user.get("is_active") is not False,
        "preferred_username": text(user.get("username")),
        "name": text(user.get("name")),
        "groups": named,
        "attributes": {
            attribute_name(name): it
            for name, it in attributes.items()
            if isinstance(it, str | int | float | bool) and not name.startswith("goauthentik.io/")
        },
    }
    password = text(user.get("password_hash")) or text(user.get("password"))
    if password and not password.startswith("!"):
        entry["password_hash" if "$" in password else "password"] = password
    if not entry["sub"]:
        notes.append(f"It has no {sub}, so that it gets a new sub.")
    if user.get("is_superuser"):
        notes.append("is_superuser is not taken: operators are appointed here.")
    return Row(number, "users", filled(entry), notes=tuple(notes))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_found_by_name(it: Any) -> bool:
    return (
        isinstance(it, list)
        and len(it) > 1
        and isinstance(it[1], list)
        and len(it[1]) == 2
        and it[1][0] == "name"
        and isinstance(it[1][1], str)
    )


def _client(number: int, provider: dict[str, Any]) -> Row:
    notes: list[str] = []
    is_public = provider.get("client_type") == "public"
    uris = provider.get("redirect_uris")
    strict = uris.split() if isinstance(uris, str) else []
    for it in mappings(uris):
        url = text(it.get("url"))
        if it.get("matching_mode", "strict") == "strict":
            strict.append(url)
        else:
            notes.append(f"Redirect URI {url} is not taken: it is a pattern.")
    redirect_uris = exact_uris(strict, notes, "Redirect URI")
    entry = {
        "client_id": text(provider.get("client_id")),
        "client_name": text(provider.get("name")),
        "client_secret": "" if is_public else text(provider.get("client_secret")),
        "redirect_uris": redirect_uris,
        "application_type": application_type_of(redirect_uris),
        "token_endpoint_auth_method": "none" if is_public else "client_secret_basic",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email offline_access",
    }
    return Row(number, "clients", filled(entry), notes=tuple(notes))
