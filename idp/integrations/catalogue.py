"""The catalogue: one YAML file for each program, with its URIs and settings.

The admin's wizard, the developers' pages, docs/integrations and the tests of real programs read it,
so they can't differ. To add a program: write programs/<slug>.yaml, run scripts/integrations.py.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from django.utils.translation import gettext

from idp.folders import SHIPPED
from idp.integrations.categories import CATEGORIES

PROGRAMS: Final = Path(__file__).parent / "programs"
#: Whole programs, whose files are a program's settings.
QUICK_START_FILES: Final = SHIPPED / "examples" / "quickstart"
#: Kinds of app that programs can be, as the wizard names them.
KINDS: Final = ("website", "single-page", "native", "device", "machine")
#: The placeholders of settings, besides `base`, and their values in documentation.
EXAMPLES: Final = {
    "issuer": "https://id.example.com",
    "client_id": "your-client-id",
    "client_secret": "your-client-secret",
}
#: The algorithm of ID tokens, where neither a program's file nor the app says another.
_SIGNED_WITH: Final = "RS256"
_PLACEHOLDER: Final = re.compile(r"\{(issuer|client_id|client_secret|base|id_token_alg)\}")
#: What was probably meant as a placeholder: other braces are the program's own.
_LIKE_PLACEHOLDER: Final = re.compile(r"(?<![${])\{\w*(?:issuer|client|secret|base)\w*\}")
#: A client_id, and an address, that no language of settings has to escape.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]+")
_PLAIN_ADDRESS: Final = re.compile(
    r"https?://(?:[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?(?:/[\w./~-]*)?", re.ASCII
)
_REQUIRED: Final = ("name", "category", "about", "documentation", "kind", "base", "settings")


class CatalogueError(ValueError):
    """A file of the catalogue is wrong; the message names it and says why."""


@dataclass(frozen=True)
class Setting:
    """A file, command or form of a program."""

    title: str
    language: str
    text: str


@dataclass(frozen=True)
class Tested:
    """Which version of the program a test runs."""

    version: str
    by: str


@dataclass(frozen=True)
class Integration:
    """A program, what the wizard registers for it, and its settings."""

    slug: str
    name: str
    category: str
    about: str
    #: The program's own documentation of OpenID Connect.
    documentation: str
    kind: str
    #: An example of the program's own address, `{base}` elsewhere. No slash at its end.
    base: str
    settings: tuple[Setting, ...]
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    #: The client ID that the program has built in; the first app that is added for it gets it.
    client_id: str = ""
    #: What the program asks for.
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    #: Whether it uses refresh tokens.
    stays_signed_in: bool = False
    #: Client metadata that differs from what the wizard sets for this kind.
    client: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    #: How it maps groups or roles; empty if it doesn't.
    roles: str = ""
    #: None: its settings are from its documentation.
    tested: Tested | None = None
    #: A file of docs/images/integrations; empty if that shows the wizard's page, as <slug>.png.
    picture: str = ""

    def filled_in(
        self,
        *,
        issuer: str = "",
        client_id: str = "",
        client_secret: str = "",
        base: str = "",
        id_token_alg: str = "",
    ) -> "Integration":
        """Return it with these values in all texts; examples for missing and unusual ones."""
        given = {
            "issuer": issuer,
            "client_id": client_id if _PLAIN.fullmatch(client_id) else "",
            "client_secret": client_secret,
            "base": base.rstrip("/") if is_base(base) else self.base,
            "id_token_alg": id_token_alg or self.id_token_alg or _SIGNED_WITH,
        }
        values = EXAMPLES | {name: value for name, value in given.items() if value}

        def filled(texts: Iterable[str]) -> tuple[str, ...]:
            return tuple(_filled(text, values) for text in texts)

        return replace(
            self,
            base=values["base"],
            redirect_uris=filled(self.redirect_uris),
            post_logout_redirect_uris=filled(self.post_logout_redirect_uris),
            backchannel_logout_uri=_filled(self.backchannel_logout_uri, values),
            settings=tuple(replace(s, text=_filled(s.text, values)) for s in self.settings),
            notes=filled(self.notes),
            roles=_filled(self.roles, values),
        )

    @property
    def shown_about(self) -> str:
        """The description in the page's language (`descriptions` has it for translators)."""
        return gettext(self.about)

    @property
    def id_token_alg(self) -> str:
        """The algorithm of ID tokens that the wizard proposes for it, or nothing."""
        return str(self.client.get("id_token_signed_response_alg", ""))

    @property
    def has_address(self) -> bool:
        """Whether its own address matters: it is in its URIs or settings."""
        texts = (*self.redirect_uris, *(each.text for each in self.settings))
        return any("{base}" in text for text in texts)

    def base_of(self, redirect_uris: list[str]) -> str:
        """Return the program's address by the redirect URIs of an app; the example if none fits."""
        for pattern in self.redirect_uris:
            _start, placeholder, end = pattern.partition("{base}")
            for uri in redirect_uris if placeholder else ():
                base = uri.removesuffix(end)
                if uri.endswith(end) and is_base(base):
                    return base
        return self.base

    def matches(self, words: str) -> bool:
        """Whether every word occurs in its name, category or description, translated or not."""
        if not words.strip():
            return True
        texts = (self.slug, self.name, self.category, self.about, self.shown_about)
        text = " ".join(texts).casefold()
        return all(word in text for word in words.casefold().split())


