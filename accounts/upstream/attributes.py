"""Take over what an upstream says about a user. `Upstream.mapping`, `Upstream.refresh`."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

import structlog
from django.core.exceptions import ValidationError
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts import profile_edits
from accounts.models import Upstream, User, field_of
from accounts.upstream import groups, mappings, own_attributes
from accounts.upstream.identity import Identity
from foundation import plain_text

log = structlog.get_logger(__name__)
#: Sent with `user`, `upstream` (a slug), and `changes`: what was before and is now, by name.
taken_over = Signal()
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_PHONE = re.compile(r"\+[0-9][0-9 ().\-/]{3,30}")


@dataclass(frozen=True)
class Judged:
    """A value that a claim has for a field or an attribute, and why it is left out, if it is."""

    name: str
    value: Any
    problem: str | None = None


def take_over(user: User, identity: Identity, *, is_new: bool) -> None:
    """Take over an identity's claims to a saved user, at a sign-in; save what has changed.

    `is_new` says that the account was made for it just now. Groups are always those that it has at
    this sign-in: who has lost one there must not keep it here.
    """
    upstream = identity.upstream
    taken = mappings.read(upstream.mapping, identity.claims)
    changes: dict[str, tuple[Any, Any]] = {}
    if is_new or upstream.refresh == Upstream.Refresh.ALWAYS:
        changes = _save(user, upstream, taken)
    if (given := groups.give(user, upstream, taken.groups)) is not None:
        changes["groups"] = given
    if changes and not is_new:
        taken_over.send(User, user=user, upstream=upstream.slug, changes=changes)


def judged_fields(user: User, values: Mapping[str, str]) -> Iterator[Judged]:
    """Yield what each field would get, as the fields' own rules judge it."""
    for name, said in values.items():
        value = said.replace("_", "-") if name == "locale" else said
        is_same = value == getattr(user, field_of(name))
        yield Judged(name, value, None if is_same else _problem_with(user, name, value))


def judged_attributes(said: Mapping[str, Any]) -> Iterator[Judged]:
    """Yield what each of the operator's attributes would get, as their declarations judge it."""
    cleaners = own_attributes.declared() if said else {}
    for name, value in said.items():
        if name not in cleaners:
            unknown = _("There is no attribute %(attribute)s.") % {"attribute": name}
            yield Judged(name, value, unknown)
            continue
        try:
            yield Judged(name, cleaners[name](value))
        except ValidationError as error:
            yield Judged(name, value, " ".join(error.messages))


def _save(user: User, upstream: Upstream, taken: mappings.Taken) -> dict[str, tuple[Any, Any]]:
    """Save the values that can be; return what they were and are, of those that differ."""
    before = {**user.attributes}
    fields = {
        each.name: each.value for each in _usable(upstream, judged_fields(user, taken.values))
    }
    present = {name: getattr(user, field_of(name)) for name in fields}
    own = {each.name: each.value for each in _usable(upstream, judged_attributes(taken.attributes))}
    values = {**fields, "attributes": {**before, **own}} if own else fields
    changed = [name for name in profile_edits.save(user, values) if name != "attributes"]
    changes = {name: (present[name], fields[name]) for name in changed}
    differing = {name: value for name, value in own.items() if before.get(name) != value}
    return changes | {name: (before.get(name), value) for name, value in differing.items()}


def _usable(upstream: Upstream, judged: Iterable[Judged]) -> Iterator[Judged]:
    """Yield the values that can be taken over; the others are logged, without values."""
    for each in judged:
        if each.problem is None:
            yield each
        else:
            about = {"field": each.name, "reason": each.problem}
            log.info("upstream_claim_left_out", upstream=upstream.slug, **about)


def _problem_with(user: User, name: str, value: str) -> str | None:
    """Return why a field can't have this value, as a sentence, or None."""
    try:
        field: Any = User._meta.get_field(field_of(name))
        field.clean(value, user)
    except ValidationError as error:
        return " ".join(error.messages)
    if problem := plain_text.problem_with(value):
        return problem
    rule = _RULES.get(name)
    return rule(user, value) if rule else None


def _problem_with_picture(user: User, value: str) -> str | None:
    if user.uploaded_picture:
        return _("The user has a picture of their own.")
    return None if value.startswith("https://") else _("It is no https address.")


def _has_form(pattern: "re.Pattern[str]") -> "Callable[[User, str], str | None]":
    return lambda _user, value: None if pattern.fullmatch(value) else _("It has another form.")


def _problem_with_zone(_user: User, value: str) -> str | None:
    return None if value in available_timezones() else _("There is no such time zone.")


_RULES: dict[str, Callable[[User, str], str | None]] = {
    "preferred_username": profile_edits.problem_with_user_name,
    "picture": _problem_with_picture,
    "locale": _has_form(_LOCALE),
    "zoneinfo": _problem_with_zone,
    "phone_number": _has_form(_PHONE),
}
