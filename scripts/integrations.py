"""Write docs/integrations from the catalogue: a page for each program, and the index.

Write idp/integrations/descriptions.py, too, from which the texts to translate are collected.

`--check` writes nothing; it prints which pages differ and exits with 1.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from idp.integrations.catalogue import EXAMPLES, Integration, by_category, catalogue  # noqa: E402

DESCRIPTIONS = ROOT / "idp" / "integrations" / "descriptions.py"
MODULE = '''"""The descriptions of the catalogue's programs, for translators.

Written by scripts/integrations.py from idp/integrations/programs.
"""

from typing import Final

from django.utils.translation import gettext_noop as _

DESCRIPTIONS: Final = ('''
DOCS = ROOT / "docs" / "integrations"
KINDS = {
    "website": "web app",
    "single-page": "single-page app",
    "native": "native app",
    "device": "command-line or TV app",
    "machine": "machine-to-machine client",
}
GENERATED = "<!-- Written by scripts/integrations.py from idp/integrations/programs. -->\n"
INDEX = """# Integrations

Settings of programs that sign users in with Signet. **Apps → Add app** in the admin offers each:
it fills in redirect URIs and scopes, and shows the settings with your own values. `/developers/`
on a running provider shows them to developers.

Signet's tests run the programs with a version beside them, with the very settings shown here. The
settings of the others are from their own documentation.
"""
VALUES = """Replace {values}. **Apps → Add app → {name}** in the admin registers the app and
shows these settings with your own values.
"""


def main() -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    pages = {f"{each.slug}.md": page_of(each) for each in catalogue().values()}
    pages["README.md"] = index()
    is_stale = DESCRIPTIONS.read_text(encoding="utf-8") != descriptions()
    if is_stale:
        print(f"{DESCRIPTIONS.name} differs from the catalogue; run scripts/integrations.py")
        if not check:
            DESCRIPTIONS.write_text(descriptions(), encoding="utf-8")
    stale = [name for name in found() | pages.keys() if pages.get(name) != text_of(name)]
    for name in sorted(stale):
        print(f"docs/integrations/{name} differs from the catalogue; run scripts/integrations.py")
        if not check:
            write(name, pages.get(name))
    return 1 if check and (stale or is_stale) else 0


def descriptions() -> str:
    """Return the module with the programs’ descriptions."""
    lines = (
        f"    _({json.dumps(each.about, ensure_ascii=False)})," for each in catalogue().values()
    )
    return "\n".join([MODULE, *lines, ")\n"])


def found() -> set[str]:
    """Return the names of the pages that there are."""
    return {path.name for path in DOCS.glob("*.md")}


def text_of(name: str) -> str | None:
    """Return a page as it is, or None."""
    path = DOCS / name
    return path.read_text(encoding="utf-8") if path.exists() else None


def write(name: str, text: str | None) -> None:
    """Write a page, or delete it if its program is gone."""
    DOCS.mkdir(exist_ok=True)
    if text is None:
        (DOCS / name).unlink()
    else:
        (DOCS / name).write_text(text, encoding="utf-8")


def index() -> str:
    """Return the list of all programs by category."""
    lines = [GENERATED, INDEX]
    for category, programs in by_category().items():
        lines += [f"## {category}\n", "| Program | | Tested |", "|---|---|---|"]
        lines += [
            f"| [{each.name}]({each.slug}.md) | {each.about} | "
            f"{each.tested.version if each.tested else ''} |"
            for each in programs
        ]
        lines.append("")
    return "\n".join(lines)


def page_of(program: Integration) -> str:
    """Return the page of a program, with examples for all values."""
    each = program.filled_in()
    return "\n".join([GENERATED, *_head(each), *_settings(each), *_more(each)])


def _head(each: Integration) -> Iterator[str]:
    yield f"# {each.name}\n"
    yield f"{each.about}\n"
    yield VALUES.format(name=each.name, values=_values(each))
    yield "| | |"
    yield "|---|---|"
    for name, value in _facts(each):
        yield f"| {name} | {value} |"
    yield ""


def _facts(each: Integration) -> Iterator[tuple[str, str]]:
    yield "Kind of app", KINDS[each.kind]
    yield "Redirect URIs", _code(each.redirect_uris)
    if each.post_logout_redirect_uris:
        yield "Post-logout redirect URIs", _code(each.post_logout_redirect_uris)
    if each.backchannel_logout_uri:
        yield "Back-channel logout URI", _code([each.backchannel_logout_uri])
    yield "Scopes", _code([" ".join(each.scopes)])
    if each.stays_signed_in:
        yield "Refresh tokens", "yes: “It stays signed in”"
    for name, value in each.client.items():
        yield f"`{name}`", _code([str(value)])
    yield "Its documentation", f"<{each.documentation}>"
    yield "Tested", _tested(each)


def _tested(each: Integration) -> str:
    if each.tested is None:
        return "no; the settings are from its documentation"
    return f"{each.tested.version}, by [{Path(each.tested.by).name}](../../{each.tested.by})"


def _values(each: Integration) -> str:
    """Return the examples in the settings, as the start of a list in a sentence."""
    texts = "".join((*each.redirect_uris, *(setting.text for setting in each.settings)))
    found = [f"`{value}`" for value in (*EXAMPLES.values(), each.base) if value in texts]
    return " and ".join([", ".join(found[:-1]), *found[-1:]])


def _settings(each: Integration) -> Iterator[str]:
    yield "## Settings\n"
    for setting in each.settings:
        yield f"**{setting.title}**\n"
        yield f"```{setting.language}\n{setting.text.rstrip()}\n```\n"


def _more(each: Integration) -> Iterator[str]:
    if each.roles:
        yield f"## Groups and roles\n\n{each.roles.strip()}\n"
    if each.notes:
        yield "## Notes\n"
        yield "\n".join(f"- {note.strip()}" for note in each.notes) + "\n"
    yield f"![{_shown(each)}](../images/integrations/{each.picture or f'{each.slug}.png'})\n"


def _shown(each: Integration) -> str:
    """Return what the picture of a program shows: the program, or its page in the wizard."""
    if each.picture:
        return f"{each.name} after a sign-in"
    return f"The settings of {each.name} in Signet’s admin, with the values of an app"


def _code(texts: tuple[str, ...] | list[str]) -> str:
    return "<br>".join(f"`{text}`" for text in texts)


if __name__ == "__main__":
    sys.exit(main())
