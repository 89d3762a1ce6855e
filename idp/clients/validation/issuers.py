"""What a client names of trusted issuers: its workloads, and assertions about users. RFC 7523."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from idp.clients.validation.problem import Problem
from idp.clients.workloads import Workload, is_pattern
from idp.models import Client, TrustedIssuer
from idp.models.catalog import Catalog
from idp.models.trusted_issuer import (
    LONGEST,
    problem_with_claims,
    problem_with_subject,
    trust_domain_of,
)
from idp.protocol.vocabulary import JWT_BEARER

_MOST = 50
#: The types of a workload's members.
_TYPES: dict[str, type] = {
    **dict.fromkeys(("issuer", "subject", "audience"), str),
    "claims": dict,
    "single_use": bool,
}
_Stored = dict[str, Any]


def workloads_can_prove_it(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 7523 §3: each workload has an issuer that is trusted, and a subject that it can have."""
    if not client.workloads:
        return
    if client.is_public:
        yield Problem("workloads", _("An app whose client authentication is none proves nothing."))
    if not isinstance(client.workloads, list) or len(client.workloads) > _MOST:
        yield Problem("workloads", _("There may be %(most)d of them.") % {"most": _MOST})
        return
    for number, stored in enumerate(client.workloads, start=1):
        problem = _problem_with_form(stored) or _problem_with(Workload(**stored), catalog)
        if problem:
            yield Problem("workloads", f"{number}: {problem}")


def assertions_can_be_presented(client: Client, catalog: Catalog) -> Iterator[Problem]:
    """RFC 7523 §2.1: each issuer is trusted with users, for scopes of the client."""
    if not client.user_assertions:
        return
    if not isinstance(client.user_assertions, dict):
        yield Problem("user_assertions", _("This has to be a mapping of issuers to scopes."))
        return
    for issuer, scopes in client.user_assertions.items():
        problem = _problem_with_assertions(client, catalog, issuer, scopes)
        if problem:
            yield Problem("user_assertions", f"{issuer}: {problem}")


def assertions_need_authentication(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """ID-JAG §8: a client that presents assertions about users authenticates itself."""
    if client.is_public and JWT_BEARER in client.grant_types:
        said = _("A client without a secret cannot present assertions about users.")
        yield Problem("grant_types", said)


def _problem_with_form(stored: Any) -> str | None:
    if not isinstance(stored, dict) or not stored.keys() <= _TYPES.keys():
        return _("A workload has the members %(names)s.") % {"names": ", ".join(_TYPES)}
    for name in ("issuer", "subject"):
        if not stored.get(name):
            return _("It has no %(name)s.") % {"name": name}
    for name, value in stored.items():
        if not isinstance(value, _TYPES[name]):
            return _("Its %(name)s cannot be read.") % {"name": name}
    return problem_with_claims(stored.get("claims", {}))


def _problem_with(workload: Workload, catalog: Catalog) -> str | None:
    if problem := _problem_with_issuer(workload.issuer, catalog, TrustedIssuer.Purpose.WORKLOADS):
        return problem
    if problem := problem_with_subject(workload.subject):
        return problem
    if not is_pattern(workload.subject):
        return _(
            "In a subject, * stands for a whole part between : or /, and not for one of the first "
            "two: repo:example/shop:ref:refs/heads/*."
        )
    domain = trust_domain_of(workload.subject)
    if trust_domain_of(workload.issuer) and domain != workload.issuer:
        return _("The subject is not in the trust domain %(name)s.") % {"name": workload.issuer}
    if len(workload.audience) > LONGEST or not workload.audience.isprintable():
        return _("The audience cannot be used.")
    return None


def _problem_with_assertions(
    client: Client, catalog: Catalog, issuer: str, scopes: Any
) -> str | None:
    if not isinstance(scopes, str) or not scopes.split():
        return _("Write the scopes that the app gets for its users, separated by spaces.")
    purposes = (TrustedIssuer.Purpose.USERS, TrustedIssuer.Purpose.ID_JAGS)
    if problem := _problem_with_issuer(issuer, catalog, *purposes):
        return problem
    if beyond := sorted(set(scopes.split()) - client.allowed_scopes):
        return _("The app may not ask for %(scopes)s.") % {"scopes": ", ".join(beyond)}
    return None


def _problem_with_issuer(issuer: str, catalog: Catalog, *purposes: str) -> str | None:
    """Return why an issuer does not serve one of these purposes; disabled ones may be named."""
    trusted = catalog.issuers.get(issuer)
    if trusted is None:
        return _("%(name)s is no trusted issuer.") % {"name": issuer}
    if trusted.isdisjoint(purposes):
        return _("%(name)s is not trusted for this.") % {"name": issuer}
    return None
