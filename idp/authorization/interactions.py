"""Interactions: authorization requests stored as rows, found by an id in the address.

Several tabs, Back, reload, slow mail and restored browsers all work, because the browser session
holds nothing of a request.
"""

import re

from django.utils import timezone

from idp import policy
from idp.authorization.request import Arrival
from idp.models import Client, Interaction
from idp.protocol.parameters import Parameters

_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class AnsweredError(Exception):
    """The request was answered before, or has gone since."""

    def __init__(self, interaction_id: str) -> None:
        super().__init__("The authorization request was answered before.")
        self.interaction_id = interaction_id


def keep(client: Client, arrival: Arrival, ip_address: str | None) -> str:
    """Store a validated request and return its id; a stored one keeps its id."""
    if arrival.interaction_id is not None:
        return arrival.interaction_id
    row = Interaction.objects.create(
        client=client,
        parameters=dict(arrival.parameters.values),
        resources=list(arrival.parameters.resources),
        arrived_at=arrival.arrived_at,
        ip_address=ip_address,
        was_pushed=arrival.was_pushed,
    )
    _make_room(ip_address)
    return row.pk


def find(interaction_id: str) -> Interaction | None:
    """Return a request that is still waited for, with its client, or None."""
    row = find_expired(interaction_id)
    lives = row is not None and row.arrived_at > timezone.now() - policy.INTERACTION_LIFETIME
    return row if lives else None


def find_expired(interaction_id: str) -> Interaction | None:
    """Return an interaction even if it has expired: to say which client it was for."""
    if _ID.fullmatch(interaction_id) is None:
        return None
    return Interaction.objects.select_related("client").filter(pk=interaction_id).first()


def arrival_of(row: Interaction) -> Arrival:
    """Return the request as it arrived."""
    return Arrival(
        parameters=Parameters(row.parameters, resources=tuple(row.resources)),
        arrived_at=row.arrived_at,
        interaction_id=row.pk,
        consented_in=row.consented_in_id,
        chosen_in=row.chosen_in_id,
        tested_in=row.tested_in_id,
        was_pushed=row.was_pushed,
    )


def note_chosen_in(interaction_id: str, session_id: str) -> None:
    """Note on the interaction which session its user chose; no other counts as chosen."""
    Interaction.objects.filter(pk=interaction_id).update(chosen_in=session_id)


def note_answered(interaction_id: str, session_id: str | None) -> None:
    """Note that the interaction was answered: for a session, or (None) with an error.

    Raises AnsweredError if it was answered before: an interaction has one response, however often
    its address is opened. Within a transaction, concurrent calls wait for its end.
    """
    open_row = Interaction.objects.filter(pk=interaction_id, answered_at=None)
    if not open_row.update(answered_at=timezone.now(), answered_in=session_id):
        raise AnsweredError(interaction_id)


def arrived_now(parameters: Parameters) -> Arrival:
    """Return a request that has just come from its client."""
    return Arrival(parameters=parameters, arrived_at=timezone.now())


def _make_room(ip_address: str | None) -> None:
    """Delete a visitor's oldest interactions beyond the cap, instead of refusing new ones.

    What clients pushed, and test sign-ins, have no address, and are not those of visitors whose
    address is not known.
    """
    of_visitor = Interaction.objects.filter(ip_address=ip_address, pushed_as=None, tested_in=None)
    oldest = of_visitor.order_by("-arrived_at")
    surplus = list(oldest.values_list("pk", flat=True)[policy.INTERACTIONS_PER_ADDRESS :])
    if surplus:
        Interaction.objects.filter(pk__in=surplus).delete()


def forget_parameter(row: Interaction, name: str) -> None:
    """Drop a parameter that was only a wish."""
    if row.parameters.pop(name, None) is not None:
        row.save(update_fields=["parameters"])
