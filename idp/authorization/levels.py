"""Levels of authentication: which one a request still needs, and which one is reported.

OIDC Core §3.1.2.1, §5.5.1.1.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from accounts import second_factor
from accounts.authentication import Authentication
from accounts.levels import MULTI_FACTOR, SINGLE_FACTOR, highest, lowest, reaches
from idp import policy
from idp.models import Client
from idp.protocol.errors import InteractionRequired, UnmetAuthenticationRequirements
from idp.protocol.rules import upholds


class AsksForLevel(Protocol):
    """What a request says about the level."""

    @property
    def client(self) -> Client:
        """The client, whose policy may require a level."""

    @property
    def arrived_at(self) -> datetime:
        """When the request came."""

    @property
    def prompts(self) -> frozenset[str]:
        """With `none`, no page may be shown."""

    @property
    def acr_values(self) -> tuple[str, ...]:
        """Levels that the client would like, the preferred first: a wish."""

    @property
    def essential_acr(self) -> tuple[str, ...]:
        """Levels of which one has to be reached; empty where none has to."""


@dataclass(frozen=True)
class StepUp:
    """The signed-in user has to use a further factor, which they have, to reach `level`."""

    level: str


@dataclass(frozen=True)
class SetUp:
    """The user has to set up the factor for `level`, which they don't have yet."""

    level: str


def missing_level(asks: AsksForLevel, authentication: Authentication) -> StepUp | SetUp | None:
    """Return what the user has to do for the level that the request needs, None for nothing.

    Raises InteractionRequired, UnmetAuthenticationRequirements.
    """
    return _demanded(asks, authentication) or _wished(asks, authentication)


@upholds("OIDC Core §5.5.1.1")
def _demanded(asks: AsksForLevel, authentication: Authentication) -> StepUp | SetUp | None:
    """Return the level that policy or an essential `acr` requires. OIDC Core §5.5.1.1.

    Users are asked to set up what the operator's policy requires; for an essential `acr` of the
    client it is an error.
    """
    required = asks.client.required_acr or SINGLE_FACTOR
    essential = _lowest_essential(asks)
    demanded = highest([required, essential])
    if reaches(authentication.acr, demanded):
        return None
    reachable = second_factor.reachable_level(authentication.user)
    if not reaches(highest([reachable, required]), essential):
        raise UnmetAuthenticationRequirements(
            f"The user has not set up what the essential acr {essential} takes."
        )
    if "none" in asks.prompts:
        raise InteractionRequired(
            f"The sign-in is below the acr {demanded}, and prompt=none forbids asking for more."
        )
    return StepUp(demanded) if reaches(reachable, demanded) else SetUp(demanded)


def _wished(asks: AsksForLevel, authentication: Authentication) -> StepUp | SetUp | None:
    """Return the level that `acr_values` asks for, if the user can reach it. OIDC Core §3.1.2.1.

    A user who has used two factors since the request arrived is not asked again.
    """
    wished = asks.acr_values
    if (
        not wished
        or "none" in asks.prompts
        or any(reaches(authentication.acr, level) for level in wished)
        or _has_used_two_factors(asks, authentication)
    ):
        return None
    reachable = second_factor.reachable_level(authentication.user)
    level = next((level for level in wished if reaches(reachable, level)), None)
    return None if level is None else StepUp(level)


def _has_used_two_factors(asks: AsksForLevel, authentication: Authentication) -> bool:
    """Whether they did so for this request. At a trusted browser they were asked for one."""
    return authentication.authenticated_at >= asks.arrived_at and reaches(
        authentication.acr, MULTI_FACTOR
    )


def reported_acr(asks: AsksForLevel, reached: str) -> str:
    """Return the `acr` to report: the reached level, or a requested one that it includes.

    OIDC Core §5.5.1.1: an essential `acr` is one of the requested values, and a passkey reaches
    every level below its own. A level is never reported that was not reached, nor one below the
    policy.
    """
    required = asks.client.required_acr or SINGLE_FACTOR
    asked = asks.essential_acr or asks.acr_values
    met = [
        level
        for level in policy.ACR_VALUES
        if level in asked and reaches(reached, level) and reaches(level, required)
    ]
    return highest(met) if met else reached


def _lowest_essential(asks: AsksForLevel) -> str:
    known = [level for level in policy.ACR_VALUES if level in asks.essential_acr]
    return lowest(known) if known else SINGLE_FACTOR
