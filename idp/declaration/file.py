"""Read the file: YAML or JSON, with limits, and errors without its content."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from idp.declaration.members import DeclarationError
from idp.protocol.json_objects import first_repeated

FORMATS = ("yaml", "json")
#: The C implementations, where PyYAML has them: ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: Deeper files have ended the process: libyaml's composer calls itself.
_DEEPEST = 50
#: Values that a file may have by aliases alone.
_MOST_ALIASED = 100_000
_UNQUOTED_WIDTH = 10_000


class _TagsLoader(_Loader):  # type: ignore[misc]
    """Takes values with tags that it does not know as if they had none."""


def _without_tag(loader: Any, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_TagsLoader.add_multi_constructor("!", _without_tag)


def read(path: Path) -> Any:
    """Return the content of a file. Raises DeclarationError, which quotes nothing of the file."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise DeclarationError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DeclarationError(f"{path} is not UTF-8.") from None
    return parsed(text, str(path))


def parsed(text: str, name: str) -> Any:
    """Return the content of a file with this name and text. Raises DeclarationError."""
    try:
        return _from_json(text) if text.lstrip().startswith("{") else _from_yaml(text)
    except _UnreadableError as problem:
        raise DeclarationError(f"{name} is neither YAML nor JSON: {problem}") from None


def parsed_with_tags(text: str, name: str) -> Any:
    """Return the content of YAML with tags of other software, whose values are kept without them.

    Raises DeclarationError.
    """
    try:
        return _from_yaml(text, _TagsLoader)
    except _UnreadableError as problem:
        raise DeclarationError(f"{name} is no YAML: {problem}") from None


def text_of(
    lists: Mapping[str, Iterable[dict[str, Any]]], form: str, singles: Collection[str] = ()
) -> Iterator[str]:
    """Return the text of a file with these lists, in pieces: each entry as it comes.

    `singles` are those whose one entry takes the list's place.
    """
    return _as_json(lists, singles) if form == "json" else _as_yaml(lists, singles)


class _UnreadableError(Exception):
    """The text can't be parsed. The error has a position, but no text: files have secrets."""


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError:
        return _from_yaml(text)  # YAML's mappings in braces are close relatives
    except (ValueError, RecursionError) as error:
        raise _UnreadableError("a number is too long, or it is nested too deeply.") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    double = first_repeated(name for name, _ in pairs)
    if double is not None:
        raise _UnreadableError(f"the member {double} is there twice in one place.")
    return dict(pairs)


def _from_yaml(text: str, kind: Any = _Loader) -> Any:
    try:
        _refuse_excess(text)
        loader = kind(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _refuse_doubles(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "a character that may not be there"
        raise _UnreadableError(where + re.sub(r"'.*'", "…", problem) + ".") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        # Errors of PyYAML's constructors for values such as 2027-02-31; they have no position.
        raise _UnreadableError("a date, time or number in it is none.") from error


def _refuse_excess(text: str) -> None:
    """Refuse content that is nested too deeply, or expands without end by its aliases (*)."""
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]
    sizes: dict[str | None, int] = {}
    aliased = 0
    for event in yaml.parse(text, Loader=_Loader):
        match event:
            case yaml.ScalarEvent():
                anchor, size = event.anchor, 0
            case yaml.CollectionStartEvent():
                open_nodes.append((event.anchor, 0))
                if len(open_nodes) > _DEEPEST:
                    raise _UnreadableError("it is nested too deeply.")
                continue
            case yaml.CollectionEndEvent():
                anchor, size = open_nodes.pop()
            case yaml.AliasEvent():
                # An unknown or recursive alias is refused later, with a better error.
                anchor, size = None, sizes.get(event.anchor, 0)
                aliased += size + 1
                if aliased > _MOST_ALIASED:
                    raise _UnreadableError("its aliases (*) make it too large.")
            case _:
                continue
        sizes[anchor] = size + 1
        outer, so_far = open_nodes[-1]
        open_nodes[-1] = (outer, so_far + size + 1)


def _refuse_doubles(root: yaml.Node) -> None:
    """Refuse a mapping with duplicate members: YAML would silently drop the first."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if not isinstance(node, yaml.MappingNode):
            waiting += node.value
            continue
        double = first_repeated(
            name.value for name, _ in node.value if isinstance(name, yaml.ScalarNode)
        )
        if double is not None:
            line = node.start_mark.line + 1
            raise _UnreadableError(f"the member {double} is there twice in what begins at {line}.")
        waiting += [part for pair in node.value for part in pair]


def _as_yaml(
    lists: Mapping[str, Iterable[dict[str, Any]]], singles: Collection[str]
) -> Iterator[str]:
    for name, entries in lists.items():
        if name in singles:
            yield _dumped({name: next(iter(entries), {})})
            continue
        empty = True
        for entry in entries:
            if empty:
                yield f"{name}:\n"
            empty = False
            yield _dumped([entry])
        if empty:
            yield f"{name}: []\n"


def _dumped(content: Any) -> str:
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNQUOTED_WIDTH
    )
    return text


def _as_json(
    lists: Mapping[str, Iterable[dict[str, Any]]], singles: Collection[str]
) -> Iterator[str]:
    between_lists = "{\n"
    for name, entries in lists.items():
        if name in singles:
            single = json.dumps(next(iter(entries), {}), ensure_ascii=False)
            yield f'{between_lists}  "{name}": {single}'
            between_lists = ",\n"
            continue
        yield f'{between_lists}  "{name}": ['
        between_lists, between = ",\n", "\n"
        for entry in entries:
            yield f"{between}    {json.dumps(entry, ensure_ascii=False)}"
            between = ",\n"
        yield "\n  ]" if between == ",\n" else "]"
    yield "\n}\n" if lists else "{}\n"
