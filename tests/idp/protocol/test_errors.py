"""Errors: which rule one broke, and what may be said. RFC 6749 §4.1.2.1."""

import inspect
import re
from collections.abc import Iterator

import pytest

from idp.protocol.errors import (
    InvalidGrant,
    InvalidRequest,
    ProtocolError,
    UnregisteredRedirectUri,
    catalogue,
    printable,
    rule_broken,
)
from tests.conftest import ROOT

HERE = __name__


def the_answer_is_42(answer: int) -> None:
    """OAuth 2.0 Multiple Response Types §2.1: cited by a check, so it counts for its error."""
    if answer != 42:
        raise InvalidGrant("The answer is 42.")


def no_section(_: int) -> None:
    raise InvalidGrant("The module is asked.")


def caught(check: object) -> ProtocolError:
    with pytest.raises(ProtocolError) as raised:
        check(0)  # type: ignore[operator]
    return raised.value


def test_the_check_and_the_section_it_cites_are_told() -> None:
    told = rule_broken(caught(the_answer_is_42))
    assert told == (f"{HERE}.the_answer_is_42", "OAuth 2.0 Multiple Response Types §2.1")


def test_without_a_section_of_its_own_the_modules_counts() -> None:
    assert rule_broken(caught(no_section)) == (f"{HERE}.no_section", "RFC 6749 §4.1.2.1")


def test_an_error_that_is_raised_later_is_still_its_checks() -> None:
    first = caught(the_answer_is_42)

    def later(_: int) -> None:
        raise first

    assert rule_broken(caught(later))[0] == f"{HERE}.the_answer_is_42"


def test_an_error_that_was_never_raised_has_its_own_section() -> None:
    assert rule_broken(InvalidRequest("x.")) == ("", "RFC 6749 §5.2")


def test_an_error_stays_one_of_its_code() -> None:
    error = UnregisteredRedirectUri("redirect_uri", "https://x.example")
    assert error.code == "invalid_request"
    assert "https://x.example" not in error.description
    assert catalogue()["invalid_request"] is InvalidRequest


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_each_code_is_explained_with_steps_to_take(code: str) -> None:
    summary, _, advice = (inspect.getdoc(catalogue()[code]) or "").partition("\n\n")
    assert summary.endswith(".") or "§" in summary
    steps = re.split(r"(?m)^\d+\. ", advice)
    assert steps[0] == ""
    assert all(step.strip().endswith(".") for step in steps[1:])
    numbers = re.findall(r"(?m)^(\d+)\. ", advice)
    assert numbers == [str(number) for number in range(1, len(steps))]


def every_kind(error: type[ProtocolError] = ProtocolError) -> Iterator[type[ProtocolError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from every_kind(kind)


def test_every_code_that_can_be_sent_is_explained() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "idp").rglob("*.py"))
    written_out = re.findall(r"""["']error["']: ["'](\w+)""", sources)
    sent = {kind.code for kind in every_kind()} | set(written_out)
    assert sent - set(catalogue()) == set()


def test_printable() -> None:
    assert printable('a"b\\c\u00e9\n') == "a?b?c??"
    assert len(printable("x" * 1000)) == 300
