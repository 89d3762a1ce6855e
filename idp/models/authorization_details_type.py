"""Types of authorization details that operators register, with words for users. RFC 9396 §2."""

import re
from datetime import date
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from foundation.plain_text import isolated, made_visible, problem_with
from idp.models import detail_schema

NAME: Final = re.compile(r"[!#-\[\]-~]{1,100}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
LONGEST_SENTENCE: Final = 300
_LONGEST_LABEL: Final = 100
#: A field of a detail, by its path: `{amount.currency}`.
_FIELD: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)\}")
#: What is left out where one of its fields has no value: `[ for {reference}]`.
_OPTIONAL: Final = re.compile(r"\[([^\[\]]*)\]")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Characters that a field, and the fields of a sentence together, show at most.
_LONGEST_VALUE: Final = 200
_LONGEST_VALUES: Final = 600
_MOST_ITEMS: Final = 10


class AuthorizationDetailsType(models.Model):
    """A type of authorization details: what they may have in them, and how users read them."""

    #: The `type` of details.
    type = models.CharField(_("type"), max_length=100, unique=True)
    label = models.CharField(_("label"), max_length=_LONGEST_LABEL)
    #: The label in other languages, by their tags.
    labels = models.JSONField(_("labels"), default=dict, blank=True)
    #: What users agree to: a sentence with fields of the detail in braces.
    sentence = models.CharField(_("sentence"), max_length=LONGEST_SENTENCE)
    #: The sentence in other languages, by their tags.
    sentences = models.JSONField(_("sentences"), default=dict, blank=True)
    #: A JSON Schema (2020-12) that details have to satisfy.
    schema = models.JSONField(_("JSON Schema"))
    #: Whether an earlier consent to the same detail is not enough.
    ask_each_time = models.BooleanField(_("ask each time"), default=False)
    open_to_self_registered = models.BooleanField(
        _("open to apps that registered themselves"), default=False
    )

    class Meta:
        verbose_name = _("authorization details type")
        verbose_name_plural = _("authorization details types")
        ordering: ClassVar = ["type"]

    def __str__(self) -> str:
        return self.shown_label

    @property
    def shown_label(self) -> str:
        """Return the label in the page's language."""
        return _in_language(self.labels) or self.label

    def sentence_for(self, detail: dict[str, Any]) -> str:
        """Return what a user agrees to by this detail, in the page's language: plain text.

        Values are text and nothing else: no template is evaluated, invisible characters are shown
        by their code points, and what is too long is cut, with an ellipsis.
        """
        return _filled(_in_language(self.sentences) or self.sentence, detail)

    def problem_with(self, detail: dict[str, Any]) -> str | None:
        """Return what is wrong with a detail of this type, for developers, or None."""
        return detail_schema.first_problem(self.schema, detail)

    def clean(self) -> None:
        """Refuse schemas that can't be used, and sentences that could not be filled in."""
        schema_problem = detail_schema.problem_with(self.schema)
        problems = {
            "type": None if NAME.fullmatch(self.type) else gettext("This is not a type."),
            "label": problem_with(self.label),
            "labels": _problem_with_texts(self.labels, _LONGEST_LABEL),
            "schema": schema_problem,
            "sentence": self._problem_with_sentences([self.sentence], schema_problem),
            "sentences": _problem_with_texts(self.sentences, LONGEST_SENTENCE)
            or self._problem_with_sentences(self.sentences.values(), schema_problem),
        }
        if any(problems.values()):
            raise ValidationError({name: text for name, text in problems.items() if text})

    def _problem_with_sentences(self, sentences: Any, schema_problem: str | None) -> str | None:
        fields = {} if schema_problem else self.schema["properties"]
        required = [] if schema_problem else self.schema.get("required", [])
        for sentence in sentences:
            if problem := _problem_with_sentence(sentence):
                return problem
            if schema_problem:
                continue
            if unknown := [name for name in _fields_in(sentence) if name not in fields]:
                said = gettext("The schema has no property %(name)s.")
                return said % {"name": unknown[0]}
            fixed = _fields_in(_OPTIONAL.sub("", sentence))
            if missing := [name for name in fixed if name not in required]:
                said = gettext(
                    "%(name)s can be missing (the schema does not require it): put what is said "
                    "of it in brackets, such as [ for {%(name)s}]."
                )
                return said % {"name": missing[0]}
        return None


