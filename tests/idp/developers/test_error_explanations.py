"""What the pages behind `error_uri` explain: every code that can be sent, with steps to take."""

import re
from collections.abc import Iterator

import pytest

from idp.developers.error_explanations import CAUSES, EXPLANATIONS
from idp.protocol.errors import ProtocolError
from tests.conftest import ROOT


def every_kind(error: type[ProtocolError] = ProtocolError) -> Iterator[type[ProtocolError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from every_kind(kind)


def test_exactly_the_codes_that_can_be_sent_are_explained() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "idp").rglob("*.py"))
    written_out = re.findall(r"""["']error["']: ["'](\w+)""", sources)
    ours = [kind for kind in every_kind() if kind.__module__.startswith("idp.")]
    assert {kind.code for kind in ours} | set(written_out) == set(EXPLANATIONS)


def test_exactly_the_causes_that_have_a_page_are_explained() -> None:
    assert {kind.cause for kind in every_kind() if kind.cause} == set(CAUSES)
    assert not CAUSES.keys() & EXPLANATIONS.keys()


@pytest.mark.parametrize("page", sorted(EXPLANATIONS | CAUSES))
def test_each_is_explained_in_sentences(page: str) -> None:
    explanation = (EXPLANATIONS | CAUSES)[page]
    assert explanation.steps
    for text in (explanation.meaning, *explanation.steps):
        assert str(text).endswith(".")
