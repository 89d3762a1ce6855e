"""Trusted issuers, as a file declares them, with the users that are linked to their subjects."""

from collections.abc import Collection
from functools import partial
from types import NoneType
from typing import Any

from django.db.models import QuerySet

from accounts.addresses import normalised_email
from accounts.models import User
from idp.declaration.change import Change, Outcome, differences
from idp.declaration.members import (
    DeclarationError,
    is_text,
    refuse_other_types,
    refuse_unknown,
    validate,
)
from idp.declaration.steps import ConflictError, Step, check_unchanged, step_for, updated
from idp.models import IssuerLink, TrustedIssuer
from idp.models.trusted_issuer import problem_with_subject

_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "jwks_uri"), (str,)),
    "enabled": (bool,),
    "jwks": (dict, NoneType),
    "longest_life": (int,),
    "claims": (dict,),
    **dict.fromkeys(("purposes", "algorithms", "audiences", "email_domains"), (list,)),
}
_LINKS = "links"
#: Users by the subject that the issuer has for them: their addresses.
Links = dict[str, str]


def plan_trusted_issuer(entry: dict[str, Any]) -> tuple[TrustedIssuer, Step | None]:
    """Return a trusted issuer as declared, and the step that makes it so.

    Raises DeclarationError.
    """
    what = f"trusted issuer {entry['issuer']}"
    refuse_unknown(what, entry, {"issuer", _LINKS, *_TYPES})
    refuse_other_types(what, entry, {**_TYPES, _LINKS: (dict,)})
    issuer = TrustedIssuer.objects.filter(issuer=entry["issuer"]).first()
    is_new = issuer is None
    issuer = issuer or TrustedIssuer(issuer=entry["issuer"])
    before = {} if is_new else state(issuer)
    for name, default in state(TrustedIssuer()).items():
        setattr(issuer, name, entry.get(name, default))
    validate(what, issuer)
    fields = differences(before, state(issuer))
    return issuer, step_for(what, fields, partial(_make, issuer, fields), is_new=is_new)


def plan_links(entry: dict[str, Any], *, emails: Collection[str]) -> Step | None:
    """Return the step that links users, once all are saved; None if the entry names no links.

    `emails` are the addresses of the users whom the file declares. Raises DeclarationError.
    """
    if _LINKS not in entry:
        return None
    what = f"trusted issuer {entry['issuer']}"
    wanted = _declared(what, entry[_LINKS])
    issuer = rows().filter(issuer=entry["issuer"]).first()
    before = _links_of(issuer) if issuer is not None else {}
    if before == wanted:
        return None
    asked = set(wanted.values()) - set(emails)
    known = User.objects.filter(email__in=asked).values_list("email", flat=True)
    if unknown := sorted(asked - set(known)):
        raise DeclarationError(f"{what}: links: No user has the address {unknown[0]}.")
    fields = {_LINKS: (before, wanted)}
    return Step(Change(what, Outcome.CHANGED, fields), partial(_link, entry["issuer"], fields))


def state(issuer: TrustedIssuer) -> dict[str, Any]:
    """Return the members of a trusted issuer, except its links."""
    return {name: getattr(issuer, name) for name in _TYPES}


def exported(issuer: TrustedIssuer) -> dict[str, Any]:
    """Return the exportable members of a trusted issuer."""
    return {**state(issuer), _LINKS: _links_of(issuer)}


def defaults(_: TrustedIssuer) -> dict[str, Any]:
    """Return the defaults of a trusted issuer."""
    return {**state(TrustedIssuer()), _LINKS: {}}


def rows() -> QuerySet[TrustedIssuer]:
    """Return the rows that are exported and pruned."""
    return TrustedIssuer.objects.order_by("issuer").prefetch_related("links__user")


def _make(planned: TrustedIssuer, fields: dict[str, tuple[Any, Any]]) -> None:
    if planned.pk is not None:
        planned = updated(planned, fields, state, tuple(_TYPES))
    planned.save()


def _link(name: str, fields: dict[str, tuple[Links, Links]]) -> None:
    issuer = TrustedIssuer.objects.select_for_update(no_key=True).get(issuer=name)
    check_unchanged(issuer, fields, lambda row: {_LINKS: _links_of(row)})
    before, wanted = fields[_LINKS]
    changed = {sub: email for sub, email in wanted.items() if before.get(sub) != email}
    users = {user.email: user for user in User.objects.filter(email__in=changed.values())}
    if len(users) < len(set(changed.values())):
        raise ConflictError("A user is gone.")
    gone = [subject for subject, email in before.items() if wanted.get(subject) != email]
    issuer.links.filter(subject__in=gone).delete()
    issuer.links.bulk_create(
        IssuerLink(issuer=issuer, subject=subject, user=users[email])
        for subject, email in changed.items()
    )


def _links_of(issuer: TrustedIssuer) -> Links:
    return {link.subject: link.user.email for link in issuer.links.all()}


def _declared(what: str, links: dict[Any, Any]) -> Links:
    """Return links with addresses as they are stored. Raises DeclarationError."""
    found: Links = {}
    for subject, email in links.items():
        if not isinstance(email, str) or not is_text(email):
            raise DeclarationError(f"{what}: links: {subject}: This has to be an email address.")
        if problem := problem_with_subject(str(subject)):
            raise DeclarationError(f"{what}: links: {problem}")
        found[str(subject)] = normalised_email(email)
    return found
