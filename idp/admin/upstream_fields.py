"""Fields of the form of an identity provider: texts of one line, and texts that are pasted."""

from typing import Any

from django import forms

WIDE = {"class": "vTextField", "spellcheck": "false"}


class Text(forms.CharField):
    """A text of one line, which may be left out."""

    widget = forms.TextInput(attrs=WIDE)

    def __init__(self, *, max_length: int = 2000, **options: Any) -> None:
        super().__init__(required=False, max_length=max_length, **options)


class Pasted(forms.CharField):
    """A text of lines, however a browser ends them, which may be left out."""

    widget = forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "lines"})

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_python(self, value: Any) -> str:
        """Return the text."""
        return "\n".join(str(super().to_python(value)).splitlines())


class _Unshown(forms.Textarea):
    """Lines that are never sent back to a browser."""

    def format_value(self, value: Any) -> None:
        """Return nothing, as a field for passwords does."""


class PastedSecret(Pasted):
    """A key that is pasted, and shown nowhere."""

    widget = _Unshown(attrs={**Pasted.widget.attrs, "autocomplete": "off"})
