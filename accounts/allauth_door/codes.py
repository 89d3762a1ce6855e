"""Codes that are mailed, and codes as they are typed."""

from allauth.account.adapter import get_adapter
from allauth.core.internal.cryptokit import compare_user_code, normalize_user_code
from django.core.exceptions import ValidationError


def new_code() -> str:
    """Return a random code for a mail, in the format from settings."""
    code: str = get_adapter().generate_login_code()
    return code


def normalised(typed: str) -> str:
    """Return a code without the spaces and dashes that users type in it."""
    code: str = normalize_user_code(typed)
    return code


def is_same(typed: str, code: str) -> bool:
    """Whether a typed code is this one, compared in constant time; an empty one never is."""
    return bool(compare_user_code(actual=typed, expected=code))


def wrong_code() -> ValidationError:
    """Return the error message for a wrong code."""
    problem: ValidationError = get_adapter().validation_error("incorrect_code")
    return problem
