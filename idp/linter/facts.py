"""The facts about a client that the linter judges, and its findings."""

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.core.exceptions import ValidationError

from idp.clients import fapi2, secrets, validation
from idp.clients.workloads import workloads_of
from idp.linter.near_misses import NearMiss, near_misses
from idp.models import (
    AuthorizationCode,
    BackchannelNotification,
    Client,
    ClientSecret,
    Delivery,
    Event,
    ResourceServer,
    TrustedIssuer,
)
from idp.models.resource_server import open_scopes

#: How far back denials are read, and how many of them.
LATELY = timedelta(days=30)
_DENIALS = 200
#: How many codes are read. They are kept for a day.
_CODES = 200


class Severity(IntEnum):
    """How severe a finding is, the most severe first."""

    FAILING = 1
    WEAK = 2
    SUGGESTED = 3


@dataclass(frozen=True)
class Finding:
    """A problem: what it is, how to fix it, and the field that it is about."""

    severity: Severity
    what: str
    do: str
    field: str = ""
    #: More about it, a line each.
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """The facts about a client at one time; checks read nothing else."""

    client: Client
    now: datetime
    #: Those that are valid.
    secrets: tuple[ClientSecret, ...] = ()
    can_sign: bool = True
    has_roles: bool = False
    #: Errors that saving it unchanged would raise, by column.
    refused: tuple[tuple[str, str], ...] = ()
    near_misses: tuple[NearMiss, ...] = ()
    wrong_secrets: int = 0
    #: Whether it was given codes without PKCE within a day.
    goes_without_pkce: bool = False
    #: How often it was refused for lack of PKCE, since it last used it.
    refused_without_pkce: int = 0
    #: Why it could not be notified of the last sign-out, if so.
    failed_notification: str = ""
    #: Why it could not be told of the last answer of a user whom it had asked to sign in, if so.
    failed_ping: str = ""
    #: Scopes that it registered while an API opened them to apps like it, and that are closed now.
    closed_scopes: tuple[str, ...] = ()
    #: The client_ids that its settings of token exchange name and that no client has.
    unknown_clients: tuple[str, ...] = ()
    #: The APIs that it may get tokens for by exchange, though none of its scopes is theirs.
    closed_targets: tuple[str, ...] = ()
    #: APIs that it has scopes of, and gets no tokens for: its profile forbids their signatures.
    weakly_signed_apis: tuple[str, ...] = ()
    #: Whether another client shares sign-ins on a device with it.
    shares_sign_ins: bool = False
    #: Trusted issuers that it names, and that are disabled.
    disabled_issuers: tuple[str, ...] = ()

    @property
    def signs_users_in(self) -> bool:
        """Whether it sends users here."""
        return self.client.signs_users_in

    @property
    def authenticates_by_secret(self) -> bool:
        """Whether the client authenticates with a secret."""
        return bool(self.client.token_endpoint_auth_method.startswith("client_secret_"))


def facts_of(client: Client, now: datetime) -> Facts:
    """Return the facts about a client, read in a few statements however many events it has."""
    denials = Event.objects.filter(client_id=client.client_id, kind=Event.Kind.DENIED)
    recent = [event for event in denials.order_by("-id")[:_DENIALS] if event.at > now - LATELY]
    codes = _codes(client)
    used_pkce_at = max((at for at, challenge in codes if challenge), default=now - LATELY)
    valid = (row for row in client.secrets.all() if row.expires_at is None or row.expires_at > now)
    return Facts(
        client,
        now,
        secrets=tuple(valid),
        can_sign=secrets.can_sign(client),
        has_roles=client.roles.exists(),
        refused=tuple(_refused(client)),
        near_misses=tuple(near_misses(client, recent)),
        wrong_secrets=_times(recent, "_secret_is_right"),
        goes_without_pkce=any(not challenge for _at, challenge in codes),
        refused_without_pkce=_times(
            (event for event in recent if event.at > used_pkce_at), "injected_code_is_noticed"
        ),
        failed_notification=_problem_with_last_delivery(client),
        failed_ping=_problem_with_last_ping(client),
        closed_scopes=tuple(_closed_scopes(client)),
        unknown_clients=tuple(_unknown_clients(client)),
        closed_targets=tuple(_closed_targets(client)),
        weakly_signed_apis=tuple(_weakly_signed_apis(client)),
        shares_sign_ins=bool(client.native_sso_group)
        and Client.objects.filter(native_sso_group=client.native_sso_group)
        .exclude(pk=client.pk)
        .exists(),
        disabled_issuers=tuple(_disabled_issuers(client)),
    )


def _unknown_clients(client: Client) -> list[str]:
    named = {*client.token_exchange_clients, client.may_act} - {""}
    if not named:
        return []
    known = Client.objects.filter(client_id__in=named).values_list("client_id", flat=True)
    return sorted(named - set(known))


def _closed_targets(client: Client) -> list[str]:
    if not client.token_exchange_resources:
        return []
    targets = ResourceServer.objects.filter(identifier__in=client.token_exchange_resources)
    return [
        server.identifier
        for server in targets.order_by("identifier")
        if server.scopes and not server.scopes_for(client)
    ]


def _weakly_signed_apis(client: Client) -> list[str]:
    if not client.has_high_security:
        return []
    return [
        server.identifier
        for server in ResourceServer.objects.order_by("identifier")
        if fapi2.is_weakly_signed(server) and server.scopes_for(client)
    ]


def _closed_scopes(client: Client) -> list[str]:
    return sorted(set(client.open_scopes) - open_scopes()) if client.open_scopes else []


def _disabled_issuers(client: Client) -> list[str]:
    named = {workload.issuer for workload in workloads_of(client)} | client.user_assertions.keys()
    if not named:
        return []
    disabled = TrustedIssuer.objects.filter(issuer__in=named, enabled=False)
    return list(disabled.order_by("issuer").values_list("issuer", flat=True))


def _refused(client: Client) -> Iterator[tuple[str, str]]:
    try:
        validation.check_whole(copy(client))
    except ValidationError as error:
        for column, problems in error.message_dict.items():
            yield from ((column, problem) for problem in problems)


def _problem_with_last_delivery(client: Client) -> str:
    last = Delivery.objects.filter(client=client).order_by("-id").first()
    return last.last_problem if last else ""


def _problem_with_last_ping(client: Client) -> str:
    if client.backchannel_token_delivery_mode != "ping":
        return ""
    pings = BackchannelNotification.objects.filter(
        authentication__client=client, receiver=BackchannelNotification.Receiver.CLIENT
    )
    last = pings.order_by("-id").first()
    return last.last_problem if last else ""


def _codes(client: Client) -> list[tuple[datetime, str]]:
    """Return when codes of a day were given to the client, and their challenges; not of tests."""
    own = AuthorizationCode.objects.filter(
        application=client, redirect_uri__in=client.redirect_uris
    )
    return list(own.values_list("created", "code_challenge")[:_CODES])


def _times(denials: Iterable[Event], check: str) -> int:
    """Return how often this check denied a request."""
    by_check = (e for e in denials if str(e.details.get("check")).endswith(check))
    return sum(event.times for event in by_check)
