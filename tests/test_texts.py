"""Every template compiles and every text is translated; what breaks that is noticed."""

import io
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from scripts import check_texts
from tests.conftest import ROOT


def problems(locale: Path, *options: str) -> str:
    """Return what is said of these catalogues, sure that they were found wrong."""
    with redirect_stdout(io.StringIO()) as said:
        assert check_texts.main(["--locale", str(locale), *options]) == 1
    return said.getvalue()


@pytest.fixture
def locale(tmp_path: Path) -> Path:
    """A copy of the catalogues, to be broken."""
    return shutil.copytree(ROOT / "locale", tmp_path / "locale")


def change(locale: Path, old: str, new: str) -> None:
    catalogue = locale / "de" / "LC_MESSAGES" / "django.po"
    text = catalogue.read_text(encoding="utf-8")
    assert old in text
    catalogue.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_texts_are_complete() -> None:
    assert check_texts.main([]) == 0


def test_a_broken_catalogue_is_noticed(locale: Path) -> None:
    change(locale, 'msgstr "Anmelden"', 'msgstr ""')
    change(locale, 'msgid "Sign out"', '#, fuzzy\nmsgid "Sign out"')
    change(locale, "Datenschutz bei <bdi>%(app)s", "Datenschutz bei <bdi>%(App)s")
    change(locale, "Weiter zu <bdi>%(app)s</bdi>?", "Weiter zu <b>%(app)s</bdi>?")
    said = problems(locale, "--catalogues")
    assert "not translated: 'Sign in'" in said
    assert "fuzzy, look at it and unmark it: 'Sign out'" in said
    assert "placeholders or markup differ: 'Privacy at <bdi>%(app)s</bdi>'" in said
    assert "placeholders or markup differ: 'Continue to <bdi>%(app)s</bdi>?'" in said
    assert "differs from its .po" in said


@pytest.mark.parametrize(
    ("old", "new"), [('"Anmelden"', '"Hinein"'), ("(n != 1)", "(n > 1)")], ids=["text", "plural"]
)
def test_a_stale_compiled_catalogue_is_noticed_and_compiling_helps(
    locale: Path, old: str, new: str
) -> None:
    change(locale, old, new)
    assert "django.mo: differs from its .po" in problems(locale, "--catalogues")
    assert check_texts.main(["--locale", str(locale), "--compile"]) == 0
    assert check_texts.main(["--locale", str(locale), "--catalogues"]) == 0


def test_a_missing_or_unreadable_catalogue_is_noticed(locale: Path) -> None:
    (locale / "de" / "LC_MESSAGES" / "django.mo").unlink()
    assert "django.mo: " in problems(locale, "--catalogues")
    change(locale, 'msgid "Sign in"', 'msgid "Sign in')
    assert "django.po: " in problems(locale, "--catalogues")
    shutil.rmtree(locale / "de")
    assert "django.po: " in problems(locale, "--catalogues")


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")
def test_a_text_that_no_catalogue_has_is_noticed(locale: Path) -> None:
    change(locale, 'msgid "Sign in"', 'msgid "Step in"')
    said = problems(locale)
    assert "then translate 'Sign in'" in said
    assert "nothing uses 'Step in' any more" in said
