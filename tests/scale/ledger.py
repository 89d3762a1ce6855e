"""What the provider has acknowledged to a load, and whether all of it is there afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from httpx import Cookies

from idp.policy import CODE_LIFETIME

if TYPE_CHECKING:
    from tests.scale.load import App


@dataclass
class Granted:
    """A grant: its code, then its tokens, as they were answered last.

    What a request without an answer may have changed is None.
    """

    code_verifier: str
    code: str | None
    code_at: float
    access_token: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None
    tokens_at: float = 0.0


@dataclass
class Visit:
    """What one user did at one browser."""

    #: The browser's cookies.
    cookies: Cookies
    email: str
    #: When it was acknowledged that the user is signed in, agreed, and is signed out.
    signed_in_at: float | None = None
    consented_at: float | None = None
    signed_out_at: float | None = None
    #: Whether a sign-out was asked for that may have taken place.
    may_be_signed_out: bool = False
    grants: list[Granted] = field(default_factory=list)


class Ledger:
    """All visits of a load. Threads write it at once."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        #: What was acknowledged and refused later, with the time of the acknowledgement.
        self.broken: list[tuple[float, str]] = []

    def missing(self, app: App, codes_lost: tuple[float, float] | None = None) -> list[str]:
        """Return what was acknowledged and is not there.

        Codes acknowledged in the time `codes_lost` may be: those of the second before a crash of
        PostgreSQL (ADR 20), or those that a step of the clock made expire.
        """
        begin, end = codes_lost or (0.0, 0.0)
        with ThreadPoolExecutor(4) as threads:
            found = threads.map(lambda visit: list(_missing(visit, app)), self.visits)
            problems = [*self.broken, *(problem for several in found for problem in several)]
        return [
            f"{at:.2f}: {what}"
            for at, what in problems
            if not (what.startswith("code ") and begin <= at <= end)
        ]

    def counts(self) -> dict[str, int]:
        """Return how much was acknowledged."""
        grants = [grant for visit in self.visits for grant in visit.grants]
        return {
            "sign_ins": sum(visit.signed_in_at is not None for visit in self.visits),
            "consents": sum(visit.consented_at is not None for visit in self.visits),
            "codes": len(grants),
            "tokens": sum(grant.tokens_at > 0 for grant in grants),
            "sign_outs": sum(visit.signed_out_at is not None for visit in self.visits),
        }


def _missing(visit: Visit, app: App) -> Iterator[tuple[float, str]]:
    if visit.signed_out_at is not None:
        yield from _still_there(visit, app, visit.signed_out_at)
    elif not visit.may_be_signed_out:
        yield from _gone(visit, app)


def _still_there(visit: Visit, app: App, signed_out_at: float) -> Iterator[tuple[float, str]]:
    with app.browser_of(visit) as visitor:
        goes_on = visitor.has_session()
    if goes_on:
        yield signed_out_at, f"sign-out of {visit.email}: the session goes on"
    for grant in visit.grants:
        for token in (grant.access_token, grant.refresh_token):
            if token and app.is_active(token):
                yield signed_out_at, f"sign-out of {visit.email}: a token is active"


def _gone(visit: Visit, app: App) -> Iterator[tuple[float, str]]:
    if visit.consented_at is not None:
        with app.browser_of(visit) as visitor:
            is_known = visitor.comes_back_at_once()
        if not is_known:
            yield visit.consented_at, f"session or consent of {visit.email}"
    for grant in visit.grants:
        fresh = time.monotonic() - grant.code_at < CODE_LIFETIME.total_seconds() - 5
        if grant.code and fresh and not app.redeems(grant):
            yield grant.code_at, f"code of {visit.email}"
        for kind in ("access_token", "refresh_token"):
            token = getattr(grant, kind)
            if token and not app.is_active(token):
                yield grant.tokens_at, f"{kind} of {visit.email}"
