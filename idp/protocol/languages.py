"""Language tags after a name, as in `client_name#de`. OIDC Core §5.2, RFC 4647 §3.4."""

import re
from collections.abc import Iterable

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}")


def tagged(name: str) -> tuple[str, str | None]:
    """Return a name without its language tag, and the tag, if there is one."""
    base, mark, tag = name.partition("#")
    return base, tag if mark else None


def is_tag(text: str) -> bool:
    """Whether this has the form of a language tag."""
    return _TAG.fullmatch(text) is not None


def is_within(language: str, tag: str) -> bool:
    """Whether a text in `language` is one in `tag`: `de-AT` is within `de`, not the reverse."""
    return f"{language.lower()}-".startswith(f"{tag.lower()}-")


def best(tags: Iterable[str], language: str) -> str | None:
    """Return the tag that suits a user who reads `language`, or None.

    The language itself, then a more general one, then any variety of it.
    """
    wider = [tag for tag in tags if is_within(language, tag)]
    if wider:
        return max(wider, key=len)
    return min((tag for tag in tags if is_within(tag, language)), default=None)
