"""Attributes of users that an operator declares: their form fields, scopes and values."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import Upstream, User
from accounts.profile_form import Extra
from idp.models import Attribute, Scope
from idp.models.scope import claims_of_attributes

_BATCH = 500


class AttributeField(forms.Field):
    """The value of an attribute, typed or chosen; None where there is none."""

    def __init__(self, attribute: Attribute, present: Any = None) -> None:
        super().__init__(
            label=attribute.shown_label, required=False, widget=_widget_of(attribute, present)
        )
        self.attribute = attribute
        #: A value that is no choice any more stays valid until it is changed.
        self.present = present

    def prepare_value(self, value: Any) -> Any:
        """Return the value as its input has it."""
        return str(value).lower() if isinstance(value, bool) else value

    def clean(self, value: Any) -> Any:
        """Return the value as it is stored. Raises ValidationError."""
        text = str(value if value is not None else "").strip()
        if not text:
            return None
        typed = _typed(self.attribute, text)
        return typed if typed == self.present else self.attribute.cleaned(typed)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another value was typed."""
        return str(self.prepare_value(initial) or "") != str(data or "").strip()


def cleaners() -> dict[str, Callable[[Any], Any]]:
    """Return what reads a claim of an upstream as a value, by attribute (`from_claim`)."""
    return {row.name: partial(from_claim, row) for row in Attribute.objects.all()}


def from_claim(attribute: Attribute, said: Any) -> Any:
    """Return what a claim says as a value of an attribute. Raises ValidationError.

    Texts are read as if they were typed: directories have no other type.
    """
    if isinstance(said, str):
        is_boolean = attribute.type == Attribute.Type.BOOLEAN
        said = _typed(attribute, said.strip().lower() if is_boolean else said.strip())
    return attribute.cleaned(said)


def extras_of(user: User) -> list[Extra]:
    """Return the attributes that a user sees, for the form of their profile."""
    visible = Attribute.objects.exclude(user_access=Attribute.Access.HIDDEN)
    extras = [_extra(attribute, user.attributes.get(attribute.name)) for attribute in visible]
    return [extra for extra in extras if extra.field is not None or extra.value]


def written(value: Any) -> str:
    """Return a value as text for users."""
    match value:
        case None:
            return ""
        case bool():
            return _("yes") if value else _("no")
        case _:
            return str(value)


def scopes_releasing(name: str) -> list[Scope]:
    """Return the scopes that have a claim filled from this attribute."""
    scopes = Scope.objects.order_by("name")
    return [scope for scope in scopes if name in claims_of_attributes(scope.claims).values()]


def upstreams_filling(name: str) -> list[Upstream]:
    """Return the upstreams whose mapping fills this attribute."""
    rows = Upstream.objects.defer("mark").order_by("slug")
    return [row for row in rows if name in row.mapping.get("attributes", {})]


def forget(attribute: Attribute) -> None:
    """Delete the values of an attribute, in batches of users."""
    holders: QuerySet[User] = User.objects.filter(attributes__has_key=attribute.name)
    while batch := list(holders.only("attributes")[:_BATCH]):
        for user in batch:
            del user.attributes[attribute.name]
        User.objects.bulk_update(batch, ["attributes"])


def _extra(attribute: Attribute, value: Any) -> Extra:
    may_edit = attribute.user_access == Attribute.Access.EDITABLE
    field = AttributeField(attribute, value) if may_edit else None
    return Extra(attribute.name, attribute.shown_label, field, written(value))


def _typed(attribute: Attribute, text: str) -> Any:
    """Return a typed text as a value of the attribute's type. Raises ValidationError."""
    match attribute.type:
        case Attribute.Type.NUMBER:
            return _number(text)
        case Attribute.Type.BOOLEAN:
            return {"true": True, "false": False}.get(text, text)
        case _:
            return text


def _number(text: str) -> int | float:
    plain = text.replace(",", ".")
    try:
        return int(plain) if plain.lstrip("-").isdigit() else float(plain)
    except ValueError:
        raise ValidationError(_("This has to be a number.")) from None


def _widget_of(attribute: Attribute, present: Any) -> forms.Widget:
    match attribute.type:
        case Attribute.Type.BOOLEAN:
            return forms.Select(choices=[("", "—"), ("true", _("yes")), ("false", _("no"))])
        case Attribute.Type.CHOICE:
            choices = list(attribute.choices)
            gone = [present] if present is not None and present not in choices else []
            return forms.Select(choices=[("", "—"), *((c, c) for c in [*gone, *choices])])
        case Attribute.Type.DATE:
            return forms.DateInput(attrs={"type": "date"})
        case Attribute.Type.NUMBER:
            return forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        case _:
            return forms.TextInput(attrs={"autocomplete": "off"})
