"""What is sound, and could be better."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp import policy
from idp.clients.lint.seen import Advice, Seen, Weight
from idp.models import Client
from idp.protocol.vocabulary import OFFLINE_ACCESS


def signs_with_a_key_of_its_own_kind(seen: Seen) -> Iterator[Advice]:
    """OIDC Core §10.1: who can check such a signature can make one."""
    client = seen.client
    shared = {client.id_token_signed_response_alg, client.userinfo_signed_response_alg}
    found = sorted(shared & set(policy.MAC_ALGORITHMS))
    if found:
        yield Advice(
            Weight.BETTER,
            _("What it is told is signed with its secret (%(alg)s): whoever has that can forge it.")
            % {"alg": found[0]},
            _("RS256 suits nearly every app."),
            "id_token_signed_response_alg",
        )


def gets_what_it_may_ask_for(seen: Seen) -> Iterator[Advice]:
    """OIDC Core §11."""
    client = seen.client
    if OFFLINE_ACCESS in client.scopes and "refresh_token" not in client.grant_types:
        yield Advice(
            Weight.BETTER,
            _("It may ask for offline_access, but never gets a refresh token."),
            _("Tick that it can stay signed in, or remove the scope."),
            "grant_types",
        )


def is_introduced_to_people(seen: Seen) -> Iterator[Advice]:
    """OIDC Dynamic Client Registration §2: what people read before they agree."""
    client = seen.client
    if not seen.signs_people_in:
        return
    if not client.name:
        yield Advice(
            Weight.BETTER,
            _("It has no name: people are asked to trust %(id)s.") % {"id": client.client_id},
            _("Give it the name that people know it by."),
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
        yield Advice(
            Weight.BETTER,
            _("People are not shown %(what)s.") % {"what": "; ".join(lacking.values())},
            _("Ask the app’s makers for the addresses, and enter them."),
            min(lacking),
        )


def has_somebody_who_cares(seen: Seen) -> Iterator[Advice]:
    """Errors are best read by whoever can correct them."""
    if seen.client.user_id is None and not seen.client.contacts:
        yield Advice(
            Weight.BETTER,
            _("Nobody is named who looks after it."),
            _("Enter its owner, who then sees its errors, or the makers’ e-mail addresses."),
            "user",
        )


def learns_of_sign_outs(seen: Seen) -> Iterator[Advice]:
    """OIDC Back-Channel Logout §1: signing out here is to sign out there."""
    client = seen.client
    told = client.backchannel_logout_uri or client.frontchannel_logout_uri
    if seen.signs_people_in and client.needs_secret and not told:
        yield Advice(
            Weight.BETTER,
            _("It is not told when people sign out here, and may keep them signed in."),
            _("Ask its makers for the address where it takes logout tokens."),
            "backchannel_logout_uri",
        )
