"""Names that people take for each other. UTS #39 §4.

The data, Unicode's confusables.txt, comes with the package confusable-homoglyphs. What is stored of
names is as old as the data that it was made from; saving a name again renews it.
"""

import unicodedata
from functools import cache

_MARKS_OF_DIRECTION = "\u200e\u200f"
#: Read alike in most typefaces, beyond Unicode's list.
_ALSO = {"i": "l", "vv": "w"}


def skeleton(name: str) -> str:
    """Return what names have in common that people take for each other; empty if nothing is left.

    Case, accents, spaces and punctuation make no difference, nor do letters of other scripts that
    look the same. It is no name, and nothing to show.
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
