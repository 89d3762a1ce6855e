"""The fields of a user's profile, one or several of each claim. OIDC Core §5.1."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.dates import MONTHS
from django.utils.translation import gettext_lazy as _

from accounts.long_choices import LongSelect, languages, offered, zones
from accounts.models import User
from foundation.plain_text import problem_with, validate_plain

#: A text for a page, often translated later.
Text = Any

LABELS: dict[str, Text] = {
    "name": _("Full name"),
    "given_name": _("Given name"),
    "middle_name": _("Middle name"),
    "family_name": _("Family name"),
    "nickname": _("Nickname"),
    "preferred_username": _("User name"),
    "gender": _("Gender"),
    "birthdate": _("Date of birth"),
    "website": _("Website"),
    "profile": _("Profile page"),
    "locale": _("Language"),
    "zoneinfo": _("Time zone"),
    "phone_number": _("Phone number"),
    "address": _("Postal address"),
}
_LONGEST_ADDRESS_LINE = 300


def fields_of(user: User) -> dict[str, forms.Field]:
    """Return the fields of all claims, each with what the browser can fill in."""
    return {
        "name": _text("name", 200, "name"),
        "given_name": _text("given_name", 100, "given-name"),
        "middle_name": _text("middle_name", 100, "additional-name"),
        "family_name": _text("family_name", 100, "family-name"),
        "nickname": _text("nickname", 100, "nickname"),
        "preferred_username": _text("preferred_username", 100, "off", autocapitalize="none"),
        "gender": _text("gender", 50, "sex"),
        "birth_day": _part(_("Day"), 2, "bday-day"),
        "birth_month": forms.ChoiceField(
            label=_("Month"),
            choices=[("", "—"), *_months()],
            required=False,
            widget=forms.Select(attrs={"autocomplete": "bday-month"}),
        ),
        "birth_year": _part(_("Year"), 4, "bday-year"),
        "website": _address("website", "url"),
        "profile": _address("profile", "off"),
        "locale": _choice("locale", offered(languages(), user.locale), "language"),
        "zoneinfo": _choice("zoneinfo", offered(zones(), user.zoneinfo), "off"),
        "phone_number": forms.CharField(
            label=LABELS["phone_number"],
            max_length=40,
            required=False,
            validators=[validate_plain],
            widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
        ),
        "address_street_address": _lines(_("Street and number"), "street-address"),
        "address_postal_code": _line(_("Postal code"), "postal-code"),
        "address_locality": _line(_("City"), "address-level2"),
        "address_region": _line(_("State or region"), "address-level1"),
        "address_country": _line(_("Country"), "country-name"),
        "address_formatted": _lines(_("The whole address as on a letter"), "off"),
    }


def _text(claim: str, most: int, autocomplete: str, **attrs: str) -> forms.CharField:
    attrs |= {"autocomplete": autocomplete, "spellcheck": "false"}
    return forms.CharField(
        label=LABELS[claim],
        max_length=most,
        required=False,
        validators=[validate_plain],
        widget=forms.TextInput(attrs=attrs),
    )


def _part(label: Text, digits: int, autocomplete: str) -> forms.CharField:
    attrs = {"autocomplete": autocomplete, "inputmode": "numeric"}
    return forms.CharField(
        label=label, max_length=digits, required=False, widget=forms.TextInput(attrs=attrs)
    )


class _WebAddress(forms.URLField):
    """The address of a web page."""

    default_validators = [URLValidator(["https", "http"]), validate_plain]


def _address(claim: str, autocomplete: str) -> forms.URLField:
    attrs = {"autocomplete": autocomplete, "placeholder": "https://"}
    return _WebAddress(
        label=LABELS[claim],
        max_length=200,
        required=False,
        assume_scheme="https",
        widget=forms.URLInput(attrs=attrs),
    )


def _line(label: Text, autocomplete: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=_LONGEST_ADDRESS_LINE,
        required=False,
        validators=[validate_plain],
        widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
    )


class _Lines(forms.CharField):
    """A text of several lines, which browsers end in two characters."""

    def to_python(self, value: Any) -> str:
        """Return the text with lines as they are stored."""
        return str(super().to_python(value)).replace("\r\n", "\n")


def _lines(label: Text, autocomplete: str) -> forms.CharField:
    return _Lines(
        label=label,
        max_length=_LONGEST_ADDRESS_LINE,
        required=False,
        validators=[_validate_lines],
        widget=forms.Textarea(attrs={"autocomplete": autocomplete, "rows": 2}),
    )


def _validate_lines(text: str) -> None:
    problem = problem_with(text, lines=True)
    if problem is not None:
        raise ValidationError(problem)


def _choice(claim: str, choices: Any, autocomplete: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=LABELS[claim],
        choices=choices,
        required=False,
        widget=LongSelect(attrs={"autocomplete": autocomplete}),
    )


def _months() -> list[tuple[str, str]]:
    return [(str(number), str(name).capitalize()) for number, name in MONTHS.items()]
