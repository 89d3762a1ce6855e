"""The form of a user's profile, in cards. OIDC Core §5.1."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import profile_edits
from accounts.models import User, field_of
from accounts.profile_fields import LABELS, Text, fields_of
from foundation.plain_text import isolated

#: The members of an address, in the order in which they are asked for (OIDC Core §5.1.1).
_ADDRESS = ("street_address", "postal_code", "locality", "region", "country", "formatted")
#: The fields of claims that have several.
_FIELDS = {
    "birthdate": ("birth_day", "birth_month", "birth_year"),
    "address": tuple(f"address_{member}" for member in _ADDRESS),
}
_CARDS: tuple[tuple[Text, tuple[str, ...]], ...] = (
    (
        _("Name"),
        ("name", "given_name", "middle_name", "family_name", "nickname", "preferred_username"),
    ),
    (_("About you"), ("gender", "birthdate", "website", "profile")),
    (_("Language and region"), ("locale", "zoneinfo")),
    (_("Contact"), ("phone_number", "address")),
)
_HELP: dict[str, Text] = {
    "name": _("As apps greet you and show you to others."),
    "preferred_username": _("A short name that apps may suggest to you, such as ana.lima."),
    "gender": _("In your own words. Many apps know only “female” and “male”."),
    "birthdate": _("Leave out the year, or all but the year, if you like."),
    "locale": _("The language in which apps should write to you."),
    "phone_number": _("With the country’s code, such as +49 30 901820."),
}
_PHONE = re.compile(r"\+[0-9][0-9 ().\-/]{3,30}(?:;ext=[0-9]{1,7})?")
_EXTRA = "attribute-"
_EARLIEST_YEAR = 1850


@dataclass(frozen=True)
class Row:
    """A claim or an attribute in a card: its fields, or its value where it can't be edited."""

    name: str
    label: Text
    fields: Sequence[forms.BoundField]
    value: Text = ""
    help: Text = ""
    #: Whether the operator has locked it.
    is_fixed: bool = False
    #: The apps that receive it, in a sentence.
    receivers: str = ""

    @property
    def is_group(self) -> bool:
        """Whether several fields are one claim."""
        return len(self.fields) > 1


@dataclass(frozen=True)
class Card:
    """Some rows with a heading."""

    title: Text
    rows: Sequence[Row]


@dataclass(frozen=True)
class Extra:
    """An attribute of the operator's, for this form."""

    name: str
    label: str
    #: None where the user sees it and can't edit it.
    field: forms.Field | None
    value: Text


