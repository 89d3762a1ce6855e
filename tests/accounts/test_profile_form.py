"""The date of birth, and the names that users can choose."""

import pytest
from django.core.exceptions import ValidationError

from accounts import profile_edits
from accounts.models import User
from accounts.profile import initials
from accounts.profile_form import birthdate_of
from tests.relying_party import make_user, unique


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (("12", "3", "1985"), "1985-03-12"),
        (("29", "2", ""), "0000-02-29"),
        (("", "", "1985"), "1985"),
        (("", "", ""), ""),
    ],
)
def test_a_date_of_birth_may_lack_its_year(parts: tuple[str, str, str], written: str) -> None:
    assert birthdate_of(*parts) == written


@pytest.mark.parametrize(
    "parts",
    [
        ("30", "2", ""),
        ("29", "2", "1985"),
        ("12", "", "1985"),
        ("", "3", ""),
        ("x", "3", "1985"),
        ("12", "3", "85"),
        ("12", "3", "\uff11\uff19\uff18\uff15"),
        ("1", "1", "2999"),
        ("31", "12", "9999"),
        ("-1", "3", "1985"),
        ("0", "0", "0"),
    ],
)
def test_what_is_no_date_is_refused(parts: tuple[str, str, str]) -> None:
    with pytest.raises(ValidationError):
        birthdate_of(*parts)


@pytest.mark.parametrize(
    ("names", "letters"),
    [
        ({"name": "Ana Lima"}, "AL"),
        ({"name": "Ana"}, "A"),
        ({"name": "ana maria lima"}, "AL"),
        ({"given_name": "Ana", "family_name": "Lima"}, "AL"),
        ({}, "B"),
    ],
)
def test_initials(names: dict[str, str], letters: str) -> None:
    assert initials(User(email="ben@example.com", **names)) == letters


def test_a_user_name_is_one_users() -> None:
    name = unique("ana").lower()
    first = User.objects.get(email=make_user(preferred_username=name).email)
    second = User.objects.get(email=make_user(preferred_username="").email)
    assert profile_edits.problem_with_user_name(first, name.upper()) is None
    assert profile_edits.problem_with_user_name(second, name.upper())
    assert profile_edits.problem_with_user_name(second, unique("ben")) is None


@pytest.mark.parametrize(
    "name",
    ["Admin", "root", "\u0430dmin", "a b", "ana@example.com", "-ana", "ana.", "x" * 65, "ana\n"],
)
def test_user_names_that_pass_for_others_are_refused(name: str) -> None:
    assert profile_edits.problem_with_user_name(User(email="ben@example.com"), name)
