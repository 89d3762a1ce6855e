"""The consent page: what the app would see, in words for users. OIDC Core §3.1.2.4."""

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import profile_edits
from accounts.forms import NameForm
from accounts.models import User
from foundation.plain_text import made_visible
from idp import events, policy
from idp.authorization import consent as consents
from idp.authorization import interactions
from idp.authorization.response import send_error
from idp.claims import asserted_by_others, claims_for, groups_of
from idp.clients.display import host_of
from idp.clients.lookalikes import looks_like
from idp.clients.roles import roles_of
from idp.endpoints.interstitial import go_on_by_page
from idp.endpoints.open_interaction import OpenInteraction, open_interaction_at
from idp.endpoints.wire import methods
from idp.models import AuthorizationDetailsType, Client, ResourceServer, Scope
from idp.protocol.authorization_details import types_of
from idp.protocol.errors import AccessDenied
from idp.protocol.rules import upholds
from idp.statements.bearers import values_of
from idp.statements.sso_session import Agreed


@methods("GET", "HEAD", "POST")
def consent(request: HttpRequest) -> HttpResponse:
    """Ask for consent, or handle the decision. The request is stored: the form has no more."""
    open_interaction = open_interaction_at(request)
    if isinstance(open_interaction, HttpResponse):
        return open_interaction
    agreed = consents.asked_by(open_interaction.authorization_request)
    form = name_form_for(request, agreed, open_interaction.authentication.user)
    if request.method != "POST" or (_says_yes(request) and form and not form.is_valid()):
        return _page(request, open_interaction, form)
    try:
        return _take_answer(request, open_interaction, form)
    except interactions.AnsweredError:
        return redirect(open_interaction.continue_path)


def name_form_for(request: HttpRequest, agreed: Agreed, user: User) -> NameForm | None:
    """Return the field for the user's name, if the client asks for it and there is none."""
    asks = "profile" in agreed.scopes or "name" in agreed.claims
    if not asks or not profile_edits.needs_name(user):
        return None
    return NameForm(request.POST if request.method == "POST" else None)


def _page(
    request: HttpRequest, open_interaction: OpenInteraction, form: NameForm | None
) -> HttpResponse:
    authorization_request, user = (
        open_interaction.authorization_request,
        open_interaction.authentication.user,
    )
    agreed = consents.asked_by(authorization_request)
    return render(
        request,
        "consent.html",
        {
            **asked_context(user, open_interaction.row.client, agreed, form),
            "user": user,
            "looks_like": looks_like(open_interaction.row.client),
            "shown_as": open_interaction.row.client.display_fingerprint,
            "on_device": authorization_request.loopback_port is not None
            or authorization_request.returns_to_any_program,
            "continue_path": open_interaction.continue_path,
        },
    )


def asked_context(
    user: User, client: Client, agreed: Agreed, form: NameForm | None
) -> dict[str, Any]:
    """Return the context of the template parts that say what a client asks for."""
    asked = details(user, client, agreed, Declared())
    return {
        "form": form,
        "details": shared(asked),
        "absent": [what for what in absent(asked) if not form or what not in _OF_NAME],
    }


def _take_answer(
    request: HttpRequest, open_interaction: OpenInteraction, form: NameForm | None
) -> HttpResponse:
    """Store the consent and continue, or return access_denied to the client."""
    row, authorization_request, user = (
        open_interaction.row,
        open_interaction.authorization_request,
        open_interaction.authentication.user,
    )
    client_id = row.client.client_id
    try:
        _answer_is_yes(request)
    except AccessDenied as error:
        interactions.note_answered(row.pk, None)
        reference = events.denied(
            error,
            request,
            client_id=client_id,
            parameters=interactions.arrival_of(row).parameters,
            user=user,
        )
        return go_on_by_page(
            request,
            send_error(request, authorization_request.reply_to, error, reference),
            row.client,
        )
    if request.POST.get("shown_as") != row.client.display_fingerprint:
        return redirect(request.get_full_path())  # the app is another than the page had shown
    agreed = consents.asked_by(authorization_request)
    save_name(request, user, form)
    consents.remember(user, row.client, agreed)
    consents.note_given_in(row.pk, open_interaction.authentication.session_id)
    events.record(
        events.Kind.CONSENTED,
        request,
        user=user,
        client_id=client_id,
        scope=" ".join(sorted(authorization_request.scopes)),
        claims=sorted(agreed.claims),
        resources=sorted(agreed.resources),
        authorization_details_types=types_of(authorization_request.authorization_details),
    )
    return redirect(open_interaction.continue_path)


@upholds("RFC 6749 §4.1.2.1")
def _answer_is_yes(request: HttpRequest) -> None:
    """RFC 6749 §4.1.2.1: a no is brought to the client."""
    if not _says_yes(request):
        raise AccessDenied("The user chose not to allow this.")


