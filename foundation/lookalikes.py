"""Detect names that look alike. UTS #39 §4.

The data, Unicode's confusables.txt, is in the package confusable-homoglyphs. Stored skeletons are
as old as the data; saving a name again renews its skeleton.
"""

import unicodedata
from functools import cache

_MARKS_OF_DIRECTION = "\u200e\u200f"
#: Read alike in most typefaces, beyond Unicode's list.
_ALSO = {"i": "l", "vv": "w"}


def skeleton(name: str) -> str:
    """Return the skeleton that similar names share; empty if no character is left.

    Case, accents, spaces and punctuation make no difference, nor do similar letters of other
    scripts. It is for comparison only, not for display.
    """
    text = unicodedata.normalize("NFKD", name)
    text = _prototypes_in(_prototypes_in(text).casefold()).casefold()
    text = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text)))
    for part, other in _ALSO.items():
        text = text.replace(part, other)
    return text


def _prototypes_in(text: str) -> str:
    prototypes = _prototypes()
    return "".join(prototypes.get(character, character) for character in text)


@cache
def _prototypes() -> dict[str, str]:
    """Return the prototype of each character that has one.

    The package lists each pair in both directions. The prototype of several characters is the one
    that all of them name; of two that name each other, the ASCII one or the lower.
    """
    from confusable_homoglyphs.confusables import confusables_data  # megabytes that few need

    others = {
        _bare(text): [_bare(entry["c"]) for entry in entries]
        for text, entries in confusables_data.items()
    }

    def rank(text: str) -> tuple[int, bool, str]:
        return -len(others.get(text, ())), not text.isascii(), text

    return {
        text: best
        for text, alike in others.items()
        if len(text) == 1 and (best := min([text, *alike], key=rank)) != text
    }


def _bare(text: str) -> str:
    return text.strip(_MARKS_OF_DIRECTION)
