"""Authorization details as they arrive: read strictly, within bounds, and compared. RFC 9396 §2."""

import json
from collections.abc import Iterable
from typing import Any, NoReturn

from idp.protocol.errors import InvalidAuthorizationDetails
from idp.protocol.json_objects import first_repeated
from idp.protocol.rules import upholds

#: One detail: a JSON object with a `type`.
Detail = dict[str, Any]
PARAMETER = "authorization_details"
#: They travel in access tokens, which have to fit into a header.
MAX_CHARACTERS = 8 * 1024
MAX_DETAILS = 20
MAX_DEPTH = 10
MAX_VALUES = 1000
#: RFC 7493 §2.2: every reader of JSON understands whole numbers up to this one alike.
_LARGEST = 2**53 - 1


@upholds("RFC 9396 §5")
def parse(text: str) -> list[Detail]:
    """Parse the parameter, and return its details, each once. RFC 9396 §2, §5.

    Raises InvalidAuthorizationDetails. A number without a fraction is an `int`, however it was
    written, so that equal details have equal texts.
    """
    if len(text) > MAX_CHARACTERS:
        _refuse(f"are longer than {MAX_CHARACTERS} characters")
    try:
        value = json.loads(
            text, object_pairs_hook=_members, parse_constant=_no_number, parse_float=_number
        )
    except (ValueError, RecursionError):
        _refuse("are not JSON, or are nested too deeply")
    if not isinstance(value, list) or not value:
        _refuse("have to be a JSON array of objects")
    if len(value) > MAX_DETAILS:
        _refuse(f"are more than {MAX_DETAILS} objects")
    _judge(value)
    for detail in value:
        if not isinstance(detail, dict) or not isinstance(detail.get("type"), str):
            _refuse("have to be a JSON array of objects that each have a type")
    details = list({text_of(detail): detail for detail in value}.values())
    if len(json.dumps(details)) > MAX_CHARACTERS:  # as tokens have them
        _refuse(f"are longer than {MAX_CHARACTERS} characters of ASCII")
    return details


def text_of(detail: Detail) -> str:
    """Return the one text of a detail: two are the same exactly if their texts are."""
    return json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def texts_of(details: Iterable[Detail]) -> frozenset[str]:
    """Return the texts of details, to compare them by."""
    return frozenset(map(text_of, details))


def types_of(details: Iterable[Detail]) -> list[str]:
    """Return the types of details, each once."""
    return sorted({detail["type"] for detail in details})


def _refuse(problem: str) -> NoReturn:
    raise InvalidAuthorizationDetails(f"The {PARAMETER} {problem}.")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = first_repeated(name for name, _ in pairs)
    if repeated is not None:
        _refuse(f"have the member {repeated} twice in one object")
    return dict(pairs)


def _no_number(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _number(text: str) -> float | int:
    number = float(text)
    return int(number) if number.is_integer() else number


def _judge(root: Any) -> None:
    """Refuse too much depth, too many values, and what cannot be stored or read alike by all."""
    waiting, values = [(root, 0)], 0
    while waiting:
        value, depth = waiting.pop()
        values += 1
        if depth > MAX_DEPTH or values > MAX_VALUES:
            _refuse(f"are nested deeper than {MAX_DEPTH}, or have more than {MAX_VALUES} values")
        match value:
            case dict():
                _judge_text("".join(value))
                waiting += [(inner, depth + 1) for inner in value.values()]
            case list():
                waiting += [(inner, depth + 1) for inner in value]
            case str():
                _judge_text(value)
            case int() | float() if abs(value) > _LARGEST:
                _refuse("have a number that is too large; write it as a text")


def _judge_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can hold halves of characters
        _refuse("have a text that is no Unicode")
    if "\0" in text:
        _refuse("have a null character in a text")
