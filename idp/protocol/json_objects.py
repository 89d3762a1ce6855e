"""JSON objects as they arrive: read strictly, members that come twice refused. RFC 8259 §4."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn

from idp.protocol.errors import InvalidRequest
from idp.protocol.rules import upholds

MAX_CHARACTERS = 64 * 1024


@upholds("RFC 8259 §4")
def parse(text: str, what: str = "The body") -> dict[str, Any]:
    """Parse a JSON object and return its members; errors call it `what`.

    Raises InvalidRequest for anything else, for a repeated member, and for excessive size.
    """
    value = _value(text, what)
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} has to be one JSON object.")
    return value


def parse_list(text: str, what: str = "The body") -> list[Any]:
    """Parse a JSON array, as strictly. Raises InvalidRequest for anything else."""
    value = _value(text, what)
    if not isinstance(value, list):
        raise InvalidRequest(f"{what} has to be one JSON array.")
    return value


def first_repeated(names: Iterable[str]) -> str | None:
    """Return the first of these names that is there more than once, or None."""
    return next((name for name, times in Counter(names).items() if times > 1), None)


def _value(text: str, what: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest(f"{what} is larger than {MAX_CHARACTERS} characters.")
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{what} is not JSON, or is nested too deeply.") from None


@upholds("RFC 8259 §4")
def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = first_repeated(name for name, _ in pairs)
    if repeated is not None:
        raise InvalidRequest(f"The member {repeated} of the JSON object came more than once.")
    return dict(pairs)


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON
