"""What will fail or is weak about a client, and what to do about it, before anybody tries.

Each check is a function of what was `Seen` and yields `Advice`. To add one: write it, put it in
CHECKS, test it. RFC 9700; OIDC Dynamic Client Registration §2.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from idp.clients.lint import better, failing, weak
from idp.clients.lint.seen import Advice, Seen, Weight, look
from idp.models import Client

__all__ = ["CHECKS", "Advice", "Seen", "Weight", "advice_for", "advice_of"]

Check = Callable[[Seen], Iterator[Advice]]

CHECKS: tuple[Check, ...] = (
    failing.is_enabled,
    failing.does_something,
    failing.sends_registered_addresses,
    failing.has_a_secret,
    failing.sends_the_right_secret,
    failing.has_keys_for_what_it_does,
    failing.would_be_saved,
    failing.answers_when_told_of_sign_outs,
    weak.has_a_secret_that_goes_on,
    weak.changes_its_secret,
    weak.uses_its_secrets,
    weak.uses_pkce,
    weak.is_no_legacy,
    weak.gets_tokens_for_a_short_time,
    weak.is_not_easily_impersonated,
    weak.lives_where_people_are,
    better.signs_with_a_key_of_its_own_kind,
    better.gets_what_it_may_ask_for,
    better.is_introduced_to_people,
    better.has_somebody_who_cares,
    better.learns_of_sign_outs,
)


def advice_for(client: Client, now: datetime) -> list[Advice]:
    """Return what there is to improve about a client, what fails first. Fetches nothing."""
    seen = look(client, now)
    return sorted(advice_of(seen), key=lambda advice: advice.weight)


def advice_of(seen: Seen) -> Iterator[Advice]:
    """Return what every check says."""
    for check in CHECKS:
        yield from check(seen)
