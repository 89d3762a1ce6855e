"""The authorization endpoint. OIDC Core §3.1.2."""

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt

from accounts import account_switching, second_factor
from accounts.authentication import authentication_in, authentication_of
from accounts.sessions import recognize, session_id_of
from accounts.upstream import ways
from foundation.client_address import client_address, rate_limit_key
from idp import events
from idp.authorization import codes, interactions, pushed_requests, request_object
from idp.authorization.checks import check
from idp.authorization.levels import SetUp, StepUp
from idp.authorization.next_step import (
    Answer,
    AskConsent,
    ChooseAccount,
    DenyAccess,
    SignIn,
    SignUp,
    next_step,
)
from idp.authorization.request import Arrival, AuthorizationRequest
from idp.authorization.response import send, send_error
from idp.clients import lookup
from idp.clients.offer import offer_of
from idp.clients.redirect_uris import ReplyAddress, verified
from idp.current_interaction import INTERACTION, continue_at, interaction_of
from idp.endpoints.answered import answered_page
from idp.endpoints.error_page import error_page
from idp.endpoints.interstitial import go_on_by_page
from idp.endpoints.introduction import introduce
from idp.endpoints.open_interaction import address_of_its_own
from idp.endpoints.wire import form_of, methods
from idp.logout.session_state import session_state
from idp.models import Client
from idp.protocol.errors import InvalidRequest, ProtocolError, RequestExpired, UnknownClient
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.sso_session import Agreed, SsoSession, find_sso_session


@csrf_exempt
@methods("GET", "HEAD", "POST")
def authorize(request: HttpRequest) -> HttpResponse:
    """Every visit enters here: the client's first, and each return from sign-in or consent."""
    try:
        return _enter(request)
    except interactions.AnsweredError as answered:
        return answered_page(request, answered.interaction_id)


def _enter(request: HttpRequest) -> HttpResponse:
    try:
        arrival = _arrival(request)
    except _Gone as gone:
        return _start_again(request, gone)
    except ProtocolError as error:
        return error_page(request, error)
    try:
        client_id = _client_id(arrival.parameters)
        if arrival.interaction_id is None:
            introduce(request, client_id)
        named = _sso_session(request, client_id)
        client = lookup.find(client_id, UnknownClient, named.client if named else None)
        signed_in = named if recognize(request, named.session if named else None) else None
        return _visit(request, arrival, client, signed_in)
    except ProtocolError as error:
        # The redirect_uri is not verified, so the error goes to the user and not to the client.
        return error_page(request, error, arrival.parameters)


class _Gone(RequestExpired):
    """The interaction has expired or never existed."""

    def __init__(self, interaction_id: str) -> None:
        super().__init__("This sign-in was not finished in time, or its address is incomplete.")
        self.interaction_id = interaction_id


@upholds("OIDC Core §3.1.2")
def _arrival(request: HttpRequest) -> Arrival:
    """Return the request: a new one from its client, or a stored one by its id."""
    body = form_of(request) if request.method == "POST" else ""
    parameters = Parameters.parse(request.META.get("QUERY_STRING", ""), body)
    interaction_id = parameters.get(INTERACTION)
    if interaction_id is not None and "client_id" not in parameters.values:
        row = interaction_of(request)
        if row is None:
            raise _Gone(interaction_id)
        if row.answered_at is not None:
            raise interactions.AnsweredError(interaction_id)
        return interactions.arrival_of(row)
    return interactions.arrived_now(parameters)


@upholds("OIDC Core §3.1.2.1")
def _client_id(parameters: Parameters) -> str:
    """Return the client_id, or raise InvalidRequest. OIDC Core §3.1.2.1."""
    if "client_id" in parameters.repeated:
        raise InvalidRequest("The parameter client_id was sent more than once.")
    client_id = parameters.get("client_id")
    if client_id is None:
        raise InvalidRequest("The parameter client_id is missing.")
    return client_id


def _visit(
    request: HttpRequest, arrival: Arrival, client: Client, signed_in: SsoSession | None
) -> HttpResponse:
    """Read what was pushed or signed, if anything was, then continue with its parameters."""
    try:
        arrival = pushed_requests.take(client, arrival, timezone.now())
        visitor = rate_limit_key(request)
        signed = request_object.read(client, arrival, visitor, timezone.now())
        arrival = replace(arrival, parameters=signed.parameters) if signed else arrival
    except ProtocolError as error:
        # Parameters inside are not trusted: errors go only to a redirect_uri outside.
        return _refuse(request, arrival, _known_address(client, arrival.parameters, error), error)
    reply_to = verified(client, arrival.parameters, address_of_its_own(request, client, arrival))
    try:
        pushed_requests.was_pushed_where_required(client, arrival)
        if signed is not None:
            request_object.check(client, signed, timezone.now())
        authorization_request = AuthorizationRequest.parse(arrival, reply_to)
        check(authorization_request)
        if request.method == "POST":
            # A cross-site POST carries no Lax cookie: the request is stored and continues as a GET.
            return redirect(
                continue_at(interactions.keep(client, arrival, client_address(request)))
            )
        return _proceed(request, arrival, authorization_request, signed_in)
    except ProtocolError as error:
        return _refuse(request, arrival, reply_to, error)


