"""Errors: which rule one broke, and what may be said. RFC 6749 §4.1.2.1."""

import inspect
import re
from collections.abc import Iterator

import pytest

from idp.protocol.errors import (
    InvalidRequest,
    ProtocolError,
    UnregisteredRedirectUri,
    catalogue,
    printable,
)
from tests.conftest import ROOT


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
