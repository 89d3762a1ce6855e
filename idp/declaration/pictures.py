"""Marks in a file: the text of an SVG, or a data URL."""

import binascii
from base64 import b64decode, b64encode

from foundation import branding
from idp.declaration.members import DeclarationError

_PNG = "data:image/png;base64,"


def picture_of(what: str, text: str, present: bytes) -> bytes:
    """Return a mark from its text: SVG, or a data URL. Raises DeclarationError."""
    data = _decoded(what, text)
    if not data or data == present:
        return data
    try:
        return branding.usable_mark(data)
    except branding.UNUSABLE as problem:
        raise DeclarationError(f"{what}: {problem}") from None


def as_text(picture: bytes) -> str:
    """Return a mark as a file has it."""
    if not picture or branding.type_of(picture) != "image/png":
        return picture.decode()
    return _PNG + b64encode(picture).decode()


def _decoded(what: str, text: str) -> bytes:
    if not text.startswith("data:"):
        return text.encode()
    try:
        return b64decode(text.partition(";base64,")[2], validate=True)
    except binascii.Error:
        raise DeclarationError(f"{what}: This is not base64.") from None
