"""Check the texts of pages and mail: every template compiles, and every text is translated.

Prints a line for each problem and exits with 1 if there is one. The compiled catalogues are
committed, so that serving needs no gettext; `--compile` writes them.
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import PoFileError, read_po
from django.conf import settings
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parent.parent
#: Where texts of ours are; the Makefile's `messages` ignores everything else.
SOURCES = ("foundation", "accounts", "idp", "signet_client", "templates")
#: What a translation must keep as it is: placeholders and markup.
KEPT = re.compile(r"%\(\w+\)\w|\{\w*\}|</?\w[^>]*>")
#: What a line of a catalogue looks like. Babel reads past a quotation mark that is missing.
LINE = re.compile(r'\s*|#.*|(msg\w+(\[\d\])? )?"([^"\\]|\\.)*"')

#: What reading a broken file raises.
UNREADABLE = (OSError, ValueError, PoFileError, struct.error)


def main(arguments: list[str] | None = None) -> int:
    """Compile the catalogues or check everything; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true", help="write the .mo files")
    parser.add_argument("--catalogues", action="store_true", help="check the catalogues alone")
    parser.add_argument("--locale", type=Path, default=ROOT / "locale", help="the catalogues")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")
    django.setup()

    catalogues = catalogues_in(options.locale)
    if options.compile:
        problems = [line for path in catalogues for line in compile_catalogue(path)]
    else:
        problems = [line for path in catalogues for line in problems_of(path)]
        if not options.catalogues:
            problems += [*broken_templates(), *uncollected(options.locale, catalogues)]
    for line in problems:
        print(line)
    if not problems and not options.compile:
        print(f"Templates compile; translated to {', '.join(map(language_of, catalogues))}.")
    return 1 if problems else 0


def catalogues_in(locale: Path) -> list[Path]:
    """Return the path of each language's catalogue, whether it is there or not."""
    codes = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
    names = [code.replace("-", "_") for code in codes]
    return [locale / name / "LC_MESSAGES" / "django.po" for name in names]


def language_of(path: Path) -> str:
    """Return the language that a catalogue translates to."""
    return path.parent.parent.name


def broken_templates() -> Iterator[str]:
    """Yield a line for each template that does not compile."""
    templates = ROOT / "templates"
    for path in sorted(path for path in templates.rglob("*") if path.is_file()):
        name = path.relative_to(templates).as_posix()
        try:
            get_template(name)
        except (TemplateSyntaxError, TemplateDoesNotExist, UnicodeDecodeError) as error:
            yield f"templates/{name}: {error}"


def read_catalogue(path: Path) -> Catalog:
    """Return the catalogue at this path; raises one of UNREADABLE."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language_of(path), abort_invalid=True)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if LINE.fullmatch(line) is None:
            raise PoFileError(f"line {number} can't be read", catalogue, line, number)
    return catalogue


def compile_catalogue(path: Path) -> Iterator[str]:
    """Write the .mo file beside a .po file; yield a line if that can't be done."""
    try:
        catalogue = read_catalogue(path)
    except UNREADABLE as error:
        yield f"{shown(path)}: {error}"
        return
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalogue)


def problems_of(path: Path) -> Iterator[str]:
    """Yield a line for each thing that is wrong with a catalogue or its compiled form."""
    try:
        catalogue = read_catalogue(path)
    except UNREADABLE as error:
        yield f"{shown(path)}: {error}"
        return
    if catalogue.fuzzy:
        yield f"{shown(path)}: the header is marked fuzzy"
    for message in catalogue:
        yield from (f"{shown(path)}:{message.lineno}: {line}" for line in flaws(message))
    try:
        with path.with_suffix(".mo").open("rb") as file:
            compiled = read_mo(file)
    except UNREADABLE as error:
        yield f"{shown(path.with_suffix('.mo'))}: {error}; run `make messages`"
        return
    if translations(compiled) != translations(catalogue):
        yield f"{shown(path.with_suffix('.mo'))}: differs from its .po; run `make messages`"


def flaws(message: Message) -> Iterator[str]:
    """Yield what is wrong with one entry; the header is none."""
    if not message.id:
        return
    sources = [message.id] if isinstance(message.id, str) else list(message.id)
    texts = [message.string] if isinstance(message.string, str) else list(message.string)
    if message.fuzzy:
        yield f"fuzzy, look at it and unmark it: {sources[0]!r}"
    elif not all(texts):
        yield f"not translated: {sources[0]!r}"
    else:
        allowed = [kept(source) for source in sources]
        for text in texts:
            if kept(text) not in allowed:
                yield f"placeholders or markup differ: {sources[0]!r} / {text!r}"


def kept(text: str) -> list[str]:
    """Return the placeholders and tags of a text, in an order that translating may change."""
    return sorted(KEPT.findall(text))


def translations(catalogue: Catalog) -> dict[object, object]:
    """Return what a program would look up: texts by context and source, and the plural rule."""
    found: dict[object, object] = {
        (text_of(message.context), _hashable(message.id)): _hashable(message.string)
        for message in catalogue
        if message.id and message.string and not message.fuzzy
    }
    found["plural"] = catalogue.plural_forms
    return found


def _hashable(text: Any) -> Any:
    """Return the forms of a text with a plural as a tuple: Babel has lists, at times."""
    return tuple(text) if isinstance(text, list | tuple) else text


def text_of(context: str | bytes | None) -> str | None:
    """Return a context as text: Babel reads it from a compiled catalogue as bytes."""
    return context.decode() if isinstance(context, bytes) else context


def uncollected(locale: Path, catalogues: list[Path]) -> Iterator[str]:
    """Yield a line for each text that `make messages` would add or drop."""
    if shutil.which("xgettext") is None:
        print("Skipped: whether every text is in the catalogues (gettext is not installed).")
        return
    caches = shutil.ignore_patterns("__pycache__")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        shutil.copy(ROOT / "manage.py", copy)
        shutil.copytree(locale, copy / "locale")
        for source in SOURCES:
            shutil.copytree(ROOT / source, copy / source, ignore=caches)
        collected = subprocess.run(
            [sys.executable, "manage.py", "makemessages", "--all", "--no-obsolete"],
            cwd=copy,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "idp.settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        if collected.returncode:
            yield f"The texts can't be collected:\n{collected.stderr.strip()}"
            return
        for path in catalogues:
            try:
                ours = sources_of(path)
                used = sources_of(copy / "locale" / path.relative_to(locale))
            except UNREADABLE:
                continue  # said already
            for source in sorted(used - ours):
                yield f"{shown(path)}: run `make messages`, then translate {source!r}"
            for source in sorted(ours - used):
                yield f"{shown(path)}: run `make messages`, nothing uses {source!r} any more"


def sources_of(path: Path) -> set[str]:
    """Return the texts that a catalogue has an entry for, each after its context if it has one."""
    found = set()
    for message in read_catalogue(path):
        if message.id:
            source = message.id if isinstance(message.id, str) else message.id[0]
            found.add(f"{message.context}: {source}" if message.context else source)
    return found


def shown(path: Path) -> str:
    """Return a path relative to the working directory."""
    return os.path.relpath(path)


if __name__ == "__main__":
    sys.exit(main())
