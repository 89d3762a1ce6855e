"""The sources in IDP_CLAIM_SOURCES: usable ones, and the errors of others.

A source with an error is left out everywhere; `manage.py check` and the server's start report it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import isabstract

from django.conf import settings
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from idp.claim_sources import AggregatedClaims, ClaimSource, DistributedClaims
from idp.protocol.claim_names import problem_with_claim


@dataclass(frozen=True)
class Configured:
    """A source, and the dotted path that it is known by."""

    path: str
    source: ClaimSource


class _UnusableError(Exception):
    """A source can't be used; the message is the reason."""


def sources() -> tuple[Configured, ...]:
    """Return the sources that can be used, in the order of the setting."""
    return _load(tuple(settings.IDP_CLAIM_SOURCES))[0]


def problems() -> tuple[str, ...]:
    """Return why the others can't, a sentence each."""
    return _load(tuple(settings.IDP_CLAIM_SOURCES))[1]


def claim_types() -> tuple[str, ...]:
    """Return the kinds of claims that there are beside normal ones. OIDC Discovery §3."""
    return tuple(sorted({configured.source.claim_type for configured in sources()}))


def claims() -> dict[str, ClaimSource]:
    """Return every claim that a source may have, with that source."""
    return {name: found.source for found in sources() for name in found.source.claims}


@cache
def _load(paths: tuple[str, ...]) -> tuple[tuple[Configured, ...], tuple[str, ...]]:
    loaded: list[Configured] = []
    unusable: list[str] = []
    for path in paths:
        try:
            found = Configured(path, _made(path))
            _gives_claims_of_its_own(found.source, loaded)
        except _UnusableError as problem:
            unusable.append(f"{path}: {problem}")
        else:
            loaded.append(found)
    return tuple(loaded), tuple(unusable)


def _made(path: str) -> ClaimSource:
    """Return the source at a dotted path; it is another user's code, so anything may go wrong."""
    try:
        kind = import_string(path)
    except Exception as error:  # noqa: BLE001
        raise _UnusableError(f"It can't be imported: {type(error).__name__}: {error}.") from None
    if not isinstance(kind, type) or not issubclass(kind, AggregatedClaims | DistributedClaims):
        raise _UnusableError("It is no class of the kind AggregatedClaims or DistributedClaims.")
    if isabstract(kind):
        raise _UnusableError(f"It lacks {', '.join(sorted(kind.__abstractmethods__))}.")
    try:
        return kind()
    except Exception as error:  # noqa: BLE001
        raise _UnusableError(f"It can't be made: {type(error).__name__}: {error}.") from None


def _gives_claims_of_its_own(source: ClaimSource, others: Iterable[Configured]) -> None:
    """OIDC Core §5.6: a claim means one thing and has one source. Raises _UnusableError."""
    if not _is_text(getattr(source, "provider", None)):
        raise _UnusableError("Its provider is no text; users read there who asserts the claims.")
    claims = getattr(source, "claims", None)
    if not isinstance(claims, Mapping) or not claims:
        raise _UnusableError("Its claims are no mapping of names to words that users read.")
    for problem in _problems_with_claims(claims, others):
        raise _UnusableError(problem)


def _problems_with_claims(
    claims: Mapping[object, object], others: Iterable[Configured]
) -> Iterator[str]:
    for name, words in claims.items():
        problem = problem_with_claim(name)
        if problem:
            yield f"{name}: {problem}"
        if not _is_text(words):
            yield f"The claim {name} has no words that users read."
        for other in others:
            if name in other.source.claims:
                yield f"{other.path} gives the claim {name} already."


def _is_text(value: object) -> bool:
    """Whether this is a non-empty text, translated lazily or not."""
    return isinstance(value, str | Promise) and bool(str(value).strip())
