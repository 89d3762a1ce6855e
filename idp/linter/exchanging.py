"""Findings about token exchange, connected applications and shared sign-ins. RFC 8693 §2.1."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp.linter.facts import Facts, Finding, Severity
from idp.protocol.vocabulary import DEVICE_SSO, TOKEN_EXCHANGE


def may_have_scopes_where_it_exchanges_tokens(facts: Facts) -> Iterator[Finding]:
    """RFC 6749 §3.3: the scopes of a client bound what it gets, by exchange too."""
    for api in facts.closed_targets:
        yield Finding(
            Severity.FAILING,
            _("It may get tokens for %(api)s by exchange, but has no scope there.") % {"api": api},
            _("Add the scopes of that API that it needs, or remove the API."),
            "scopes",
        )


def names_apps_that_there_are(facts: Facts) -> Iterator[Finding]:
    """A client that is added later with such an id would have the permission."""
    for client_id in facts.unknown_clients:
        is_actor = client_id == facts.client.may_act
        yield Finding(
            Severity.WEAK,
            _("Its settings of token exchange name an app that does not exist: %(app)s.")
            % {"app": client_id},
            _("Correct the client ID, or remove it."),
            "may_act" if is_actor else "token_exchange_clients",
        )


def exchanges_what_it_may(facts: Facts) -> Iterator[Finding]:
    """RFC 8693 §2.1: the grant and its policy go together."""
    client = facts.client
    may = bool(
        client.token_exchange_resources or client.connected_applications or client.native_sso_group
    )
    has_grant = TOKEN_EXCHANGE in client.grant_types
    of_others = client.token_exchange_resources or client.connected_applications
    if has_grant and not may:
        yield Finding(
            Severity.SUGGESTED,
            _("It exchanges tokens, but for no API: it can only narrow its own."),
            _("Name the APIs that it may get tokens for, or untick that it exchanges tokens."),
            "token_exchange_resources",
        )
    elif of_others and not has_grant:
        yield Finding(
            Severity.SUGGESTED,
            _("It may get tokens by exchange, but does not exchange tokens."),
            _("Tick that it exchanges tokens, or remove the APIs and applications."),
            "grant_types",
        )


def shares_sign_ins_with_another(facts: Facts) -> Iterator[Finding]:
    """OIDC Native SSO §3: it takes two apps, and the scope device_sso."""
    client = facts.client
    if client.native_sso_group and not facts.shares_sign_ins:
        yield Finding(
            Severity.SUGGESTED,
            _("It is to share sign-ins on a device, but no other app has the same name there."),
            _("Write the same name at the other app; capitals count."),
            "native_sso_group",
        )
    elif DEVICE_SSO in client.scopes and not client.native_sso_group:
        yield Finding(
            Severity.SUGGESTED,
            _("It has the scope device_sso, but shares sign-ins with no app."),
            _("Write with which apps it shares them, or remove the scope."),
            "native_sso_group",
        )