def _says_yes(request: HttpRequest) -> bool:
    return request.POST.get("answer") == "allow"


def save_name(request: HttpRequest, user: User, form: NameForm | None) -> None:
    """Save the name that a user has entered here, before the client receives it."""
    name = form.cleaned_data["name"] if form is not None else ""
    if profile_edits.set_missing_name(user, name):
        events.record(events.Kind.PROFILE_CHANGED, request, user=user, fields=["name"])


#: What a claim shows if it is requested by itself (OIDC Core §5.1).
_CLAIMS = {
    "name": _("Your full name"),
    "family_name": _("Your family name"),
    "given_name": _("Your given name"),
    "middle_name": _("Your middle name"),
    "nickname": _("Your nickname"),
    "preferred_username": _("Your user name"),
    "profile": _("Your profile page"),
    "picture": _("Your picture"),
    "website": _("Your website"),
    "gender": _("Your gender"),
    "birthdate": _("Your date of birth"),
    "zoneinfo": _("Your time zone"),
    "locale": _("Your language"),
    "updated_at": _("When your profile last changed"),
    "email": _("Your email address"),
    "email_verified": _("Whether your email address is confirmed"),
    "address": _("Your postal address"),
    "phone_number": _("Your phone number"),
    "phone_number_verified": _("Whether your phone number is confirmed"),
    "groups": _("The groups you belong to"),
    "roles": _("Your roles in this app"),
}


#: What the standard scopes show.
_SCOPES = {
    "profile": _("Your name and profile"),
    "email": _CLAIMS["email"],
    "address": _CLAIMS["address"],
    "phone": _CLAIMS["phone_number"],
    "groups": _CLAIMS["groups"],
    "roles": _CLAIMS["roles"],
    "offline_access": _("Access while you are away"),
    "device_sso": _("To sign you in to the company’s other apps on this device"),
}


def phrases(scopes: Container[str], claims: Container[str]) -> list[str]:
    """Return what standard scopes and claims show, in words for users."""
    named = [_SCOPES[scope] for scope in _SCOPES if scope in scopes]
    named += [_CLAIMS[claim] for claim in _CLAIMS if claim in claims]
    return list(dict.fromkeys(str(phrase) for phrase in named))


#: What the field for the name stands for.
_OF_NAME = (_SCOPES["profile"], _CLAIMS["name"])
Detail = tuple[str | Promise, Any]


def shared(asked: Iterable[Detail]) -> list[Detail]:
    """Return those of a client's details that have a value, which it receives."""
    return [(phrase, value) for phrase, value in asked if value]


def absent(asked: Iterable[Detail]) -> list[str | Promise]:
    """Return the phrases of those that the user has no value for, which it does not receive."""
    return [phrase for phrase, value in asked if not value]


@dataclass(frozen=True)
class Declared:
    """The scopes and APIs that an operator declared, read once for all apps of a page."""

    scopes: list[Scope] = field(default_factory=lambda: list(Scope.objects.order_by("name")))
    apis: list[ResourceServer] = field(
        default_factory=lambda: list(ResourceServer.objects.order_by("identifier"))
    )

    @cached_property
    def types(self) -> dict[str, AuthorizationDetailsType]:
        """The types of authorization details, read where there are details."""
        return {row.type: row for row in AuthorizationDetailsType.objects.all()}


def details(
    user: User, client: Client, agreed: Agreed, declared: Declared
) -> list[tuple[str | Promise, Any]]:
    """Return what a client may see and do by this: phrases, with the user's actual values."""
    scopes, claims = agreed.scopes, agreed.claims
    groups = groups_of(user.pk) if "groups" in scopes else []
    roles = roles_of(user.pk, client.client_id) if "roles" in scopes else []
    shown = {
        "profile": _profile(user),
        "email": user.email,
        "address": _written(user.address or {}),
        "phone": user.phone_number,
        "groups": _written(groups),
        "roles": _written(roles),
        "offline_access": _("also when you have signed out here"),
        "device_sso": _("until you sign out here"),
    }
    by_scope = [(_SCOPES[scope], shown[scope]) for scope in _SCOPES if scope in scopes]
    own = _own(user, client, scopes, claims, declared.scopes)
    shown_by_claims = [*_one_by_one(user, client, claims), *own]
    in_detail = agreed.authorization_details and details_in_words(
        map(json.loads, sorted(agreed.authorization_details)), declared.types
    )
    apis = _apis(scopes, agreed.resources, declared.apis)
    return [*in_detail, *by_scope, *shown_by_claims, *apis]


#: A host with its port, as an address has it.
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,260}")
#: How many hosts of one detail are shown.
_MOST_HOSTS = 5


