"""What a sign-in with some claims would make of a person here. It writes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from django.contrib.auth.models import Group
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.upstream import attributes, groups, levels, mappings, sign_in
from accounts.upstream.attributes import Judged
from accounts.upstream.identity import Identity
from accounts.upstream.model import Upstream
from accounts.upstream.sign_in import Way

_WAYS: dict[Way, str | Promise] = {
    Way.CONNECTED: _("Signs in to the account that is connected:"),
    Way.INVITED: _("Is connected with the account that you have entered, and signs in:"),
    Way.PROOF: _("Signs in as usual once, to prove this account; then it is connected:"),
    Way.TAKEN: _(
        "Is refused: another account has this address, and an address counts as proved only if it "
        "is called verified and you trust this provider’s verified addresses. The account:"
    ),
    Way.NO_ACCOUNT: _("Is refused: nobody has connected this account, and no accounts are made."),
    Way.NO_ADDRESS: _("Is refused: an account needs an email address, and there is none."),
}
_NEW = _("Gets a new account.")
_NEW_BY_CODE = _("Gets a new account, once a mailed code has proved the address.")


@dataclass(frozen=True)
class Line:
    """Something that a claim says, and what becomes of it."""

    #: Our field, attribute or group; empty if there is none.
    name: str
    #: Their claim, or their group.
    claim: str
    value: Any = ""
    #: Why it is left out; empty if it isn't.
    problem: str = ""


@dataclass(frozen=True)
class Preview:
    """A person, as they would be after the sign-in."""

    #: What becomes of the sign-in, and the account that it is about.
    outcome: str | Promise
    user: User | None
    email: str
    email_is_verified: bool
    fields: list[Line]
    attributes: list[Line]
    groups: list[Line]
    #: A level of `accounts.levels`.
    level: str
    #: Claims of the mapping that are absent.
    missing: list[str]
    #: Whether fields and attributes stay as they are, since the account was made before.
    is_kept: bool


def preview(
    upstream: Upstream, claims: Mapping[str, Any], subject: str, acr: str, amr: tuple[str, ...]
) -> Preview:
    """Return what a sign-in with these claims would come to; without a subject, of a new user.

    Raises ValueError for a subject that no user can have.
    """
    identity = Identity(upstream, subject or token_hex(32), claims, amr, acr)
    way, user = sign_in.way_of(identity)
    is_kept = way in {Way.CONNECTED, Way.PROOF} and upstream.refresh == Upstream.Refresh.FIRST
    mapping, taken = upstream.mapping, mappings.read(upstream.mapping, claims)
    fields, own_attributes = mappings.fields_of(mapping), mapping.get("attributes", {})
    judged = attributes.judged_fields(user or User(), taken.values)
    judged_own = attributes.judged_attributes(taken.attributes)
    return Preview(
        outcome=_outcome(way, identity),
        user=user,
        email=identity.email,
        email_is_verified=identity.has_verified_email,
        fields=list(_lines(fields, judged, claims)),
        attributes=list(_lines(own_attributes, judged_own, claims)),
        groups=list(_groups(mapping, claims)),
        level=levels.level_of(upstream.levels, acr, amr),
        missing=[
            claim
            for claim in (*fields.values(), *own_attributes.values())
            if not _is_said(claims, claim)
        ],
        is_kept=is_kept,
    )


def _outcome(way: Way, identity: Identity) -> str | Promise:
    if way is Way.NEW:
        return _NEW if identity.has_verified_email else _NEW_BY_CODE
    return _WAYS[way]


def _lines(
    targets: Mapping[str, str], judged: Iterator[Judged], claims: Mapping[str, Any]
) -> Iterator[Line]:
    """Yield a line for each target of the mapping whose claim is there, in its order."""
    found = {each.name: each for each in judged}
    for name, claim in targets.items():
        if name in found:
            yield Line(name, claim, found[name].value, found[name].problem or "")
        elif _is_said(claims, claim):
            yield Line(name, claim, mappings.at(claims, claim), gettext("It is no text."))


def _is_said(claims: Mapping[str, Any], claim: str) -> bool:
    return mappings.at(claims, claim) not in (None, "")


def _groups(mapping: Mapping[str, Any], claims: Mapping[str, Any]) -> Iterator[Line]:
    pairs = list(mappings.groups_of(mapping, claims))
    names = {group for _said, group in pairs if group}
    given = set(groups.givable(names).values_list("name", flat=True))
    known = set(Group.objects.filter(name__in=names).values_list("name", flat=True))
    for said, group in pairs:
        if not group:
            yield Line("", said, problem=gettext("No group here is declared for it."))
        elif group not in known:
            yield Line(group, said, problem=gettext("There is no such group here."))
        elif group not in given:
            yield Line(group, said, problem=gettext("A group with permissions is never given."))
        else:
            yield Line(group, said)
