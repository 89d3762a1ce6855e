import pytest

from foundation.lookalikes import skeleton


@pytest.mark.parametrize(
    "other",
    [
        "BAKERY",
        "B a k e r y",
        "Bakery!",
        "Bakéry",
        "\u0412\u0430kery",  # Cyrillic Ve and a
        "Bak\u0435ry",  # Cyrillic e
        "\uff22\uff41\uff4b\uff45\uff52\uff59",  # full width
        "\U0001d401\U0001d41a\U0001d424\U0001d41e\U0001d42b\U0001d432",  # mathematical bold
        "Bake\u200bry",
    ],
)
def test_names_that_users_take_for_bakery(other: str) -> None:
    assert skeleton(other) == skeleton("Bakery")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("PayPal", "PaypaI"),
        ("PayPal", "paypa1"),
        ("Google", "G00gle"),
        ("Modem", "Modern"),
        ("Wiki", "VViki"),
        ("\u0421\u043e\u043a", "Co\u043a"),
    ],
)
def test_others_that_look_alike(name: str, other: str) -> None:
    assert skeleton(name) == skeleton(other)


@pytest.mark.parametrize("other", ["Bakeries", "Baker", "Fakery", "Bakery 2", "パン屋", "?!"])
def test_names_that_do_not(other: str) -> None:
    assert skeleton(other) != skeleton("Bakery")


def test_nothing_is_left_of_a_name_without_letters() -> None:
    assert skeleton("… ·") == ""
