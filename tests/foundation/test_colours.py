"""Accents of any colour can be read in both themes. WCAG 2.2 §1.4.3, §1.4.11."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.colours import (
    ACCENT,
    BLACK,
    DARK,
    LIGHT,
    SURFACES,
    WHITE,
    WORDS,
    Theme,
    contrast,
    shades_of,
    stylesheet,
)
from tests.conftest import ROOT

pytestmark = pytest.mark.once
THEMES = st.sampled_from([LIGHT, DARK])
ACCENTS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)
EXTREMES = [WHITE, BLACK, "#ffff00", "#0000ff", "#00ff00", "#808080", "#767676", "#8f3524"]


def check(accent: str, theme: Theme) -> None:
    shades = shades_of(accent, theme)
    for background in theme.backgrounds:
        assert contrast(shades.words, background) >= WORDS
        assert contrast(shades.words_hovered, background) >= WORDS
    assert contrast(shades.on_surface, shades.surface) >= WORDS
    assert contrast(shades.on_surface, shades.surface_hovered) >= WORDS
    assert contrast(shades.surface, theme.card) >= SURFACES
    assert contrast(shades.on_tint, shades.tint) >= WORDS


@given(ACCENTS, THEMES)
def test_words_and_buttons_of_any_accent_can_be_read(accent: str, theme: Theme) -> None:
    check(accent, theme)


@pytest.mark.parametrize("accent", EXTREMES)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_so_can_those_of_the_extremes(accent: str, theme: Theme) -> None:
    check(accent, theme)


@given(ACCENTS, THEMES)
def test_an_accent_that_can_be_read_stays_as_it_is(accent: str, theme: Theme) -> None:
    if all(contrast(accent, background) >= WORDS for background in theme.backgrounds):
        assert shades_of(accent, theme).words == accent
    if contrast(accent, theme.card) >= SURFACES:
        assert shades_of(accent, theme).surface == accent


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.01)
    assert contrast("#abcdef", "#abcdef") == 1


@given(ACCENTS)
def test_a_stylesheet_has_nothing_but_colours(accent: str) -> None:
    color = "#[0-9a-f]{6}"
    pair = rf"--[a-z-]+:light-dark\({color},{color}\)"
    assert re.fullmatch(rf":root\{{{pair}(;{pair})*\}}", stylesheet(accent))


@pytest.mark.parametrize("text", ["", "red", "#fff", "#12345g", "#123456;", "#123456\n"])
def test_nothing_else_is_an_accent(text: str) -> None:
    assert ACCENT.fullmatch(text) is None


def test_the_backgrounds_are_those_of_the_pages() -> None:
    tokens = (ROOT / "static/tokens.css").read_text()
    names = ["paper", "card", "field", "note-paper"]
    pairs = [re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", tokens) for name in names]
    assert [pair and pair[1] for pair in pairs] == list(LIGHT.backgrounds)
    assert [pair and pair[2] for pair in pairs] == list(DARK.backgrounds)


def test_every_property_that_it_sets_is_one_of_the_pages() -> None:
    tokens = (ROOT / "static/tokens.css").read_text()
    for name in re.findall(r"--([a-z-]+):", stylesheet("#336699")):
        assert f"--{name}: " in tokens
