"""Which rule an error is about: that of the innermost check that names one."""

import re

import pytest

from idp.protocol.errors import InvalidGrant, InvalidRequest, ProtocolError
from idp.protocol.rules import Rule, rule_broken, upholds
from tests.conftest import ROOT

HERE = __name__


@upholds("OAuth 2.0 Multiple Response Types §2.1")
def the_answer_is_42(answer: int) -> None:
    if answer != 42:
        raise InvalidGrant("The answer is 42.")


@upholds("RFC 6749 §4.1.2")
def asks_others(answer: int) -> None:
    the_answer_is_42(answer)
    unmarked(answer)


def unmarked(_: int) -> None:
    raise InvalidGrant("Which rule that breaks is not said here.")


def caught(check: object, answer: int = 0) -> ProtocolError:
    with pytest.raises(ProtocolError) as raised:
        check(answer)  # type: ignore[operator]
    return raised.value


@pytest.mark.parametrize("check", [the_answer_is_42, asks_others])
def test_the_innermost_check_that_names_a_rule_counts(check: object) -> None:
    assert rule_broken(caught(check)) == Rule(
        f"{HERE}.the_answer_is_42", "OAuth 2.0 Multiple Response Types §2.1"
    )


def test_a_function_that_names_no_rule_upholds_its_callers() -> None:
    assert rule_broken(caught(asks_others, 42)) == Rule(f"{HERE}.unmarked", "RFC 6749 §4.1.2")


def test_where_no_rule_is_named_the_errors_own_section_counts() -> None:
    assert rule_broken(caught(unmarked)) == Rule(f"{HERE}.unmarked", "RFC 6749 §5.2")


def test_an_error_that_is_raised_again_keeps_its_rule() -> None:
    first = caught(the_answer_is_42)

    def later(_: int) -> None:
        raise first

    assert rule_broken(caught(later)).check == f"{HERE}.the_answer_is_42"


def test_an_error_that_was_never_raised_has_its_own_section() -> None:
    assert rule_broken(InvalidRequest("x.")) == Rule("", "RFC 6749 §5.2")


def test_only_a_function_can_be_marked() -> None:
    with pytest.raises(TypeError, match="not a function"):
        upholds("RFC 6749 §5.2")(property(unmarked))  # type: ignore[type-var]


def test_every_rule_is_written_as_it_is_searched_for() -> None:
    """`git grep "RFC 7636"` finds all checks of a specification."""
    sources = "".join(path.read_text() for path in (ROOT / "idp").rglob("*.py"))
    rules = re.findall(r'^ *@upholds\("([^"]*)"\)', sources, re.MULTILINE)
    assert len(rules) > 100
    named = r"(OIDC|OAuth|SAML|(OAuth|FAPI) 2\.0) [A-Z][\w -]*\w"
    written = re.compile(rf"(RFC \d+|{named}) §\d+(\.\d+)*")
    assert [rule for rule in rules if not written.fullmatch(rule)] == []
