"""Tokens that are made before it is known what for, so that one statement does it all. ADR 21."""

from datetime import datetime, timedelta

from idp import keys, policy
from idp.models import Client
from idp.protocol.parameters import Parameters
from idp.statements.presented import Spent, use_up
from idp.statements.taking import StoredAhead, take_back
from idp.tokens import opaque, refresh_token
from idp.tokens.audience import lifetime_without_resource
from idp.tokens.authorization import TokensAhead


def made_for(
    client: Client, parameters: Parameters, now: datetime, next_refresh_token: str | None = None
) -> TokensAhead | None:
    """Return tokens for a token request; None where they can't be told beforehand.

    That is where they depend on what is asked now, on whose they are, or on somebody else's key.
    """
    if parameters.resources or parameters.get("scope") is not None or not _is_plain(client):
        return None
    keys.active_signer(client.id_token_signed_response_alg)  # Once taken, nothing is left to load.
    access, refresh = opaque.generate(), next_refresh_token or opaque.generate()
    idle, absolute = refresh_token.lifetimes(client)
    stored = StoredAhead(
        client_id=client.pk,
        client_version=client.version,
        access_hash=opaque.hash_of(access),
        access_expires=now + timedelta(seconds=lifetime_without_resource(client)),
        refresh_hash=opaque.hash_of(refresh) if refresh_token.is_for(client) else None,
        refresh_without_offline=client.refresh_without_offline_access,
        refresh_idle=idle,
        refresh_absolute=absolute,
    )
    return TokensAhead(access, refresh, stored)


def _is_plain(client: Client) -> bool:
    return (
        client.access_token_format != "jwt"
        and client.id_token_signed_response_alg in policy.SIGNING_ALGORITHMS
        and not client.id_token_encrypted_response_alg
        and client.subject_type != Client.PAIRWISE
        and not client.allowed_groups
    )


def refuse(spent: Spent, ahead: TokensAhead | None, now: datetime) -> None:
    """Use up for nothing what was presented wrongly; what is stored for it already goes again."""
    if ahead is None:
        use_up(spent, now)
    else:
        take_back(ahead.stored)
