"""Shades of an accent colour for both themes, with contrast as WCAG 2.2 asks for at level AA.

An accent is one colour, as an operator writes it. Words in it must be readable on every background
of our pages, and words on it, too, so each theme has shades of its own.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

#: Where the stylesheet of an accent is served.
STYLESHEET_PATH = "/accent.css"
#: How an accent is written: six hexadecimal digits, as HTML's colour fields send it.
ACCENT = re.compile("#[0-9A-Fa-f]{6}")
#: Contrast of words with their background, and of a button's surface with what is around it: WCAG
#: 2.2 §1.4.3 and §1.4.11.
WORDS, SURFACES = 4.5, 3.0
WHITE, BLACK = "#ffffff", "#000000"
#: A shade is mixed in steps of this share.
_STEPS = 50
#: How much of another colour a hovered shade and a tint have.
_HOVERED, _HOVERED_SURFACE, _TINTED = 0.2, 0.12, 0.82


@dataclass(frozen=True)
class Theme:
    """The backgrounds of a theme (static/tokens.css), and its ink at full strength."""

    paper: str
    card: str
    field: str
    note: str
    ink: str

    @property
    def backgrounds(self) -> tuple[str, ...]:
        """The colours that words of the accent stand on."""
        return (self.paper, self.card, self.field, self.note)


LIGHT = Theme("#f6f3ef", "#fffdfb", "#ffffff", "#f3ede4", ink=BLACK)
DARK = Theme("#191614", "#221e1b", "#1b1816", "#2a251f", ink=WHITE)


@dataclass(frozen=True)
class Shades:
    """The shades of an accent in one theme."""

    #: Words and lines, such as links.
    words: str
    words_hovered: str
    #: Buttons, and the words on them.
    surface: str
    surface_hovered: str
    on_surface: str
    #: Backgrounds of initials, and the initials.
    tint: str
    on_tint: str


#: The custom properties of static/tokens.css by shade.
PROPERTIES = {
    "words": "wax",
    "words_hovered": "wax-deep",
    "surface": "seal",
    "surface_hovered": "seal-deep",
    "on_surface": "on-seal",
    "tint": "tint",
    "on_tint": "on-tint",
}
#: The shades of an operator who has set no accent (static/tokens.css).
OURS = {
    LIGHT: Shades(
        words="#8f3524",
        words_hovered="#762a1b",
        surface="#8f3524",
        surface_hovered="#762a1b",
        on_surface=WHITE,
        tint="#ead8d1",
        on_tint="#6b2216",
    ),
    DARK: Shades(
        words="#eb9a84",
        words_hovered="#f3b3a1",
        surface="#b24a33",
        surface_hovered="#bb5039",
        on_surface=WHITE,
        tint="#5a3226",
        on_tint="#f6c9bc",
    ),
}


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21. WCAG 2.2, "contrast ratio"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache
def shades_of(accent: str, theme: Theme) -> Shades:
    """Return the shades of an accent (ACCENT) that can be read in a theme."""
    words = _corrected(accent, theme.backgrounds, toward=theme.ink, least=WORDS)
    surface = _corrected(accent, (theme.card,), toward=theme.ink, least=SURFACES)
    on_surface = WHITE if contrast(WHITE, surface) >= WORDS else BLACK
    away = BLACK if on_surface == WHITE else WHITE
    tint = _mixed(surface, theme.card, _TINTED)
    return Shades(
        words=words,
        words_hovered=_mixed(words, theme.ink, _HOVERED),
        surface=surface,
        surface_hovered=_mixed(surface, away, _HOVERED_SURFACE),
        on_surface=on_surface,
        tint=tint,
        on_tint=_corrected(accent, (tint,), toward=theme.ink, least=WORDS),
    )


def stylesheet(accent: str) -> str:
    """Return CSS that puts an accent (ACCENT) in the place of that of static/tokens.css."""
    light, dark = shades_of(accent, LIGHT), shades_of(accent, DARK)
    pairs = (
        f"--{name}:light-dark({getattr(light, shade)},{getattr(dark, shade)})"
        for shade, name in PROPERTIES.items()
    )
    return f":root{{{';'.join(pairs)}}}"


def _corrected(colour: str, backgrounds: tuple[str, ...], *, toward: str, least: float) -> str:
    """Return a colour, mixed with another as far as its contrast with all backgrounds needs."""
    for step in range(_STEPS):
        shade = _mixed(colour, toward, step / _STEPS)
        if all(contrast(shade, background) >= least for background in backgrounds):
            return shade
    return toward


def _mixed(colour: str, other: str, share: float) -> str:
    """Return a colour with a share of another one."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, from 0 to 1. WCAG 2.2, "relative luminance"."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
