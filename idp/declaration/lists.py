"""Split a file's content into entries: each has a unique key and storable values."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any

from accounts.addresses import normalised_email
from idp.declaration.members import SECRETS, DeclarationError, is_text, refuse_unknown
from idp.declaration.sections import SECTIONS

Lists = dict[str, list[dict[str, Any]]]

_DEEPEST = 20
_LARGEST = 2**63


def lists_of(declaration: Any) -> Lists:
    """Return the lists that a file has. Raises DeclarationError with every problem of their form.

    Users's addresses are in small letters afterwards.
    """
    if not isinstance(declaration, dict):
        names = ", ".join(SECTIONS)
        raise DeclarationError(f"The file has to be a mapping with the lists {names}.")
    refuse_unknown("the file", declaration, SECTIONS)
    lists: Lists = {}
    problems: list[str] = []
    for name, content in declaration.items():
        entries = _entries_of(name, content)
        problems += _problems_with_list(name, entries)
        if not problems:
            lists[name] = [_normal(name, entry) for entry in entries]
            problems += _problems_with_keys(name, lists[name])
    if problems:
        raise DeclarationError("\n".join(problems))
    return lists


def refuse_environment(lists: Lists) -> None:
    """Raise DeclarationError naming secrets that would come from this process's environment.

    Only operators with access to the server know its environment, which also holds its own secrets.
    """
    problems = [
        f"{SECTIONS[name].noun} {entry[SECTIONS[name].key]}: {member} cannot come from the "
        "environment here: write it into the file, or leave it out."
        for name, entries in lists.items()
        for entry in entries
        for member in SECRETS
        if isinstance(entry.get(member), dict)
    ]
    if problems:
        raise DeclarationError("\n".join(problems))


def _entries_of(name: str, content: Any) -> Any:
    """Return the entries of a list. A single mapping is one entry; an empty one is none."""
    if not SECTIONS[name].is_single:
        return content
    return ([content] if content else []) if isinstance(content, dict) else None


def _problems_with_list(name: str, entries: Any) -> Iterator[str]:
    section = SECTIONS[name]
    if not isinstance(entries, list):
        yield f"{name} has to be a {'mapping' if section.is_single else 'list'}."
        return
    for number, entry in enumerate(entries, start=1):
        key = entry.get(section.key) if isinstance(entry, dict) else None
        if not isinstance(key, str) or not key.isprintable():
            yield f"Every entry of {name} needs its {section.key}; number {number} has none."
            continue
        for member, value in entry.items():
            if isinstance(value, date):
                continue  # YAML types: the member's own check judges them.
            if problem := _problem_with(value, _DEEPEST):
                yield f"{section.noun} {key}: {member}: {problem}"


def _problems_with_keys(name: str, entries: list[dict[str, Any]]) -> Iterator[str]:
    section = SECTIONS[name]
    for key, times in Counter(entry[section.key] for entry in entries).items():
        if times > 1:
            yield f"{section.noun} {key}: It is in the file {times} times."


def _problem_with(value: Any, depth: int) -> str | None:
    """Return why a value can't be stored as JSON, or None."""
    if depth == 0:
        return "It is nested too deeply."
    match value:
        case None | bool():
            return None
        case str():
            return None if is_text(value) else "It holds a character that can't be kept."
        case int() | float():
            # nan is not less than anything, either
            return None if abs(value) < _LARGEST else "The number is too large."
        case list():
            parts = value
        case dict():
            if not all(isinstance(key, str) for key in value):
                return "The names of its members have to be texts."
            parts = [*value, *value.values()]
        case _:
            return f"It holds a {type(value).__name__}; put it in quotes."
    problems = (_problem_with(part, depth - 1) for part in parts)
    return next((problem for problem in problems if problem), None)


def _normal(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    key = SECTIONS[name].key
    return {**entry, key: normalised_email(entry[key])} if name == "users" else entry
