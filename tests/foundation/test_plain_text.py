import pytest

from foundation.plain_text import isolated, made_visible, problem_with


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bakery",
        "Bäckerei Lima & Söhne",
        "Ana-María O’Neil",
        "パン屋",
        "\u0645\u062e\u0628\u0632",
        "\u05de\u05d0\u05e4\u05d9\u05d4",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian needs the non-joiner,
        "क्\u200dष",  # Hindi the joiner
        "Bakery 🥐",
        "\u2764\ufe0f bread",
        "\U0001f469\u200d\U0001f373 kitchen",
        "\U0001f469\U0001f3fd\u200d\U0001f373",
        "a\u00a0b",
        "…",
    ],
)
def test_text_that_can_be_shown(text: str) -> None:
    assert problem_with(text) is None
    assert made_visible(text) == text


@pytest.mark.parametrize(
    ("text", "character"),
    [
        *((f"Bake{chr(code)}ry", f"U+{code:04X}") for code in (0x202A, 0x202E, 0x2066, 0x2069)),
        *((f"Bake{chr(code)}ry", f"U+{code:04X}") for code in (0x200B, 0x200C, 0x200D, 0x200E)),
        *((f"Bake{chr(code)}ry", f"U+{code:04X}") for code in (0x2060, 0xFEFF, 0xAD, 0x61C)),
        *((f"Bake{chr(code)}ry", f"U+{code:04X}") for code in (0x115F, 0x3164, 0xFFA0, 0x2800)),
        *((f"Bake{chr(code)}ry", f"U+{code:04X}") for code in (0x34F, 0xFE0F, 0xE0042, 0xE0100)),
        *((f"Bake{chr(code)}ry", f"U+{code:04X}") for code in (0x0, 0x1B, 0x85, 0x2028, 0xE000)),
        ("\u200dBakery", "U+200D"),
        ("\ufe0f", "U+FE0F"),
        ("Bakery\n", "U+000A"),
        ("\ud83e", "U+D83E"),
    ],
)
def test_text_with_what_cannot_be_seen(text: str, character: str) -> None:
    assert character in (problem_with(text) or "")
    if character != "U+000A":
        assert made_visible(text) == text.replace(chr(int("0x" + character[2:], 0)), character)


@pytest.mark.parametrize("text", [" ", "\u3000", "\u00a0\u2003", "\u0301", " \u0308 "])
def test_text_that_looks_empty(text: str) -> None:
    assert "Nothing" in (problem_with(text) or "")


def test_lines_where_there_may_be_lines() -> None:
    assert problem_with("Rua do Ouro 1\nLisboa", lines=True) is None
    assert problem_with("Rua\u202e\nLisboa", lines=True) is not None


def test_a_name_within_a_text_keeps_its_direction_to_itself() -> None:
    assert isolated("Bakery") == "Bakery"
    assert isolated("パン屋") == "\u2068パン屋\u2069"
