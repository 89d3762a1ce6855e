"""What IDP_CLAIM_SOURCES may name, and what `check` says of the rest."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from idp.claim_sources import AggregatedClaims, configured
from idp.deploy_checks import values_are_known
from idp.models.scope import problem_with_claims
from tests.claim_sources import SOURCES, AnyJWT

DOCS = Path(__file__).parents[3] / "docs" / "operators.md"


class Raising(AnyJWT):
    def __init__(self) -> None:
        raise RuntimeError("no address set")


class WithoutMethod(AggregatedClaims):
    provider, claims = "P", {"one": "x"}


class WithoutProvider(AnyJWT):
    provider = " "


class Standard(AnyJWT):
    claims = {"email": "your address"}


class OfTheProtocol(AnyJWT):
    claims = {"sub": "you"}


class Tagged(AnyJWT):
    claims = {"name#de": "your name"}


class Wordless(AnyJWT):
    claims = {"one": ""}


class Nothing(AnyJWT):
    claims: Any = ["one"]


HERE = "tests.idp.claim_sources.test_configured"


def problems(settings: Any, *paths: str) -> tuple[str, ...]:
    settings.IDP_CLAIM_SOURCES = list(paths)
    return configured.problems()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nowhere.Bureau", "can't be imported: ModuleNotFoundError"),
        ("tests.claim_sources.Nobody", "can't be imported: ImportError"),
        ("bureau", "can't be imported"),
        ("tests.claim_sources.signed", "is no class of the kind AggregatedClaims or"),
        ("idp.claim_sources.ClaimSource", "is no class of the kind AggregatedClaims or"),
        (f"{HERE}.Raising", "can't be made: RuntimeError: no address set"),
        (f"{HERE}.WithoutMethod", "lacks jwt"),
        (f"{HERE}.WithoutProvider", "provider is no text"),
        (f"{HERE}.Standard", "email: This claim means something else already."),
        (f"{HERE}.OfTheProtocol", "sub: This claim means something else already."),
        (f"{HERE}.Tagged", "name#de: This is not a claim's name."),
        (f"{HERE}.Wordless", "claim one has no words"),
        (f"{HERE}.Nothing", "claims are no mapping"),
    ],
)
def test_what_can_not_be_used_is_named_and_left_out(settings: Any, path: str, says: str) -> None:
    [problem] = problems(settings, *SOURCES, path)
    assert problem.startswith(f"{path}: ")
    assert says in problem
    assert [found.path for found in configured.sources()] == SOURCES
    [message] = values_are_known()
    assert message.id == "idp.E005"
    assert problem in message.msg


def test_a_claim_has_one_source(settings: Any) -> None:
    one, other = "tests.claim_sources.AnyJWT", "tests.claim_sources.AnyEndpoint"
    assert problems(settings, one, other) == (f"{other}: {one} gives the claim one already.",)


def test_a_scope_shows_only_what_a_source_has(settings: Any) -> None:
    settings.IDP_CLAIM_SOURCES = []
    claims = {"land": "claims provider"}
    assert "No source in IDP_CLAIM_SOURCES" in (problem_with_claims(claims) or "")
    settings.IDP_CLAIM_SOURCES = SOURCES
    assert problem_with_claims(claims) is None


def test_the_example_of_the_documentation_can_be_used(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = DOCS.read_text().partition("## Aggregated and distributed claims")[2]
    section = section.partition("\n## ")[0]
    [module] = re.findall(r"```python\n(.+?)```", section, re.DOTALL)
    (tmp_path / "bakery_claims.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    [setting] = re.findall(r"IDP_CLAIM_SOURCES=([\w.,]+)", section)
    assert problems(settings, *setting.split(",")) == ()
    assert configured.claim_types() == ("aggregated", "distributed")
    sys.modules.pop("bakery_claims")
