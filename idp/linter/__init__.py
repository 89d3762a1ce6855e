"""The linter: what fails or is weak about a client, and how to fix it.

Each check is a function from `Facts` to findings. To add one: write it, put it in CHECKS, test it.
RFC 9700; OIDC Dynamic Client Registration §2.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from idp.linter import exchanging, failing, high_security, issuers, suggested, weak
from idp.linter.facts import Facts, Finding, Severity, facts_of
from idp.models import Client

__all__ = ["CHECKS", "Facts", "Finding", "Severity", "findings_for", "findings_of"]

Check = Callable[[Facts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    failing.is_enabled,
    failing.does_something,
    failing.sends_registered_addresses,
    failing.has_a_secret,
    failing.sends_the_right_secret,
    failing.sends_code_challenges,
    failing.has_keys_for_what_it_does,
    failing.would_be_saved,
    high_security.meets_its_profile,
    high_security.gets_well_signed_tokens,
    issuers.names_issuers_that_are_trusted,
    issuers.is_proven_by_its_workloads,
    issuers.presents_assertions_of_some_issuer,
    failing.uses_certificates_that_come,
    failing.answers_logout_notifications,
    failing.learns_of_answers,
    exchanging.may_have_scopes_where_it_exchanges_tokens,
    exchanging.names_apps_that_there_are,
    weak.has_a_secret_that_stays_valid,
    weak.changes_its_secret,
    weak.uses_its_secrets,
    weak.uses_pkce,
    weak.is_no_legacy,
    issuers.names_its_workloads_exactly,
    weak.gets_tokens_for_a_short_time,
    weak.is_not_easily_impersonated,
    weak.has_no_local_redirect_uri,
    suggested.signs_with_a_key_of_its_own_kind,
    suggested.gets_what_it_may_ask_for,
    suggested.signs_devices_in_only_where_it_has_to,
    suggested.asks_for_its_roles,
    suggested.has_names_in_its_id_tokens,
    suggested.gets_the_open_scopes_it_registered,
    suggested.is_described_to_users,
    suggested.has_owners,
    suggested.learns_of_sign_outs,
    high_security.pushes_its_requests,
    high_security.binds_its_tokens,
    exchanging.exchanges_what_it_may,
    exchanging.shares_sign_ins_with_another,
)


def findings_for(client: Client, now: datetime) -> list[Finding]:
    """Return the findings about a client, the most severe first. Fetches nothing."""
    return sorted(findings_of(facts_of(client, now)), key=lambda finding: finding.severity)


def findings_of(facts: Facts) -> Iterator[Finding]:
    """Return the findings of every check."""
    for check in CHECKS:
        yield from check(facts)
