"""Which level of ours a sign-in at an upstream has: what an operator declared. OIDC Core §2.

`Upstream.levels` is `{"acr": {VALUE: LEVEL}, "amr": {VALUE: LEVEL}}`, with levels of
`accounts.levels`. An upstream's word alone means nothing: what is not declared has the lowest.
"""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext

from accounts.levels import LEVELS, SINGLE_FACTOR, highest

_MEMBERS = ("acr", "amr")
#: The most values that one member may declare, and the most of an upstream's `amr` that count.
_MOST = 100


def level_of(declared: Any, acr: str, amr: tuple[str, ...]) -> str:
    """Return the highest level that is declared for what an upstream said; the lowest for none."""
    if any(True for _ in problems_with(declared)):
        return SINGLE_FACTOR
    by_acr, by_amr = (declared.get(name, {}) for name in _MEMBERS)
    found = [by_acr.get(acr), *(by_amr.get(value) for value in amr[:_MOST])]
    return highest([SINGLE_FACTOR, *filter(None, found)])


def problems_with(declared: Any) -> Iterator[str]:
    """Yield a sentence for each part of a declaration that can't be right."""
    if not isinstance(declared, dict) or set(declared) - set(_MEMBERS):
        yield gettext("This has to be an object with “acr” and “amr”.")
        return
    for name, values in declared.items():
        if not isinstance(values, dict) or len(values) > _MOST:
            said = gettext("“%(name)s” has to be an object with at most %(most)s values.")
            yield said % {"name": name, "most": _MOST}
        elif odd := [value for value, level in values.items() if level not in LEVELS]:
            said = gettext("“%(value)s” needs one of these levels: %(levels)s.")
            yield said % {"value": odd[0][:100], "levels": ", ".join(LEVELS)}
