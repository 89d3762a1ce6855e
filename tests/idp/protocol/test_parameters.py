import pytest

from idp.protocol.errors import InvalidRequest, printable
from idp.protocol.parameters import MAX_CHARACTERS, Parameters


def test_values_are_decoded_and_empty_ones_count_as_not_sent() -> None:
    parameters = Parameters.parse("a=%C3%BC+b&c=&d=%zz")
    assert parameters.get("a") == "ü b"
    assert parameters.get("c") is None
    assert parameters.get("d") == "%zz"


def test_query_and_body_are_one_request() -> None:
    parameters = Parameters.parse("a=1&b=2", "b=2&c=3")
    assert parameters.repeated == {"b"}
    assert parameters.get("b") is None
    with pytest.raises(InvalidRequest, match="sent more often: b"):
        parameters.refuse_repeats()


def test_resource_may_repeat() -> None:
    Parameters.parse("resource=a&resource=b&audience=c&audience=d").refuse_repeats()


@pytest.mark.parametrize(
    "query",
    [
        "a=%00",
        "%00=a",
        "a=%ff%fe",
        "&".join(f"p{n}=1" for n in range(200)),
        "a=" + "x" * MAX_CHARACTERS,
    ],
)
def test_what_cannot_be_read_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        Parameters.parse(query)


def test_require_names_what_is_missing() -> None:
    with pytest.raises(InvalidRequest, match="grant_type is missing"):
        Parameters.parse("").require("grant_type")


def test_descriptions_keep_to_the_characters_that_are_allowed() -> None:
    assert printable('a"b\\c\nd\u00fce') == "a?b?c?d?e"
