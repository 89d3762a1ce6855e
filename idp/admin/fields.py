"""Form fields for JSON columns: lists as lines, mappings as `name: words`."""

import json
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.forms.fields import InvalidJSONInput
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from accounts.addresses import normalised_email
from accounts.models import User
from idp.client_metadata import is_localized
from idp.models import Client
from idp.models.resource_server import words_of
from idp.protocol.vocabulary import ADDRESS_MEMBERS

_ROWS = 3
_refuse_nul = ProhibitNullCharactersValidator()


class Lines(forms.Field):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": _ROWS, "spellcheck": "false", "class": "lines"})

    def prepare_value(self, value: Any) -> Any:
        """Return the list as lines; invalid input is shown as it was typed."""
        return value if isinstance(value, str) else "\n".join(value or [])

    def to_python(self, value: Any) -> Any:
        """Return the lines that are not empty."""
        return [line.strip() for line in (value or "").splitlines() if line.strip()]

    def clean(self, value: Any) -> Any:
        """Return the list. Raises ValidationError for NUL, which PostgreSQL stores nowhere."""
        _refuse_nul(value or "")
        return super().clean(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the list differs."""
        return bool(self.to_python(data) != list(initial or []))


class DescribedLines(Lines):
    """Scopes with descriptions for users: `name: words`, or the bare name, one per line."""

    def prepare_value(self, value: Any) -> Any:
        """Return the scopes as lines."""
        if isinstance(value, dict):
            texts = {name: words_of(about) for name, about in value.items()}
            value = [f"{name}: {words}" if words else name for name, words in texts.items()]
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        """Return a mapping if there are descriptions, else a list."""
        lines = [line.partition(": ") for line in super().to_python(value)]
        if any(words for _name, _colon, words in lines):
            return {name.strip(): words.strip() for name, _colon, words in lines}
        return [name.strip() for name, _colon, _words in lines]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether names or descriptions differ."""
        return bool(self.to_python(data) != self.to_python(self.prepare_value(initial)))


class PairLines(Lines):
    """A mapping of texts: `name = text`, one per line; `problem` is the error message."""

    def __init__(self, *, problem: str | Promise, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def prepare_value(self, value: Any) -> Any:
        """Return the pairs as lines."""
        if isinstance(value, dict):
            value = [f"{name} = {text}" for name, text in sorted(value.items())]
        return super().prepare_value(value)

    def to_python(self, value: Any) -> Any:
        """Return the mapping. Raises ValidationError for other lines, and a name that comes twice.

        The model or a subclass validates names and texts.
        """
        pairs: dict[str, str] = {}
        for line in super().to_python(value):
            name, equals, text = (part.strip() for part in line.partition("="))
            if not equals or name in pairs or not self.is_name(name):
                raise ValidationError(f"{self.problem} {line}")
            pairs[name] = text
        return pairs

    def is_name(self, name: str) -> bool:  # noqa: ARG002
        """Whether a line can begin like this."""
        return True

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether a pair differs."""
        try:
            return bool(self.to_python(data) != (initial or {}))
        except ValidationError:
            return True


class LocalizedLines(PairLines):
    """An app's texts in other languages: `client_name#de = Bäckerei`, one a line."""

    def is_name(self, name: str) -> bool:
        """Whether it is a readable member with a language."""
        return is_localized(name)

    def to_python(self, value: Any) -> Any:
        """Return the texts that are not empty."""
        return {name: text for name, text in super().to_python(value).items() if text}


class WebAddress(forms.URLField):
    """A web address; https is the default scheme."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(assume_scheme="https", **kwargs)


class Json(forms.JSONField):
    """A JSON document, to be read; empty where there is none."""

    def prepare_value(self, value: Any) -> Any:
        """Return the document, indented; invalid input is shown as it was typed."""
        if value is None:
            return ""
        if isinstance(value, InvalidJSONInput):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False, cls=self.encoder)

    def to_python(self, value: Any) -> Any:
        """Return the document. Raises ValidationError for one that no other reader would take.

        Python alone reads NaN, and neither endless numbers nor endless nesting.
        """
        try:
            document = super().to_python(value)
            json.dumps(document, allow_nan=False)
        except (ValueError, RecursionError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        return document

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what was typed, to be shown again."""
        try:
            return super().bound_data(data, initial)
        except (ValueError, RecursionError):
            return InvalidJSONInput(data)

    def clean(self, value: Any) -> Any:
        """Return the document. Raises ValidationError for NUL in it."""
        cleaned = super().clean(value)
        _refuse_nul(json.dumps(cleaned).replace("\\u0000", "\0"))
        return cleaned


class Moment(forms.DateTimeInput):
    """A day and time, in one field of the browser's own."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class Choices(forms.TypedMultipleChoiceField):
    """Some of a few values, each with a checkbox."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, choices: Iterable[tuple[str, Any]], **kwargs: Any) -> None:
        super().__init__(choices=list(choices), required=False, **kwargs)


class AddressWidget(forms.MultiWidget):
    """A field for each member of a postal address."""

    def __init__(self, attrs: Any = None) -> None:
        super().__init__([_named(member) for member in ADDRESS_MEMBERS], attrs)

    def decompress(self, value: Any) -> list[str]:
        """Return the members' values in their order."""
        return [(value or {}).get(member, "") for member in ADDRESS_MEMBERS]


class AddressField(forms.MultiValueField):
    """A postal address, member by member (OIDC Core §5.1.1)."""

    widget = AddressWidget

    def __init__(self, encoder: Any = None, decoder: Any = None, **kwargs: Any) -> None:  # noqa: ARG002
        members = [forms.CharField(max_length=300, required=False) for _member in ADDRESS_MEMBERS]
        kwargs["show_hidden_initial"] = False  # The initial value is the row's, not the browser's.
        super().__init__(members, require_all_fields=False, **kwargs)

    def compress(self, data_list: list[str]) -> dict[str, str]:
        """Return the members that are filled in."""
        return {m: text for m, text in zip(ADDRESS_MEMBERS, data_list, strict=False) if text}


def _named(member: str) -> forms.Widget:
    label = member.replace("_", " ").capitalize()
    kind = forms.Textarea if member == "formatted" else forms.TextInput
    rows = {"rows": _ROWS} if kind is forms.Textarea else {}
    return kind(attrs={"placeholder": label, "aria-label": label, "class": "vTextField", **rows})


class UserField(forms.EmailField):
    """A user, by their email address; empty for None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Return the user's address."""
        if isinstance(value, int):
            return User.objects.filter(pk=value).values_list("email", flat=True).first() or ""
        return value

    def clean(self, value: Any) -> Any:
        """Return the user. Raises ValidationError where there is none."""
        email = super().clean(value)
        if not email:
            return None
        user = User.objects.filter(email=email).first()
        if user is None:
            raise ValidationError(_("No user has this address."))
        return user

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether it is another user."""
        return bool((self.prepare_value(initial) or "") != normalised_email(data or ""))


class ClientField(forms.CharField):
    """An app, by its client_id."""

    widget = forms.TextInput(attrs={"class": "vTextField", "spellcheck": "false"})

    def clean(self, value: Any) -> Any:
        """Return the app. Raises ValidationError where there is none."""
        client = Client.objects.filter(client_id=super().clean(value)).first()
        if client is None:
            raise ValidationError(_("No app has this client ID."))
        return client


class ClientsField(Lines):
    """Apps, by their client_ids, one a line."""

    def prepare_value(self, value: Any) -> Any:
        """Return the apps' client_ids."""
        if isinstance(value, str):
            return value
        return super().prepare_value([client.client_id for client in value or []])

    def clean(self, value: Any) -> Any:
        """Return the apps. Raises ValidationError naming one that isn't known."""
        names = super().clean(value)
        clients = list(Client.objects.filter(client_id__in=names))
        unknown = sorted(set(names) - {client.client_id for client in clients})
        if unknown:
            raise ValidationError(_("Not known: %(names)s.") % {"names": ", ".join(unknown)})
        return clients

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether other apps are named."""
        return sorted(self.to_python(data)) != sorted(c.client_id for c in initial or [])
