"""Suggestions: findings that neither fail nor weaken anything."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp import policy
from idp.linter.facts import Facts, Finding, Severity
from idp.models import Client
from idp.protocol.vocabulary import CIBA, DEVICE_CODE, OFFLINE_ACCESS, ROLES


def signs_with_a_key_of_its_own_kind(facts: Facts) -> Iterator[Finding]:
    """OIDC Core §10.1: a party that can check such a signature can make one."""
    client = facts.client
    shared = {client.id_token_signed_response_alg, client.userinfo_signed_response_alg}
    found = sorted(shared & set(policy.MAC_ALGORITHMS))
    if found:
        yield Finding(
            Severity.SUGGESTED,
            _("It gets tokens signed with its secret (%(alg)s), which can forge them.")
            % {"alg": found[0]},
            _("RS256 suits nearly every app."),
            "id_token_signed_response_alg",
        )


def gets_what_it_may_ask_for(facts: Facts) -> Iterator[Finding]:
    """OIDC Core §11."""
    client = facts.client
    if OFFLINE_ACCESS in client.scopes and "refresh_token" not in client.grant_types:
        yield Finding(
            Severity.SUGGESTED,
            _("It may ask for offline_access, but never gets a refresh token."),
            _("Tick that it can stay signed in, or remove the scope."),
            "grant_types",
        )


def signs_devices_in_only_where_it_has_to(facts: Facts) -> Iterator[Finding]:
    """Cross-Device Flows BCP §5: a code for another device can be passed on by a phisher."""
    client = facts.client
    if DEVICE_CODE not in client.grant_types:
        return
    if facts.signs_users_in:
        yield Finding(
            Severity.SUGGESTED,
            _("It signs users in with codes for other devices, too, which others can pass on."),
            _(
                "If a browser opens wherever it runs, untick device_code. If not, register what "
                "runs without a browser as an app of its own."
            ),
            "grant_types",
        )
    if "refresh_token" not in client.grant_types:
        yield Finding(
            Severity.SUGGESTED,
            _("Its devices have to show a new code whenever an access token expires."),
            _("Tick that it can stay signed in."),
            "grant_types",
        )


def asks_for_its_roles(facts: Facts) -> Iterator[Finding]:
    """RFC 9068 §2.2.3.1: roles come with the scope of their name."""
    asks = ROLES in facts.client.scopes
    if facts.has_roles and not asks:
        yield Finding(
            Severity.SUGGESTED,
            _("It has roles, but may not ask for them."),
            _("Add the scope roles, and have the app ask for it."),
            "scopes",
        )
    elif asks and not facts.has_roles:
        yield Finding(
            Severity.SUGGESTED,
            _("It may ask for roles, but has none."),
            _("Add its roles, or remove the scope."),
            "scopes",
        )


def has_names_in_its_id_tokens(facts: Facts) -> Iterator[Finding]:
    """OIDC Core §5.4: many programs read the ID token alone, and never ask UserInfo."""
    client = facts.client
    shown = client.allowed_scopes & policy.SCOPE_CLAIMS.keys() - {"openid"}
    at_userinfo = client.id_token_claims == Client.IdTokenClaims.USERINFO
    if shown and at_userinfo and facts.signs_users_in and not client.is_self_registered:
        yield Finding(
            Severity.SUGGESTED,
            _("Its ID tokens have no names and addresses: it has to ask UserInfo for them."),
            _("If the app does not know who signed in, choose that they are in the ID token, too."),
            "id_token_claims",
        )


def gets_the_open_scopes_it_registered(facts: Facts) -> Iterator[Finding]:
    """RFC 7591 §5: the operator of an API may close what was open when a client registered."""
    if facts.closed_scopes:
        yield Finding(
            Severity.SUGGESTED,
            _("It registered scopes that no API opens to apps like it any more: %(scopes)s.")
            % {"scopes": ", ".join(facts.closed_scopes)},
            _("If it is to have them, open them at the API, or enter them as its scopes anew."),
            "scopes",
        )


def is_described_to_users(facts: Facts) -> Iterator[Finding]:
    """OIDC Dynamic Client Registration §2: what users read before they agree."""
    client = facts.client
    if not facts.signs_users_in and not {DEVICE_CODE, CIBA} & set(client.grant_types):
        return
    if not client.name:
        yield Finding(
            Severity.SUGGESTED,
            _("It has no name: users are asked to trust %(id)s.") % {"id": client.client_id},
            _("Give it the name that users know it by."),
            "name",
        )
    entered = client.registration_source == Client.RegistrationSource.MANUAL
    wanted = {
        "logo_uri": (_("a logo"), entered and not client.skip_authorization),
        "client_uri": (_("a home page, which error pages lead back to"), entered),
        "policy_uri": (_("a privacy policy"), not client.skip_authorization),
        "tos_uri": (_("terms of service"), not client.skip_authorization),
    }
    lacking = {
        field: words
        for field, (words, shown) in wanted.items()
        if shown and not getattr(client, field)
    }
    if lacking:
        yield Finding(
            Severity.SUGGESTED,
            _("Users are not shown %(what)s.") % {"what": "; ".join(lacking.values())},
            _("Ask the app’s makers for the addresses, and enter them."),
            min(lacking),
        )


def has_owners(facts: Facts) -> Iterator[Finding]:
    """Errors are best read by the developers who can correct them."""
    if facts.client.user_id is None and not facts.client.contacts:
        yield Finding(
            Severity.SUGGESTED,
            _("It has neither an owner nor contacts."),
            _("Enter its owner, who then sees its errors, or the makers’ email addresses."),
            "user",
        )


def learns_of_sign_outs(facts: Facts) -> Iterator[Finding]:
    """OIDC Back-Channel Logout §1: signing out here is to sign out there."""
    client = facts.client
    notified = client.backchannel_logout_uri or client.frontchannel_logout_uri
    if facts.signs_users_in and client.needs_secret and not notified:
        yield Finding(
            Severity.SUGGESTED,
            _("It is not notified when users sign out here, and may keep them signed in."),
            _("Ask its makers for the address where it takes logout tokens."),
            "backchannel_logout_uri",
        )
