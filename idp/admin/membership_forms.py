"""What the forms of roles and groups send: a text to look for, a row's key, the user they name."""

from typing import Any

from accounts.addresses import normalised_email
from accounts.models import User

_LONGEST = 500


def text_of(values: Any, name: str) -> str:
    """Return the text of a field, as much of it as can be looked for."""
    text: str = values.get(name, "")
    return text.replace("\0", "").strip()[:_LONGEST]


def key_of(text: str) -> int:
    """Return the key of a row; 0, which none has, for what is no key."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def user_of(form: Any) -> User | None:
    """Return the user whom a form names: by their key to take something, by address to give it."""
    if "take" in form:
        return User.objects.filter(pk=key_of(form["take"])).first()
    return User.objects.filter(email=normalised_email(text_of(form, "give"))).first()