def _known_address(client: Client, parameters: Parameters, error: ProtocolError) -> ReplyAddress:
    """Return the address of the bare parameters; raises `error` again where none is registered."""
    try:
        return verified(client, parameters)
    except ProtocolError:
        raise error from None


def _refuse(
    request: HttpRequest, arrival: Arrival, reply_to: ReplyAddress, error: ProtocolError
) -> HttpResponse:
    """Bring the error to the client."""
    client = reply_to.client
    if arrival.interaction_id is not None:
        interactions.note_answered(arrival.interaction_id, None)
    authentication = authentication_of(request)
    reference = events.denied(
        error,
        request,
        client_id=client.client_id,
        parameters=arrival.parameters,
        user=authentication.user if authentication else None,
    )
    return _answered(request, arrival, client, send_error(request, reply_to, error, reference))


def _answered(
    request: HttpRequest, arrival: Arrival, client: Client, response: HttpResponse
) -> HttpResponse:
    """Return the response to the client, by an intermediate page after a form of ours.

    A request with `prompt=none` never showed a form, and may be answered in a hidden frame.
    """
    is_silent = "none" in (arrival.parameters.get("prompt") or "").split()
    is_from_our_page = (
        interaction_of(request) is not None
        or request.META.get("HTTP_SEC_FETCH_SITE") == "same-origin"
    )
    if is_silent or not is_from_our_page:
        return response
    return go_on_by_page(request, response, client)


def _proceed(
    request: HttpRequest,
    arrival: Arrival,
    authorization_request: AuthorizationRequest,
    signed_in: SsoSession | None,
) -> HttpResponse:
    authentication = authentication_in(signed_in.session) if signed_in else None
    agreed = signed_in.agreed if signed_in else Agreed()
    others = [row.session.user for row in account_switching.others(request)]
    match next_step(authorization_request, authentication, agreed, others):
        case SignIn(fresh):
            query = {
                "next": _kept(request, arrival, authorization_request.client),
                **({"fresh": "1"} if fresh else {}),
            }
            return redirect(
                f"{_sign_in_page(arrival, authorization_request.client)}?{urlencode(query)}"
            )
        case SignUp():
            query = {"next": _kept(request, arrival, authorization_request.client), "create": "1"}
            return redirect(f"{reverse('account_signup')}?{urlencode(query)}")
        case ChooseAccount():
            query = {"next": _kept(request, arrival, authorization_request.client), "choose": "1"}
            page = "account_choose" if others else "account_login"
            return redirect(f"{reverse(page)}?{urlencode(query)}")
        case StepUp(level):
            kept = _kept(request, arrival, authorization_request.client)
            return redirect(second_factor.step_up_address(level, kept))
        case SetUp(level):
            kept = _kept(request, arrival, authorization_request.client)
            return redirect(second_factor.set_up_address(level, kept))
        case DenyAccess():
            return _page_of_ours(request, "access_denied", arrival, authorization_request.client)
        case AskConsent():
            return _page_of_ours(request, "consent", arrival, authorization_request.client)
        case Answer(authentication):
            known = signed_in.client_session_id if signed_in else None
            members = codes.issue(authorization_request, authentication, known, timezone.now())
            state = session_state(authorization_request.reply_to, authentication.session_id)
            if state is not None:
                members["session_state"] = state
            response = send(request, authorization_request.reply_to, **members)
            return _answered(request, arrival, authorization_request.client, response)


def _sign_in_page(arrival: Arrival, client: Client) -> str:
    """Return where users sign in: at an upstream, or on our own page.

    The client names the upstream by `idp_hint`, which is no parameter of a specification.
    """
    slug = ways.leading_on(arrival.parameters.get("idp_hint"), offer_of(client))
    return reverse("account_upstream", args=[slug]) if slug else reverse("account_login")


def _sso_session(request: HttpRequest, client_id: str) -> SsoSession | None:
    """Return the session that this browser names, valid or not, with all that one statement reads.

    Returns None if it names none.
    """
    session_id = session_id_of(request)
    return find_sso_session(session_id, client_id, timezone.now()) if session_id else None


def _kept(request: HttpRequest, arrival: Arrival, client: Client) -> str:
    return continue_at(interactions.keep(client, arrival, client_address(request)))


def _page_of_ours(
    request: HttpRequest, name: str, arrival: Arrival, client: Client
) -> HttpResponse:
    interaction_id = interactions.keep(client, arrival, client_address(request))
    return redirect(f"{reverse(name)}?{urlencode({INTERACTION: interaction_id})}")


def _start_again(request: HttpRequest, gone: _Gone) -> HttpResponse:
    """Return the page for an expired request, with the way to start again."""
    expired = interactions.find_expired(gone.interaction_id)
    if expired is None:
        return error_page(request, gone)
    if expired.answered_at is not None:
        raise interactions.AnsweredError(gone.interaction_id)
    parameters = interactions.arrival_of(expired).parameters
    only_its_client_can = expired.client.require_signed_request_object or expired.was_pushed
    if only_its_client_can or expired.tested_in_id is not None:
        return error_page(request, gone, parameters)
    sent = {**parameters.values, **({"resource": expired.resources} if expired.resources else {})}
    again = f"{request.path}?{urlencode(sent, doseq=True)}"
    return error_page(request, gone, parameters, start_again=again)
