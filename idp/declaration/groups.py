"""Groups, which a file makes by naming them."""

from collections.abc import Iterable

from django.contrib.auth.models import Group

from idp.declaration.members import DeclarationError

_LONGEST = 150


def refuse_odd_names(what: str, member: str, names: Iterable[str]) -> None:
    """Raise DeclarationError where one of these can't be a group's name."""
    if not all(0 < len(name) <= _LONGEST for name in names):
        raise DeclarationError(f"{what}: {member}: A group's name has 1 to {_LONGEST} characters.")


def made(names: Iterable[str]) -> list[Group]:
    """Return the groups of these names; those that there were not are made."""
    wanted = sorted(set(names))
    found = Group.objects.in_bulk(wanted, field_name="name")
    if missing := [Group(name=name) for name in wanted if name not in found]:
        Group.objects.bulk_create(missing, ignore_conflicts=True)  # or by others, just now
        found = Group.objects.in_bulk(wanted, field_name="name")
    return list(found.values())