class ProfileForm(forms.Form):
    """The claims of a user that are not locked, and attributes of the operator's.

    `receivers` are the apps that receive each claim or attribute, by name.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        user: User,
        extras: Sequence[Extra] = (),
        receivers: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        super().__init__(data, initial=_initial(user), label_suffix="")
        self.user = user
        self._extras = extras
        self.receivers = receivers
        for name, field in fields_of(user).items():
            if not profile_edits.is_locked(_claim_of(name)):
                self.fields[name] = field
        for extra in extras:
            if extra.field is not None:
                self.fields[_extra(extra.name)] = extra.field
                self.initial[_extra(extra.name)] = user.attributes.get(extra.name)
        for name, field in self.fields.items():
            field.help_text = self._help(name)
            # What the page was filled with comes along, so that an older tab undoes no change.
            field.show_hidden_initial = True

    def clean_preferred_username(self) -> str:
        """Return the user name. Refuse a new one that the user can't have."""
        name: str = self.cleaned_data["preferred_username"]
        if name and name != self.user.preferred_username:
            problem = profile_edits.problem_with_user_name(self.user, name)
            if problem:
                raise ValidationError(problem)
        return name

    def clean_phone_number(self) -> str:
        """Return the phone number. Refuse a new one without the country's code."""
        number: str = self.cleaned_data["phone_number"]
        if number and number != self.user.phone_number and not _PHONE.fullmatch(number):
            raise ValidationError(
                gettext("Begin with + and the country’s code, then digits and spaces.")
            )
        return number

    def clean(self) -> dict[str, Any]:
        """Put together the date of birth and the address, where they are others.

        Values that stay as they are are not judged: an operator may have set them.
        """
        cleaned = super().clean() or self.cleaned_data
        for name in self.errors.keys() - set(self.changed_data):
            del self.errors[name]
        if self._is_edited("birthdate"):
            try:
                cleaned["birthdate"] = birthdate_of(*(cleaned[n] for n in _FIELDS["birthdate"]))
            except ValidationError as problem:
                self.add_error(_FIELDS["birthdate"][0], problem)
        if self._is_edited("address"):
            before = self.user.address or {}
            members = {m: cleaned.get(f"address_{m}", before.get(m, "")) for m in _ADDRESS}
            cleaned["address"] = {member: text for member, text in members.items() if text}
        return cleaned

    def values(self) -> dict[str, Any]:
        """Return what was edited in a valid form, by the columns of the user."""
        claims = {_claim_of(name) for name in self.changed_data}
        edited = [name for name in profile_edits.EDITABLE if name in claims]
        return {**{name: self.cleaned_data[name] for name in edited}, **self._attributes()}

    def _attributes(self) -> dict[str, Any]:
        edited = {
            extra.name: self.cleaned_data[_extra(extra.name)]
            for extra in self._extras
            if _extra(extra.name) in self.changed_data
        }
        merged = {**self.user.attributes, **edited}
        present = {name: value for name, value in merged.items() if value is not None}
        return {"attributes": present} if edited else {}

    def _is_edited(self, claim: str) -> bool:
        """Whether a claim of several fields is another one, and each of them is valid."""
        names = set(_FIELDS[claim])
        return bool(names & set(self.changed_data)) and not names & self.errors.keys()

    def cards(self) -> Iterator[Card]:
        """Yield the cards, without rows that have neither fields nor a value."""
        for title, claims in _CARDS:
            rows = [row for claim in claims if (row := self._row(claim))]
            if rows:
                yield Card(title, rows)
        if self._extras:
            yield Card(_("Further details"), [self._extra_row(extra) for extra in self._extras])

    def _row(self, claim: str) -> Row | None:
        names = [name for name in _FIELDS.get(claim, (claim,)) if name in self.fields]
        value = "" if names else written(claim, self.user)
        if not names and not value:
            return None
        return Row(
            name=claim,
            label=LABELS[claim],
            fields=[self[name] for name in names],
            value=value,
            help=_HELP.get(claim, "") if names else "",
            is_fixed=not names,
            receivers=self._sentence(claim),
        )

    def _extra_row(self, extra: Extra) -> Row:
        is_fixed = extra.field is None
        return Row(
            name=_extra(extra.name),
            label=extra.label,
            fields=[] if is_fixed else [self[_extra(extra.name)]],
            value=extra.value,
            is_fixed=is_fixed,
            receivers=self._sentence(extra.name),
        )

    def _help(self, field: str) -> str:
        """Return what is said below a field that is a claim by itself."""
        claim = _claim_of(field).removeprefix(_EXTRA)
        if claim in _FIELDS:
            return ""
        return " ".join(filter(None, (str(_HELP.get(claim, "")), self._sentence(claim))))

    def _sentence(self, name: str) -> str:
        """Return which apps receive a claim or an attribute."""
        return shared_with(self.receivers.get(name, ()))


def shared_with(apps: Sequence[str]) -> str:
    """Return a sentence about the apps that receive something; empty if none does."""
    if not apps:
        return ""
    names = ", ".join(isolated(name) for name in apps)
    return gettext("Shared with %(apps)s.") % {"apps": names}


def birthdate_of(day: str, month: str, year: str) -> str:
    """Return a date of birth as OIDC Core §5.1 writes it: with a year, without one, or only one.

    Raises ValidationError for parts that are no date.
    """
    if not day and not month:
        return "" if not year else f"{_year(year):04}"
    if not day or not month:
        raise ValidationError(gettext("Enter the day and the month, or neither."))
    number = _year(year) if year else 0
    try:
        born = date(number or 2000, int(month), int(day))  # 2000 has a 29 February
    except ValueError:
        raise ValidationError(gettext("There is no such day.")) from None
    if number and born > date.today():  # noqa: DTZ011  wherever the user is
        raise ValidationError(gettext("This day is still to come."))
    return f"{number:04}-{born:%m-%d}"


def _year(text: str) -> int:
    year = int(text) if text.isascii() and text.isdigit() else 0
    if not _EARLIEST_YEAR <= year <= date.today().year:  # noqa: DTZ011
        raise ValidationError(gettext("Write the year with four digits, such as 1985."))
    return year


def written(claim: str, user: User) -> str:
    """Return a claim of a user as text for their page."""
    value = getattr(user, field_of(claim))
    if claim != "address":
        return str(value)
    return value.get("formatted") or "\n".join(value[name] for name in _ADDRESS if name in value)


def _claim_of(field: str) -> str:
    return next((claim for claim, names in _FIELDS.items() if field in names), field)


def _extra(name: str) -> str:
    """Return the name of an attribute's field: no claim's field has it."""
    return _EXTRA + name


def _initial(user: User) -> dict[str, Any]:
    address = user.address or {}
    return {
        **{name: getattr(user, field_of(name)) for name in profile_edits.EDITABLE},
        **{f"address_{member}": address.get(member, "") for member in _ADDRESS},
        **dict(zip(_FIELDS["birthdate"], _birth_parts(user.birthdate), strict=True)),
    }


def _birth_parts(birthdate: str) -> tuple[str, str, str]:
    year, _dash, rest = birthdate.partition("-")
    month, _dash, day = rest.partition("-")
    return day.lstrip("0"), month.lstrip("0"), "" if year == "0000" else year
