"""Take over what an upstream says about a user. `Upstream.mapping`, `Upstream.refresh`."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from zoneinfo import available_timezones

import structlog
from django.core.exceptions import ValidationError
from django.dispatch import Signal
from django.utils.translation import gettext as _

from accounts import profile_edits
from accounts.models import Upstream, User
from accounts.upstream import groups, mappings
from accounts.upstream.identity import Identity
from foundation import plain_text

log = structlog.get_logger(__name__)
#: Sent with `user`, `upstream` (a slug), and `changes`: what was before and is now, by name.
taken_over = Signal()
_LOCALE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_PHONE = re.compile(r"\+[0-9][0-9 ().\-/]{3,30}")


def take_over(user: User, identity: Identity, *, is_new: bool) -> None:
    """Take over an identity's claims to a saved user, at a sign-in; save what has changed.

    `is_new` says that the account was made for it just now. Groups are always those that it has at
    this sign-in: who has lost one there must not keep it here.
    """
    upstream = identity.upstream
    taken = mappings.read(upstream.mapping, identity.claims)
    changes: dict[str, tuple[Any, Any]] = {}
    if is_new or upstream.refresh == Upstream.Refresh.ALWAYS:
        values = dict(_usable(user, upstream, taken.values))
        changes = {name: (getattr(user, name), value) for name, value in values.items()}
        changes = {name: changes[name] for name in profile_edits.save(user, values)}
    if (given := groups.give(user, upstream, taken.groups)) is not None:
        changes["groups"] = given
    if changes and not is_new:
        taken_over.send(User, user=user, upstream=upstream.slug, changes=changes)


def _usable(user: User, upstream: Upstream, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the values that the fields' own rules allow; the others are logged, without values."""
    for name, said in values.items():
        value = said.replace("_", "-") if name == "locale" else said
        if value == getattr(user, name):
            continue
        if problem := _problem_with(user, name, value):
            log.info("upstream_claim_left_out", upstream=upstream.slug, field=name, reason=problem)
        else:
            yield name, value


def _problem_with(user: User, name: str, value: str) -> str | None:
    """Return why a field can't have this value, as a sentence, or None."""
    try:
        field: Any = User._meta.get_field(name)
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
