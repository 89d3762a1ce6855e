"""JSON Schemas of authorization details: bounded when they are stored, and applied in linear time.

RFC 9396 §5; JSON Schema 2020-12. Schemas are an operator's, details a client's. Nothing is fetched:
a schema refers to its own `$defs` alone. Patterns run on an engine without backtracking, which
knows no look-around and no back-references.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

from django.utils.translation import gettext

MAX_CHARACTERS: Final = 20_000
#: Values of a schema with each `$ref` replaced by what it means: what one check costs at most.
MAX_EXPANDED: Final = 2_000
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS: Final = ("#/$defs/", "#/definitions/")
#: Keywords that name other schemas, or this one, in further ways.
_OTHER_REFERENCES: Final = frozenset(
    {"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"}
)
#: Bytes that a pattern may take when it is compiled.
_PATTERN_SIZE: Final = 200_000


class UnusableSchemaError(ValueError):
    """The schema can't be used; the text says why, for operators."""


def problem_with(schema: Any) -> str | None:
    """Return why this can't be the schema of a type, as a sentence, or None."""
    try:
        _judge(schema)
        validator_of(json.dumps(schema), "type")
    except UnusableSchemaError as problem:
        return str(problem)
    return None


def first_problem(schema: dict[str, Any], detail: dict[str, Any]) -> str | None:
    """Return what is wrong with a detail by the schema of its type, for developers, or None."""
    validator, schemas = validator_of(json.dumps(schema), detail["type"]), _schemas()
    try:
        validator.validate(detail)  # ends at the first: all of them can be a million
    except schemas.ValidationError as found:
        where = ".".join(map(str, found.instance_path))
        return f"{where}: {found.message}" if where else str(found.message)
    return None


@lru_cache(maxsize=64)
def validator_of(schema: str, name: str) -> Any:
    """Return the validator of a type: its schema, and a detail has no other fields than it names.

    RFC 9396 §5: unknown fields are refused; a schema that has `additionalProperties` itself decides
    that. Raises UnusableSchemaError.
    """
    own = json.loads(schema)
    whole = {
        "additionalProperties": False,
        **own,
        "type": "object",
        "properties": {**own.get("properties", {}), "type": {"const": name}},
    }
    schemas = _schemas()
    patterns = schemas.RegexOptions(size_limit=_PATTERN_SIZE, dfa_size_limit=_PATTERN_SIZE)
    try:
        return schemas.Draft202012Validator(
            whole,
            validate_formats=True,
            mask="this value",  # of errors, which are recorded
            pattern_options=patterns,
            offline=True,
        )
    except ValueError as problem:
        said = gettext("This is no JSON Schema that can be used: %(problem)s")
        text = getattr(problem, "message", str(problem))
        raise UnusableSchemaError(said % {"problem": text[:300]}) from None


def _schemas() -> Any:
    """Return the library: only processes that need it have it loaded."""
    return import_module("jsonschema_rs")


def _judge(schema: Any) -> None:
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise UnusableSchemaError(gettext("It has to be a JSON Schema with “properties”."))
    if len(_json_of(schema)) > MAX_CHARACTERS:
        said = gettext("It is longer than %(most)d characters.")
        raise UnusableSchemaError(said % {"most": MAX_CHARACTERS})
    if schema.get("type", "object") != "object":
        raise UnusableSchemaError(gettext("Its type has to be object."))
    if schema.get("$schema", _DIALECT) != _DIALECT:
        raise UnusableSchemaError(gettext("Its dialect ($schema) has to be 2020-12."))
    _Expansion(schema).judge()


def _json_of(schema: dict[str, Any]) -> str:
    """Return it as JSON: files and forms can have values that JSON has not, such as dates."""
    try:
        return json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        problem = gettext("It has a value that JSON does not have, or is nested too deeply.")
        raise UnusableSchemaError(problem) from None


class _Expansion:
    """How large a schema is with each reference replaced: endless ones are refused."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.sizes: dict[str, int] = {}
        self.open: set[str] = set()

    def judge(self) -> None:
        """Raise UnusableSchemaError for a schema that is too large, or refers elsewhere."""
        try:
            size = self._size(self.root)
        except RecursionError:
            size = MAX_EXPANDED + 1
        if size > MAX_EXPANDED:
            raise UnusableSchemaError(gettext("It is too large, with all that it refers to."))

    def _size(self, value: Any) -> int:
        if isinstance(value, list):
            return 1 + sum(map(self._size, value))
        if not isinstance(value, dict):
            return 1
        if odd := sorted(_OTHER_REFERENCES & value.keys()):
            said = gettext("It can’t have %(keyword)s.")
            raise UnusableSchemaError(said % {"keyword": odd[0]})
        inner = sum(map(self._size, self._schemas_in(value)))
        return 1 + inner + (self._referred(value["$ref"]) if "$ref" in value else 0)

    def _schemas_in(self, value: dict[str, Any]) -> Iterator[Any]:
        """Yield the parts of a schema; definitions count where they are referred to."""
        for name, inner in value.items():
            if value is self.root and name in {"$defs", "definitions"}:
                for definition in inner.values() if isinstance(inner, dict) else ():
                    self._size(definition)
            elif name != "$ref":
                yield inner

    def _referred(self, reference: Any) -> int:
        definition = self._definition(reference)
        if reference in self.open:
            raise UnusableSchemaError(gettext("It refers to itself without end."))
        if reference not in self.sizes:
            self.open.add(reference)
            self.sizes[reference] = self._size(definition)
            self.open.discard(reference)
        return self.sizes[reference]

    def _definition(self, reference: Any) -> Any:
        text = reference if isinstance(reference, str) else ""
        for prefix in _DEFINITIONS:
            found = self.root.get(prefix[2:-1])
            name = text.removeprefix(prefix)
            if text.startswith(prefix) and isinstance(found, dict) and name in found:
                return found[name]
        said = gettext("It can refer to its own definitions only, such as #/$defs/amount.")
        raise UnusableSchemaError(said)
