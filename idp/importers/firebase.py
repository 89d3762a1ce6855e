"""Users of Firebase Authentication, as `firebase auth:export --format=json` writes them."""

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from idp.importers.json_files import json_list
from idp.importers.members import attribute_name, filled, mapping, mappings, text
from idp.importers.reading import LONGEST, Broken, opened, parsed
from idp.importers.source import Options, Row, Unreadable, UnusableFileError

#: A line of the parameters as the console shows them.
_PARAMETER = re.compile(r"^\s*(\w+)\s*:\s*\"?([^\s\",]*)\"?,?\s*$", re.MULTILINE)
_NO_ACCOUNT = frozenset({"password", "phone", "anonymous"})


class Firebase:
    """A project of Firebase Authentication."""

    name: ClassVar[str] = "firebase"
    help: ClassVar[str] = "users that firebase auth:export wrote as JSON"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the parameters of password hashes."""
        parser.add_argument(
            "--hash-config",
            type=Path,
            metavar="FILE",
            help="password hash parameters, as the console shows them or as JSON",
        )

    def rows(self, options: Options) -> Iterator[Row | Unreadable]:
        """Yield the users. Raises UnusableFileError."""
        path = options.own.get("hash_config")
        config = _config(path) if path else None
        for number, user in json_list(options.path, "users", options.reached.tell):
            yield (
                Unreadable(number, "users", user)
                if isinstance(user, Broken)
                else _person(number, user, config)
            )


def _config(path: Path) -> dict[str, Any]:
    with opened(path) as file:
        content = file.read(LONGEST).decode("utf-8", "replace")
    found = parsed(content)
    config = dict(_PARAMETER.findall(content)) if isinstance(found, Broken) else found
    config = mapping(config.get("hash_config")) or config
    if not {"base64_signer_key", "base64_salt_separator", "rounds", "mem_cost"} <= set(config):
        raise UnusableFileError(
            f"{path}: It needs base64_signer_key, base64_salt_separator, rounds and mem_cost."
        )
    return config


def _person(number: int, user: dict[str, Any], config: dict[str, Any] | None) -> Row:
    notes: list[str] = []
    entry = {
        "email": text(user.get("email")),
        "sub": text(user.get("localId")),
        "email_verified": user.get("emailVerified") is True,
        "is_active": user.get("disabled") is not True,
        "name": text(user.get("displayName")),
        "picture": text(user.get("photoUrl")),
        "phone_number": text(user.get("phoneNumber")),
        "phone_number_verified": True if user.get("phoneNumber") else None,
        "attributes": _attributes(text(user.get("customAttributes"))),
    }
    if user.get("passwordHash") and config:
        entry["password_hash"] = json.dumps(
            {
                "passwordHash": user["passwordHash"],
                "salt": user.get("salt", ""),
                "hash_config": config,
            }
        )
    elif user.get("passwordHash"):
        notes.append("The password is not taken: --hash-config is missing.")
    if user.get("mfaInfo"):
        notes.append("The second factor is not taken: it is set up anew here.")
    links = tuple(
        (text(it.get("providerId")), text(it.get("rawId")))
        for it in mappings(user.get("providerUserInfo"))
        if text(it.get("rawId")) and text(it.get("providerId")) not in _NO_ACCOUNT
    )
    return Row(number, "users", filled(entry), links, tuple(notes))


def _attributes(claims: str) -> dict[str, Any]:
    """Return custom claims, which are JSON in a text."""
    found = parsed(claims) if claims else {}
    return (
        {}
        if isinstance(found, Broken)
        else {
            attribute_name(name): it
            for name, it in found.items()
            if isinstance(it, str | int | float | bool)
        }
    )
