"""A realm of Keycloak, as `kc.sh export` writes it: one file, or a folder of several."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from idp.importers import keycloak_clients
from idp.importers.json_files import json_list, json_members
from idp.importers.members import attribute_name, filled, mapping, mappings, text, texts
from idp.importers.progress import Reached
from idp.importers.reading import Broken
from idp.importers.source import Options, Row, Unreadable, UnusableFileError

#: Claims by the names of Keycloak's attributes for them.
_CLAIMS = {
    **{name: name for name in ("nickname", "profile", "picture", "website", "gender", "zoneinfo")},
    "middleName": "middle_name",
    "birthdate": "birthdate",
    "locale": "locale",
    "phoneNumber": "phone_number",
}
_ADDRESS = {
    "street": "street_address",
    **{name: name for name in ("locality", "region", "postal_code", "country", "formatted")},
}
#: Roles that every user of a realm has, which say nothing.
_EVERYBODYS = ("default-roles-", "offline_access", "uma_authorization")
#: Credentials that need the other server's secrets or address.
_FACTORS = {
    "otp": "authenticator app",
    "webauthn": "security key",
    "webauthn-passwordless": "passkey",
}


class Keycloak:
    """A realm of Keycloak."""

    name: ClassVar[str] = "keycloak"
    help: ClassVar[str] = "a realm that kc.sh export wrote: a file, or a folder"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add what to do with roles that are no client's."""
        parser.add_argument(
            "--realm-roles-as-groups",
            action="store_true",
            help="make groups of realm roles, which are not taken otherwise",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield groups, clients with their roles, and users. Raises UnusableFileError."""
        realm, people = _files(options.path)
        groups = []
        for group in _all_groups(realm):
            if isinstance(group, Unreadable):
                yield group
                continue
            yield Row(group["number"], "groups", {"name": group["name"]})
            if group["roles"]:
                groups.append(group)
        roles = mapping(json_members(realm, ("roles",)).get("roles"))
        names = mapping(roles.get("client"))
        for number, client in json_list(realm, "clients"):
            if isinstance(client, Broken):
                yield Unreadable(number, "clients", client)
            elif row := keycloak_clients.row_of(number, client, names, groups):
                yield row
        as_groups = options.own["realm_roles_as_groups"]
        yield from _people(people, options.reached, as_groups=as_groups)


def _files(path: Path) -> tuple[Path, list[Path]]:
    """Return the file of the realm, and those of its users."""
    if not path.is_dir():
        return path, [path]
    realms = sorted(path.glob("*-realm.json"))
    if len(realms) != 1:
        raise UnusableFileError(f"{path}: There has to be one file NAME-realm.json in it.")
    name = realms[0].name.removesuffix("-realm.json")
    users = [it for it in path.glob(f"{name}-users-*.json") if it.stem.rpartition("-")[2].isdigit()]
    return realms[0], [realms[0], *sorted(users, key=lambda it: int(it.stem.rpartition("-")[2]))]


def _all_groups(realm: Path) -> Iterator[dict[str, Any] | Unreadable]:
    """Yield the groups of a realm with their numbers: those within one count, too."""
    number = 0
    for _, found in json_list(realm, "groups"):
        if isinstance(found, Broken):
            number += 1
            yield Unreadable(number, "groups", found)
            continue
        for group in _groups([found], ""):
            number += 1
            yield {**group, "number": number}


def _groups(found: list[Any], above: str) -> Iterator[dict[str, Any]]:
    """Yield groups and those within them: their whole name, and roles by client."""
    for group in mappings(found):
        name = f"{above}{text(group.get('name'))}"
        within = list(_groups(group.get("subGroups", []), f"{name}/"))
        yield {"name": name, "roles": mapping(group.get("clientRoles"))}
        for inner in within:
            roles = mapping(group.get("clientRoles"))  # of a group are of those within it, too
            both = {
                client: [*texts(roles.get(client)), *texts(inner["roles"].get(client))]
                for client in {**roles, **inner["roles"]}
            }
            yield {"name": inner["name"], "roles": both}


def _people(files: list[Path], reached: Reached, *, as_groups: bool) -> Iterator[Row | Unreadable]:
    number = 0
    for position, path in enumerate(files):
        tell = partial(reached.tell, number=position, of=len(files))
        for _, user in json_list(path, "users", tell):
            number += 1
            if isinstance(user, Broken):
                yield Unreadable(number, "users", user)
            elif not user.get("serviceAccountClientId"):
                yield _person(number, user, as_groups=as_groups)


def _person(number: int, user: dict[str, Any], *, as_groups: bool) -> Row:
    notes: list[str] = []
    entry: dict[str, Any] = {
        "email": text(user.get("email")),
        "sub": text(user.get("id")),
        "email_verified": user.get("emailVerified") is True,
        "is_active": user.get("enabled") is not False,
        "preferred_username": text(user.get("username")),
        "given_name": text(user.get("firstName")),
        "family_name": text(user.get("lastName")),
        "groups": [name.removeprefix("/") for name in texts(user.get("groups"))],
        "password_hash": _password(user, notes),
        "roles": _roles(user, notes),
    }
    entry["name"] = " ".join(filter(None, (entry["given_name"], entry["family_name"])))
    entry |= _claims(mapping(user.get("attributes")), notes)
    realm_roles = [it for it in texts(user.get("realmRoles")) if not it.startswith(_EVERYBODYS)]
    if as_groups:
        entry["groups"] = sorted({*entry["groups"], *realm_roles})
    elif realm_roles:
        notes.append(f"Realm roles are not taken: {', '.join(realm_roles)}.")
    links = tuple(
        (text(link.get("identityProvider")), text(link.get("userId")))
        for link in mappings(user.get("federatedIdentities"))
    )
    return Row(number, "users", filled(entry), links, tuple(notes))


def _password(user: dict[str, Any], notes: list[str]) -> str:
    """Return the credential with the password's hash, as JSON, which `password_hash` knows."""
    found = ""
    for credential in mappings(user.get("credentials")):
        kind = text(credential.get("type"))
        if kind == "password" and "value" not in credential:
            found = json.dumps(credential)
        elif kind != "password":
            notes.append(f"{_FACTORS.get(kind, kind)} is not taken: it is set up anew here.")
    return found


def _roles(user: dict[str, Any], notes: list[str]) -> dict[str, list[str]]:
    """Return the roles at clients that are imported."""
    roles = {}
    for client, names in mapping(user.get("clientRoles")).items():
        if not keycloak_clients.is_built_in(client):
            roles[client] = texts(names)
        elif client.endswith(("realm-management", "-realm")):
            notes.append(f"Roles of {client} are not taken: operators are appointed here.")
    return roles


def _claims(attributes: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    address: dict[str, str] = {}
    own: dict[str, str] = {}
    for name, values in attributes.items():
        known = texts(values)
        if len(known) != 1:
            if known:
                notes.append(f"The attribute {name} has several values: none is taken.")
        elif name in _CLAIMS:
            claims[_CLAIMS[name]] = known[0]
        elif name in _ADDRESS:
            address[_ADDRESS[name]] = known[0]
        elif name == "phoneNumberVerified":
            claims["phone_number_verified"] = known[0].lower() == "true"
        else:
            own[attribute_name(name)] = known[0]
    return {**claims, "address": address, "attributes": own}