def is_base(address: str) -> bool:
    """Whether this can be a program's address: http(s), plain characters, no query or fragment."""
    if not _PLAIN_ADDRESS.fullmatch(address):
        return False
    try:
        return bool(urlsplit(address).hostname) and urlsplit(address).port != 0
    except ValueError:
        return False


@cache
def catalogue() -> dict[str, Integration]:
    """Return all programs by slug, in the order of categories and names.

    Raises CatalogueError.
    """
    found = [read(path) for path in PROGRAMS.glob("*.yaml")]
    found.sort(key=lambda each: (list(CATEGORIES).index(each.category), each.name.casefold()))
    return {each.slug: each for each in found}


def by_category(words: str = "") -> dict[str, list[Integration]]:
    """Return the programs that match these words, under their categories."""
    found: dict[str, list[Integration]] = {}
    for each in catalogue().values():
        if each.matches(words):
            found.setdefault(each.category, []).append(each)
    return found


def read(path: Path) -> Integration:
    """Return the program of a file. Raises CatalogueError."""
    try:
        return _parsed(path.stem, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (CatalogueError, yaml.YAMLError, OSError, TypeError) as error:
        raise CatalogueError(f"{path.name}: {error}") from error


def _parsed(slug: str, members: dict[str, Any]) -> Integration:
    _refuse_unknown(members)
    _refuse_other_values(members)
    settings = tuple(_setting(each, members["base"]) for each in members["settings"])
    tested = members.get("tested")
    lists = {name: tuple(value) for name, value in members.items() if isinstance(value, list)}
    integration = Integration(
        **{
            **members,
            **lists,
            "slug": slug,
            "settings": settings,
            "tested": Tested(**tested) if tested else None,
        }
    )
    _refuse_unknown_placeholders(integration)
    return integration


def _refuse_unknown(members: dict[str, Any]) -> None:
    """Refuse members that don't exist, and files that lack one."""
    known = {each.name for each in fields(Integration)} - {"slug"}
    if unknown := sorted(members.keys() - known):
        raise CatalogueError(f"unknown members: {', '.join(unknown)}")
    if missing := [name for name in _REQUIRED if not members.get(name)]:
        raise CatalogueError(f"missing members: {', '.join(missing)}")


def _refuse_other_values(members: dict[str, Any]) -> None:
    for name, choices in (("category", tuple(CATEGORIES)), ("kind", KINDS)):
        if members[name] not in choices:
            raise CatalogueError(f"{name} {members[name]!r} is none of {', '.join(choices)}")
    for each in fields(Integration):
        value = members.get(each.name)
        is_text = each.type is str
        if value is not None and is_text != isinstance(value, str):
            raise CatalogueError(f"{each.name} is not of the right type")
    if not is_base(members["base"]) or members["base"].endswith("/"):
        raise CatalogueError("base is not an address without a slash at its end")


def _setting(members: dict[str, str], base: str) -> Setting:
    """Return a setting; its text is the file of a quick start if it names one.

    The file has examples for values, and its title is its path in the program's folder.
    """
    if "quick_start" not in members:
        return Setting(**members)
    file = QUICK_START_FILES / members["quick_start"]
    text = file.read_text(encoding="utf-8")
    for name, example in (EXAMPLES | {"base": base, "id_token_alg": _SIGNED_WITH}).items():
        text = text.replace(example, f"{{{name}}}")
    title = members["quick_start"].partition("/")[2] or file.name
    return Setting(title=title, language=members["language"], text=text)


def _refuse_unknown_placeholders(integration: Integration) -> None:
    for text in (each.text for each in integration.settings):
        for found in _LIKE_PLACEHOLDER.findall(text):
            if not _PLACEHOLDER.fullmatch(found):
                raise CatalogueError(f"unknown placeholder {found}")
    uris = (*integration.redirect_uris, *integration.post_logout_redirect_uris)
    for uri in (*uris, integration.backchannel_logout_uri):
        if "{" in uri.removeprefix("{base}"):
            raise CatalogueError(f"{uri}: only {{base}} at the beginning is filled in")


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in, in one pass: values have none."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
