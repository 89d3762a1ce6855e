"""Which apps receive which facts about a user: by consents, and without one by grants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from django.utils import timezone

from accounts.models import User
from idp import policy
from idp.clients.display import name_of
from idp.models import Client, Consent, Grant, Scope
from idp.models.scope import Source
from idp.protocol.languages import tagged

#: The sources of operators' claims that are facts of one user, which their page shows.
_FACTS = frozenset({"field", "attribute"})
#: How many of a user's newest grants are looked at: most repeat what the ones before had.
_MOST_GRANTS = 500


def receivers_of(user: User) -> dict[str, list[str]]:
    """Return the names of the apps that receive each standard claim and attribute of a user.

    Operators' claims count for the claim or attribute that they are filled from.
    """
    own = {scope.name: _facts_of(scope.claims) for scope in Scope.objects.all()}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for client, scopes, claims in (*_by_consent(user), *_without_consent(user)):
        for fact in _facts(scopes, claims, own):
            found[fact].add(name_of(client))
    return {fact: sorted(names, key=str.casefold) for fact, names in found.items()}


def _by_consent(user: User) -> Iterator[tuple[Client, Iterable[str], Iterable[str]]]:
    now = timezone.now()
    for consent in Consent.objects.select_related("client").filter(user=user):
        if not consent.has_expired(now):
            yield consent.client, consent.scopes, consent.claims


def _without_consent(user: User) -> Iterator[tuple[Client, Iterable[str], Iterable[str]]]:
    """Yield the apps of the operator that users are not asked about, by what they were granted."""
    grants = Grant.objects.filter(user=user, revoked_at=None, client__skip_authorization=True)
    asked = grants.values_list("client", "scope", "claims").order_by("-pk")[:_MOST_GRANTS]
    clients = Client.objects.in_bulk({client for client, _scope, _claims in asked})
    for client, scope, claims in asked:
        yield clients[client], scope.split(), {name for names in claims.values() for name in names}


def _facts(
    scopes: Iterable[str], claims: Iterable[str], own: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """Yield the standard claims and attributes that these scopes and claims show."""
    named = {tagged(name)[0] for name in claims}
    yield from named
    for scope in scopes:
        yield from policy.SCOPE_CLAIMS.get(scope, ())
        yield from own.get(scope, {}).values()
    for facts in own.values():
        yield from (fact for claim, fact in facts.items() if claim in named)


def _facts_of(claims: Mapping[str, str]) -> dict[str, str]:
    """Return the fact that fills each of an operator's claims."""
    sources = ((name, Source.parse(words)) for name, words in claims.items())
    return {name: source.argument for name, source in sources if source and source.kind in _FACTS}
