"""Normalise email addresses: one stored spelling, unique per user, and one for display.

The part before the @ is kept in lower case, as in earlier versions. The domain is kept as it
travels in DNS and SMTP: lower-case A-labels (RFC 5890 §2.3.2.1), mapped as browsers do (UTS #46).
"""

from typing import TYPE_CHECKING, Any, ClassVar

import idna
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import models

if TYPE_CHECKING:  # Django itself knows no type arguments
    _EmailField = models.EmailField[str, str]
else:
    _EmailField = models.EmailField

LONGEST = 254  # RFC 5321 §4.5.3.1.3
_LONGEST_DOMAIN = 253


def normalised_email(typed: str) -> str:
    """Return an email address as it is stored and looked up.

    A string that is no email address is returned in lower case and matches no user.
    """
    local, at, domain = typed.strip().rpartition("@")
    return f"{local}{at}{_in_a_labels(domain)}".lower()


def cleaned_email(typed: str) -> str:
    """Return the stored form of an address that a form took.

    Raises ValidationError if it has none: the domain is not one of IDNA, or too long as A-labels.
    """
    email = normalised_email(typed)
    validate_stored_email(email)
    return email


def validate_stored_email(email: str) -> None:
    """Raise ValidationError if the address is too long to store as A-labels."""
    if len(email) > LONGEST or not email.rpartition("@")[2].isascii():
        raise ValidationError(EmailValidator.message, code="invalid")


def shown_email(email: str) -> str:
    """Return a stored address as its owner writes it: the domain in Unicode.

    For the owner's own pages. Operators see A-labels, in which no letter looks like another.
    """
    local, at, domain = email.rpartition("@")
    if "xn--" not in domain:
        return email
    try:
        shown = idna.decode(domain)
    except UnicodeError:  # of which idna's errors are
        return email
    return f"{local}{at}{shown}" if _in_a_labels(shown) == domain else email


class NormalisedEmailField(_EmailField):
    """A column of email addresses that are normalised when validated, saved and looked up.

    To migrations it is an `EmailField`: the column is the same.
    """

    default_validators: ClassVar[list[Any]] = [  # type: ignore[misc]
        *models.EmailField.default_validators,
        validate_stored_email,
    ]

    def to_python(self, value: Any) -> Any:
        """Return the value for validation and forms."""
        value = super().to_python(value)
        return normalised_email(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        """Return the value for the database, also in lookups."""
        value = super().get_prep_value(value)
        return normalised_email(value) if isinstance(value, str) else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001
        """Normalise the instance's value, too."""
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value

    def deconstruct(self) -> Any:
        """Describe the column to migrations."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.EmailField", args, kwargs


def _in_a_labels(domain: str) -> str:
    if domain.isascii() or len(domain) > _LONGEST_DOMAIN:
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return domain.lower()
