"""Long lists to choose from: languages and time zones."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf.locale import LANG_INFO
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import to_locale

#: Languages with a region, beside those of Django's list.
_MORE_LANGUAGES = {
    "de-AT": "Deutsch (Österreich)",
    "de-CH": "Deutsch (Schweiz)",
    "en-IE": "English (Ireland)",
    "en-US": "English (United States)",
    "fr-BE": "Français (Belgique)",
    "fr-CA": "Français (Canada)",
    "fr-CH": "Français (Suisse)",
    "it-CH": "Italiano (Svizzera)",
    "nl-BE": "Nederlands (België)",
    "pt-PT": "Português (Portugal)",
}
_AREAS = frozenset(
    {
        *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia"),
        *("Europe", "Indian", "Pacific"),
    }
)


class LongSelect(forms.Select):
    """A select with hundreds of options: Django renders a template for each, which takes 0.3 s."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:  # noqa: ARG002
        """Return the select."""
        chosen = set(self.format_value(value))
        parts = (
            _options([(code, shown)], chosen)
            if isinstance(shown, str)
            else format_html('<optgroup label="{}">{}</optgroup>', code, _options(shown, chosen))
            for code, shown in self.choices
        )
        tag = flatatt(self.build_attrs(self.attrs, {**(attrs or {}), "name": name}))
        return format_html("<select{}>{}</select>", tag, format_html_join("", "{}", zip(parts)))


_SELECTED = mark_safe(" selected")


def _options(choices: Any, chosen: set[str]) -> SafeString:
    options = ((code, _SELECTED if code in chosen else "", shown) for code, shown in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', options)


def offered(choices: Sequence[tuple[str, Any]], value: str) -> list[tuple[str, Any]]:
    """Return the choices with an empty one, and the present value where it is none of them."""
    known = {
        code for name, part in choices for code in ([name] if isinstance(part, str) else dict(part))
    }
    own = [] if not value or value in known else [(value, value)]
    return [("", "—"), *own, *choices]


@cache
def languages() -> tuple[tuple[str, str], ...]:
    """Return languages by their tags (BCP 47), each named in itself."""
    known = {
        _tag(code): info["name_local"] for code, info in LANG_INFO.items() if "name_local" in info
    }
    named = {tag: name[0].upper() + name[1:] for tag, name in {**known, **_MORE_LANGUAGES}.items()}
    return tuple(sorted(named.items(), key=lambda pair: pair[1].casefold()))


def _tag(code: str) -> str:
    return to_locale(code).replace("_", "-")


@cache
def zones() -> tuple[tuple[str, Any], ...]:
    """Return the time zones of places, grouped by their continent or ocean."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(available_timezones()):
        area, slash, place = zone.partition("/")
        if slash and area in _AREAS:
            groups.setdefault(area, []).append((zone, place.replace("_", " ")))
    return (("UTC", "UTC"), *groups.items())
