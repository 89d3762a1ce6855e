"""Attributes of users that an operator declares, beside the standard claims. OIDC Core §5.1.2.

Values are in `User.attributes`. A scope of the operator's releases one by a claim whose source is
`attribute NAME`.
"""

import math
import re
from datetime import date
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from foundation.plain_text import problem_with
from idp.protocol.claim_names import problem_with_claim

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
LONGEST_TEXT = 300
_LARGEST = 10**15
_MOST_CHOICES = 100


class Attribute(models.Model):
    """The definition of an attribute."""

    class Type(models.TextChoices):
        """The type of its values."""

        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        BOOLEAN = "boolean", _("Yes or no")
        DATE = "date", _("Date")
        CHOICE = "choice", _("Choice")

    class Access(models.TextChoices):
        """What users may do with their own value; operators see and edit all of them."""

        HIDDEN = "hidden", _("They do not see it")
        VISIBLE = "visible", _("They see it")
        EDITABLE = "editable", _("They see and edit it")

    name = models.CharField(_("name"), max_length=50, unique=True)
    label = models.CharField(_("label"), max_length=100)
    #: The label in other languages, by their tags.
    labels = models.JSONField(_("labels"), default=dict, blank=True)
    type = models.CharField(_("type"), max_length=10, choices=Type.choices, default=Type.TEXT.value)
    #: The values of the type `choice`.
    choices = models.JSONField(_("choices"), default=list, blank=True)
    user_access = models.CharField(
        _("what users may do"), max_length=10, choices=Access.choices, default=Access.HIDDEN.value
    )

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.shown_label

    @property
    def shown_label(self) -> str:
        """Return the label in the page's language."""
        language = get_language() or ""
        labels: dict[str, str] = self.labels
        return labels.get(language) or labels.get(language.partition("-")[0]) or self.label

    def clean(self) -> None:
        """Refuse names of claims that mean something else, and choices without a use."""
        problems = {
            "name": self._problem_with_name(),
            "label": problem_with(self.label),
            "labels": self._problem_with_labels(),
            "choices": self._problem_with_choices(),
            "type": self._problem_with_type(),
        }
        if any(problems.values()):
            raise ValidationError({name: text for name, text in problems.items() if text})

    def cleaned(self, value: Any) -> Any:
        """Return a value as it is stored. Raises ValidationError for one of another type."""
        problem = _PROBLEMS[self.Type(self.type)](self, value)
        if problem is not None:
            raise ValidationError(problem)
        return value

    def _problem_with_name(self) -> str | None:
        if NAME.fullmatch(self.name) is None:
            return gettext("Use small letters, digits and underscores, beginning with a letter.")
        problem = problem_with_claim(self.name)
        return gettext(problem) if problem else None

    def _problem_with_labels(self) -> str | None:
        if not isinstance(self.labels, dict):
            return gettext("They have to be a mapping of languages to labels.")
        for language, label in self.labels.items():
            if _LANGUAGE.fullmatch(language) is None:
                return gettext("This is not a language: %(language)s.") % {"language": language}
            if not isinstance(label, str) or not 0 < len(label) <= 100:
                return f"{language}: {gettext('A label has 1 to 100 characters.')}"
            if problem := problem_with(label):
                return f"{language}: {problem}"
        return None

    def _problem_with_choices(self) -> str | None:
        if self.type != self.Type.CHOICE:
            return gettext("Only the type choice has choices.") if self.choices else None
        if not isinstance(self.choices, list) or not 0 < len(self.choices) <= _MOST_CHOICES:
            return gettext("Write 1 to %(most)d choices.") % {"most": _MOST_CHOICES}
        if len(set(map(str, self.choices))) < len(self.choices):
            return gettext("A choice is there twice.")
        return next(filter(None, (_problem_with_text(self, text) for text in self.choices)), None)

    def _problem_with_type(self) -> str | None:
        """Values that are stored already would be of another type."""
        if self.pk is None:
            return None
        before = Attribute.objects.filter(pk=self.pk).values_list("type", flat=True).first()
        if before in {None, self.type}:
            return None
        return gettext("The type can’t change: delete the attribute, and declare it anew.")


def _problem_with_text(_attribute: Attribute, value: Any) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
        return gettext("This has to be a text of 1 to %(most)d characters.") % {
            "most": LONGEST_TEXT
        }
    return problem_with(value)


def _problem_with_number(_attribute: Attribute, value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) >= _LARGEST:
        return gettext("This has to be a number.")
    return None


def _problem_with_boolean(_attribute: Attribute, value: Any) -> str | None:
    return None if isinstance(value, bool) else gettext("This has to be true or false.")


def _problem_with_date(_attribute: Attribute, value: Any) -> str | None:
    try:
        is_date = isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_date = False
    return None if is_date else gettext("This has to be a date, such as 2026-03-12.")


def _problem_with_choice(attribute: Attribute, value: Any) -> str | None:
    if value in attribute.choices:
        return None
    return gettext("Choose one of: %(choices)s.") % {"choices": ", ".join(attribute.choices)}


_PROBLEMS = {
    Attribute.Type.TEXT: _problem_with_text,
    Attribute.Type.NUMBER: _problem_with_number,
    Attribute.Type.BOOLEAN: _problem_with_boolean,
    Attribute.Type.DATE: _problem_with_date,
    Attribute.Type.CHOICE: _problem_with_choice,
}
