"""Untrusted text for display: allowed characters, and isolation in pages.

Unicode's invisible characters make two names look alike; its direction controls change the reading
of the text around them (UTS #39, UAX #9).
"""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from idna.core import valid_contextj

#: Controls, format characters (direction, zero width), halves and private use, line separators.
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
#: Letters, marks and symbols without a glyph: Default_Ignorable_Code_Point and blanks.
_UNSEEN = frozenset(
    {
        *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0, 0xFFFC)),
        *map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9))),
        *map(chr, (0x16FE4, 0x1D159, *range(0xE0000, 0xE1000))),
    }
)
_NOT_JOINER, _JOINER = "\u200c", "\u200d"
_EMOJI_STYLE = "\ufe0f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def problem_with(text: str, *, lines: bool = False) -> str | None:
    """Return why a text can't be shown to users, as a sentence; None if it can, or is empty.

    With `lines` it may have line breaks.
    """
    if text.isascii() and text.isprintable() and (not text or text.strip(" ")):
        return None  # the usual case, and cheap
    for position, character in enumerate(text):
        if lines and character in "\r\n":
            continue
        if _is_unseen(text, position):
            return gettext("It has a character that cannot be seen (%(character)s).") % {
                "character": _code_point(character)
            }
    if text and not any(unicodedata.category(character)[0] in "LNPS" for character in text):
        return gettext("Nothing of it can be seen.")
    return None


def validate_plain(text: str) -> None:
    """Raise ValidationError for a text that can't be shown to users."""
    problem = problem_with(text)
    if problem is not None:
        raise ValidationError(problem)


def made_visible(text: str) -> str:
    """Return a text with its invisible characters replaced by their code points."""
    return "".join(
        _code_point(character) if _is_unseen(text, position) and character != "\n" else character
        for position, character in enumerate(text)
    )


def isolated(text: str) -> str:
    """Return a text for the middle of another one, whose direction it does not change.

    For mails, titles and attributes; in HTML use `<bdi>`. UAX #9 §2.5.
    """
    if text.isascii():
        return text
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def _is_unseen(text: str, position: int) -> bool:
    character = text[position]
    if character < "\x7f":  # the usual case, and cheap
        return character < " "
    if unicodedata.category(character) not in _UNSEEN_CATEGORIES and character not in _UNSEEN:
        return False
    return not _joins(text, position)


def _joins(text: str, position: int) -> bool:
    """Whether a joiner, or the emoji style, is part of a spelling. RFC 5892 §A.1, §A.2; UTS #51."""
    character, before = text[position], text[:position]
    after = text[position + 1 :]
    if character == _EMOJI_STYLE:
        return bool(before) and _is_symbol(before[-1])
    if character == _JOINER and before and after and _is_symbol(after[0]):
        return _is_symbol(before.rstrip(_EMOJI_STYLE)[-1:] or " ")
    if character in {_JOINER, _NOT_JOINER}:
        return bool(before) and valid_contextj(text, position)
    return False


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sk"}


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
