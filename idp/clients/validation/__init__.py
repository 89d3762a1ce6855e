"""The checks of client metadata, in one tuple, which everything that saves a client runs.

That is the administration's forms, registration and its updates (RFC 7592), client ID metadata
documents, `apply` and imports. To add a check: write the function, put it in a tuple, test it.
OIDC Dynamic Client Registration §2, RFC 7591 §2.
"""

from collections.abc import Callable, Iterator

from django.core.exceptions import ValidationError

from idp import policy
from idp.clients.validation import (
    addresses,
    backchannel,
    certificates,
    exchange,
    grants,
    issuers,
    keys,
    references,
    remote,
    texts,
)
from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol.vocabulary import CIBA

Check = Callable[[Client, Catalog], Iterator[Problem]]

CHECKS: tuple[Check, ...] = (
    addresses.web_addresses_can_be_used,
    addresses.redirect_uris_can_be_used,
    addresses.origins_are_origins,
    texts.texts_can_be_seen,
    keys.keys_are_usable,
    certificates.certificates_have_one_name,
    certificates.names_of_certificates_can_be_compared,
    certificates.registered_certificates_are_there,
    certificates.bound_tokens_come_over_a_connection,
    keys.request_uris_can_be_fetched,
    keys.signed_requests_can_be_verified,
    keys.public_clients_use_no_secret,
    keys.responses_can_be_encrypted,
    keys.content_encryption_has_key_encryption,
    texts.localized_texts_can_be_shown,
    grants.grants_have_redirect_uris,
    grants.grants_and_response_types_match,
    grants.grants_suit_the_client,
    grants.bound_tokens_come_from_the_token_endpoint,
    backchannel.answers_can_be_told,
    backchannel.signed_requests_can_be_verified,
    exchange.exchange_needs_a_secret,
    exchange.exchange_targets_exist,
    exchange.connected_applications_can_be_named,
    exchange.shared_sign_ins_are_of_ones_own,
    issuers.workloads_can_prove_it,
    issuers.assertions_can_be_presented,
    issuers.assertions_need_authentication,
    addresses.pairwise_clients_have_a_sector,
    references.groups_exist,
    references.upstreams_can_be_named,
    references.details_types_exist,
    references.client_id_is_no_apis,
    references.client_id_is_no_subject,
    references.integration_exists,
    references.values_are_offered,
)
#: Checks that fetch documents of the client. They may take seconds.
REMOTE_CHECKS: tuple[Callable[[Client], None], ...] = (remote.sector_document_lists_redirect_uris,)
#: Columns with the content encryption that follows where only the key encryption is given.
_ENCRYPTIONS = {
    f"{prefix}_alg": f"{prefix}_enc"
    for prefix in (
        "id_token_encrypted_response",
        "userinfo_encrypted_response",
        "authorization_encrypted_response",
        "request_object_encryption",
    )
}


def check(client: Client, catalog: Catalog | None = None) -> None:
    """Run CHECKS, and fill in what follows: content encryptions, and the mode of CIBA.

    `catalog` has the scopes and groups that there will be; by default those that are stored.
    Raises ValidationError with all problems by column.
    """
    for alg, enc in _ENCRYPTIONS.items():
        if getattr(client, alg) and not getattr(client, enc):
            setattr(client, enc, policy.RESPONSE_CONTENT_ENCRYPTIONS[0])
    if CIBA in client.grant_types and not client.backchannel_token_delivery_mode:
        client.backchannel_token_delivery_mode = policy.BACKCHANNEL_DELIVERY_MODES[0]
    catalog = catalog or Catalog.stored()
    problems: dict[str, list[str]] = {}
    for holds in CHECKS:
        for problem in holds(client, catalog):
            problems.setdefault(problem.column, []).append(problem.text)
    if problems:
        raise ValidationError(problems)


def check_whole(client: Client) -> None:
    """Run CHECKS, then the fields' own checks: lengths, types, choices.

    Forms and `apply` run the latter themselves. Raises ValidationError by column.
    """
    problems: dict[str, list[ValidationError]] = {}
    for step in (lambda: check(client), client.clean_fields):
        try:
            step()
        except ValidationError as error:
            problems = error.update_error_dict(problems)
    if problems:
        raise ValidationError(problems)


def check_remotely(client: Client) -> None:
    """Run REMOTE_CHECKS. Call it outside of transactions, after `check`.

    Raises ValidationError by column, and TemporarilyUnavailable if nothing can be fetched now.
    """
    for holds in REMOTE_CHECKS:
        holds(client)