def _in_language(texts: dict[str, str]) -> str | None:
    """Return the text in the page's language, or None."""
    language = get_language() or ""
    return texts.get(language) or texts.get(language.partition("-")[0])


def _problem_with_texts(texts: Any, longest: int) -> str | None:
    if not isinstance(texts, dict):
        return gettext("They have to be a mapping of languages to texts.")
    for language, text in texts.items():
        if _LANGUAGE.fullmatch(language) is None:
            return gettext("This is not a language: %(language)s.") % {"language": language}
        if not isinstance(text, str) or not 0 < len(text) <= longest:
            said = gettext("A text has 1 to %(most)d characters.") % {"most": longest}
            return f"{language}: {said}"
        if problem := problem_with(text):
            return f"{language}: {problem}"
    return None


def _problem_with_sentence(sentence: str) -> str | None:
    if problem := problem_with(sentence):
        return problem
    if any(_FIELD.search(part) is None for part in _OPTIONAL.findall(sentence)):
        return gettext("What is in brackets has to have a field in it.")
    bare = _FIELD.sub("", _OPTIONAL.sub(lambda found: found[1], sentence))
    if set("{}[]") & set(bare):
        return gettext(
            "Fields are written in braces, such as {amount.currency}; what is left out where they "
            "have no value, in brackets."
        )
    return None


def _fields_in(sentence: str) -> list[str]:
    """Return the names of the members of a detail that a sentence shows."""
    return [path.partition(".")[0] for path in _FIELD.findall(sentence)]


def _filled(sentence: str, detail: dict[str, Any]) -> str:
    """Return a sentence with the fields of a detail; each is filled in once, as it is."""
    left = [_LONGEST_VALUES]

    def value(found: re.Match[str]) -> str:
        text = _cut(_shown(detail, found[1]) or "–", min(left[0], _LONGEST_VALUE))
        left[0] = max(left[0] - len(text), 1)
        return isolated(text)

    def part(found: re.Match[str]) -> str:
        whole = all(_shown(detail, path) for path in _FIELD.findall(found[1]))
        return found[1] if whole else ""

    return _FIELD.sub(value, _OPTIONAL.sub(part, sentence))


def _shown(detail: dict[str, Any], path: str) -> str:
    """Return the value at a path as text: several in a row, of an object nothing."""
    values: list[Any] = [detail]
    for name in path.split("."):
        inner = [value[name] for value in values if isinstance(value, dict) and name in value]
        values = [
            each for value in inner for each in (value if isinstance(value, list) else [value])
        ]
    texts = list(filter(None, map(_text_of, values)))
    more = "" if len(texts) <= _MOST_ITEMS else ", …"
    return made_visible(", ".join(texts[:_MOST_ITEMS])).replace("\n", " ") + more


def _text_of(value: Any) -> str:
    match value:
        case bool():
            return gettext("yes") if value else gettext("no")
        case str() if _DAY.fullmatch(value):
            return _day(value)
        case str() | int() | float():
            return str(value)
        case _:
            return ""


def _day(text: str) -> str:
    """Return a day in the page's language; of what is none, its text."""
    try:
        return date_format(date.fromisoformat(text))
    except ValueError:
        return text


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def open_types() -> frozenset[str]:
    """Return the types that operators opened to self-registered clients."""
    rows = AuthorizationDetailsType.objects.filter(open_to_self_registered=True)
    return frozenset(rows.values_list("type", flat=True))
