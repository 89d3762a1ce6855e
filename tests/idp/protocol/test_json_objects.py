"""JSON objects: strict where strictness protects."""

import pytest

from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest


def test_members() -> None:
    assert json_objects.parse(' {"a": [1, {"b": null}], "c": "\\u00e9"} ') == {
        "a": [1, {"b": None}],
        "c": "é",
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": Infinity}', "not JSON"),
        ('{"a": ' + "1" * 5000 + "}", "not JSON"),
        ("[" * 50_000, "nested"),
        ('{"a":' * 10_000, "nested"),
        ("[]", "one JSON object"),
        ("null", "one JSON object"),
        ('{"a": 1, "a": 1}', "member a"),
        ('[{"b": {"c": 1, "c": 2}}]', "member c"),
        ('{"a": "' + "x" * json_objects.MAX_CHARACTERS + '"}', "larger"),
    ],
    ids=lambda text: text[:20],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        json_objects.parse(text)