def details_in_words(
    authorization_details: Iterable[dict[str, Any]], types: Mapping[str, AuthorizationDetailsType]
) -> Iterator[tuple[str, str]]:
    """Return authorization details as users read them: a sentence, and its kind and place each.

    RFC 9396 §2. Of a type that is gone, its name is all there is to say.
    """
    for detail in authorization_details:
        type_ = types.get(detail["type"])
        if type_ is None:
            yield gettext("In your name"), made_visible(detail["type"])
            continue
        places = _places_of(detail.get("locations"))
        yield type_.sentence_for(detail), " · ".join([type_.shown_label, *places])


def _places_of(locations: Any) -> list[str]:
    """Return the hosts of a detail's locations, each once: a client's own words are no host."""
    named = locations if isinstance(locations, list) else []
    netlocs = [host_of(each).rpartition("@")[2] for each in named if isinstance(each, str)]
    hosts = list(dict.fromkeys(filter(_HOST.fullmatch, netlocs)))
    return hosts if len(hosts) <= _MOST_HOSTS else [*hosts[:_MOST_HOSTS], "…"]


def _one_by_one(
    user: User, client: Client, claims: frozenset[str]
) -> Iterator[tuple[str | Promise, Any]]:
    """Return the standard claims among these, as they will be delivered."""
    asked = [name for name in _CLAIMS if name in claims]
    values = _values(user, client, frozenset(), asked) if asked else {}
    for name in asked:
        yield _CLAIMS[name], _of_claim(name, values.get(name))


def _of_claim(name: str, value: Any) -> Any:
    match name:
        case "birthdate":
            return _birthdate(value or "")
        case "updated_at":
            return date_format(datetime.fromtimestamp(value, UTC))
        case _:
            return _written(value)


def _values(
    user: User, client: Client, scopes: frozenset[str], names: Iterable[str]
) -> dict[str, Any]:
    """Return the values of these claims that the client would receive; not others' to assert."""
    values = values_of(user.pk)
    return claims_for(values, scopes, names, client_id=client.client_id, asserted=False)


def _own(
    user: User,
    client: Client,
    scopes: frozenset[str],
    claims: frozenset[str],
    declared: Iterable[Scope],
) -> Iterator[tuple[str | Promise, Any]]:
    """Return what the operator's own scopes show, in the operator's words."""
    for own in declared:
        named = claims & own.claims.keys()
        if own.name in policy.SCOPES or (own.name not in scopes and not named):
            continue
        if not own.claims:
            yield _("In your name"), str(own)
            continue
        asked = frozenset({own.name}) & scopes
        values = _values(user, client, asked, named)
        written = [str(_written(value)) for value in values.values()]
        others = _from_others(own, own.claims if asked else named)
        yield str(own), " · ".join([*written, *others])


def _apis(
    scopes: frozenset[str], resources: frozenset[str], declared: Iterable[ResourceServer]
) -> Iterator[tuple[str, Any]]:
    """Return every API that tokens can be for, by name and host.

    Each with the scopes there, and the claims about the user that it reads.
    """
    for server in declared:
        allowed = sorted(scopes & set(server.scopes))
        if not allowed and server.identifier not in resources:
            continue
        words = [server.words_for(scope) or scope for scope in allowed]
        words += [str(_CLAIMS.get(name, name)) for name in server.access_token_claims]
        yield _name_of(server), " · ".join(words) or gettext("whatever apps can do there")


def _name_of(server: ResourceServer) -> str:
    host = host_of(server.identifier)
    if not server.name or server.name == host:
        return gettext("In your name at %(host)s") % {"host": host}
    named = {"api": server.name, "host": host}
    return gettext("In your name at %(api)s (%(host)s)") % named


def _from_others(scope: Scope, names: Container[str]) -> Iterator[str]:
    """Return which of these claims others assert, with the provider; values are unknown."""
    for claim, provider in asserted_by_others(scope, names):
        yield gettext("%(claim)s, from %(provider)s") % {"claim": claim, "provider": provider}


def _written(value: Any) -> Any:
    """Return a claim's value as text for users."""
    match value:
        case bool():
            return gettext("yes") if value else gettext("no")
        case dict():
            return value.get("formatted") or ", ".join(value.values())
        case list():
            return ", ".join(value)
        case _:
            return value


def _profile(user: User) -> str:
    """Return all that the scope profile shows, as text for users."""
    name = user.name or f"{user.given_name} {user.family_name}".strip()
    others = [
        value
        for value in (user.nickname, user.preferred_username, user.middle_name)
        if value and value.casefold() not in name.casefold()
    ]
    values = [
        name,
        *others,
        user.gender,
        _birthdate(user.birthdate),
        user.zoneinfo,
        user.locale,
        user.picture and gettext("your picture"),
        user.website and gettext("your website"),
        user.profile_url and gettext("your profile page"),
    ]
    return " · ".join(dict.fromkeys(value for value in values if value))


def _birthdate(birthdate: str) -> str:
    """Return a date in the page's language; the bare text where its year is withheld."""
    try:
        return date_format(date.fromisoformat(birthdate))
    except ValueError:
        return birthdate
