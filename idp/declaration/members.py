"""The members of an entry: known names, types, and sources of secrets."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import NoneType
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from idp.declaration.change import Change

#: The members that hold secrets, and that `secret_of` reads.
SECRETS = ("password", "password_hash", "client_secret", "encryption_secret", "token")
_WORDS = {
    str: "a text (in quotes, if it looks like a number or a date)",
    bool: "true or false",
    int: "a whole number",
    list: "a list of texts",
    dict: "a mapping",
    NoneType: "null",
}


class DeclarationError(Exception):
    """The file is invalid; the message has one problem per line, with its place."""


class ChangedMeanwhileError(DeclarationError):
    """The changes differ from those that were agreed to: something changed since the preview."""


class IncompleteError(DeclarationError):
    """Only some changes are made: other transactions changed the same rows."""

    def __init__(self, made: list[Change], planned: int) -> None:
        super().__init__(
            "Another operator changed the same things at this moment. "
            f"{len(made)} of {planned} changes are made; run it again for the rest."
        )
        self.made = made
        self.planned = planned


class MissingSecretError(DeclarationError):
    """An entry needs a secret, and the file has none.

    `row` is what it would be otherwise: references to it from other entries are valid.
    """

    def __init__(self, what: str, member: str, row: Model) -> None:
        super().__init__(f"{what}: {member} is missing.")
        self.member = member
        self.row = row


def refuse_unknown(what: str, entry: dict[str, Any], known: Iterable[str]) -> None:
    """Raise DeclarationError naming unknown members."""
    unknown = sorted(str(name) for name in set(entry) - set(known))
    if unknown:
        raise DeclarationError(f"{what}: unknown: {', '.join(unknown)}.")


def refuse_other_types(
    what: str, entry: dict[str, Any], types: Mapping[str, tuple[type, ...]]
) -> None:
    """Raise DeclarationError naming members whose values have another type than these."""
    problems = [
        f"{what}: {name}: This has to be {' or '.join(_WORDS[kind] for kind in types[name])}."
        for name, value in entry.items()
        if name in types and not _is_one_of(value, types[name])
    ]
    if problems:
        raise DeclarationError("\n".join(problems))


def secret_of(what: str, entry: dict[str, Any], name: str) -> str | None:
    """Return a secret: the text itself, or the environment variable of `{env: NAME}`.

    The environment is read here and not in settings, because the file names the variable.
    """
    value = entry.get(name)
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, dict) or set(value) != {"env"} or not isinstance(value["env"], str):
        raise DeclarationError(f"{what}: {name} has to be a text, or {{env: NAME}}.")
    found = os.environ.get(value["env"], "")
    if not found or not is_text(found):
        raise DeclarationError(
            f"{what}: {name}: The environment variable {value['env']} is not set, or not a text."
        )
    return found


def is_text(text: str) -> bool:
    """Whether every database can store this text: UTF-8 without U+0000."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def validate(
    what: str,
    row: Model,
    *,
    clean: Callable[[], None] | None = None,
    names: Mapping[str, str] | None = None,
    exclude: Iterable[str] = (),
) -> None:
    """Raise DeclarationError with every problem of the row, by member.

    `clean` replaces the row's own. `names` maps members to columns with other names. Unique keys
    are not checked: rows are found by them.
    """
    problems: dict[str, Any] = {}
    for check in (partial(row.clean_fields, exclude=set(exclude)), clean or row.clean):
        try:
            check()
        except ValidationError as error:
            problems = error.update_error_dict(problems)
    if problems:
        raise refusal(what, ValidationError(problems), names or {})


def refusal(what: str, error: ValidationError, names: Mapping[str, str]) -> DeclarationError:
    """Return a DeclarationError with all problems of a row, by member.

    `names` maps members to columns with other names.
    """
    problems = "; ".join(
        f"{names.get(column, column)}: {' '.join(texts)}"
        for column, texts in error.message_dict.items()
    )
    return DeclarationError(f"{what}: {problems}")


def _is_one_of(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, list):
        return list in kinds and all(isinstance(item, str) for item in value)
    return isinstance(value, kinds)
