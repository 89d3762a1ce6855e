"""Findings about trusted issuers that a client names. RFC 7523."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp.clients.workloads import ANY, workloads_of
from idp.linter.facts import Facts, Finding, Severity
from idp.protocol.vocabulary import JWT_BEARER


def names_issuers_that_are_trusted(facts: Facts) -> Iterator[Finding]:
    """RFC 7523 §3: a disabled issuer’s tokens are refused. `would_be_saved` has unknown ones."""
    for issuer in facts.disabled_issuers:
        yield Finding(
            Severity.FAILING,
            _("It names the trusted issuer %(issuer)s, which is disabled.") % {"issuer": issuer},
            _("Enable the issuer, or remove it here."),
            "workloads" if _proves(facts, issuer) else "user_assertions",
        )


def is_proven_by_its_workloads(facts: Facts) -> Iterator[Finding]:
    """OIDC Core §9: a client authenticates as it was registered to."""
    if facts.client.workloads and facts.client.token_endpoint_auth_method != "private_key_jwt":
        yield Finding(
            Severity.FAILING,
            _("Its workloads cannot prove it: its client authentication is another one."),
            _("Choose private_key_jwt, and remove its secrets."),
            "token_endpoint_auth_method",
        )


def names_its_workloads_exactly(facts: Facts) -> Iterator[Finding]:
    """RFC 9700 §2.5: each workload that a pattern means can act as the client."""
    for workload in workloads_of(facts.client):
        if ANY in workload.subject:
            yield Finding(
                Severity.WEAK,
                _("Every workload that %(subject)s means can act as it.")
                % {"subject": workload.subject},
                _("Name the workloads one by one, or have further claims tell them apart."),
                "workloads",
            )


def presents_assertions_of_some_issuer(facts: Facts) -> Iterator[Finding]:
    """RFC 7523 §2.1: the grant and its issuers go together."""
    has_grant = JWT_BEARER in facts.client.grant_types
    if has_grant and not facts.client.user_assertions:
        yield Finding(
            Severity.FAILING,
            _("It presents assertions about users, but no issuer may vouch for them."),
            _("Name the issuers and their scopes, or untick jwt-bearer."),
            "user_assertions",
        )
    elif facts.client.user_assertions and not has_grant:
        yield Finding(
            Severity.FAILING,
            _("Issuers may vouch for its users, but it may not present their assertions."),
            _("Tick jwt-bearer among what it does, or remove the issuers."),
            "grant_types",
        )


def _proves(facts: Facts, issuer: str) -> bool:
    return any(workload.issuer == issuer for workload in workloads_of(facts.client))
