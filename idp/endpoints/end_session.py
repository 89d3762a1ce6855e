"""The end-session endpoint. OIDC RP-Initiated Logout §2, §3."""

import json
from urllib.parse import urlencode

from cryptography.fernet import InvalidToken
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt

from accounts import account_switching
from accounts.authentication import authentication_of
from accounts.models import Session
from accounts.sessions import session_of
from accounts.signed_out import about
from foundation import server_keys
from idp import policy
from idp.authorization.response import redirect_to
from idp.clients.display import name_of
from idp.endpoints import signed_out
from idp.endpoints.error_page import error_page
from idp.endpoints.interstitial import go_on_by_page
from idp.endpoints.wire import form_of, methods
from idp.logout.frontchannel import apps_of
from idp.logout.request import LogoutRequest, client_id_of
from idp.protocol.errors import ProtocolError, RequestExpired
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.upstream import sign_out

_PURPOSE = "logout request"
_SEALED = "request"


@csrf_exempt
@methods("GET", "HEAD", "POST")
def end_session(request: HttpRequest) -> HttpResponse:
    """Sign out at once if the id_token_hint is of this session; otherwise ask."""
    parameters = None
    try:
        parameters = _parameters(request)
        logout_request = _request(parameters)
    except ProtocolError as error:
        return _refuse(request, error, parameters)
    if request.method == "POST":
        # A cross-site POST carries no Lax cookie: it continues as a GET.
        return redirect(f"{policy.path('end_session_endpoint')}?{_sealed(parameters)}")
    authentication = authentication_of(request)
    if authentication and logout_request.is_by(authentication.user, authentication.session_id):
        return _sign_out(request, logout_request)
    inactive = [row.session for row in account_switching.others(request)]
    hinted = next((it for it in inactive if logout_request.is_by(it.user, it.pk)), None)
    if hinted is not None:
        account_switching.sign_out(request, hinted.pk)
        return _leave(request, logout_request, [hinted])
    if authentication is None:
        return _leave(request, logout_request, [])
    return render(
        request,
        "end_session.html",
        {
            "app_name": name_of(logout_request.client) if logout_request.client else "",
            "user": authentication.user,
            "sealed": _sealed(parameters),
        },
    )


@methods("GET", "HEAD", "POST")
def confirm(request: HttpRequest) -> HttpResponse:
    """Handle the decision: sign out and go to the post_logout_redirect_uri, or stay."""
    if request.method != "POST":  # a reload, or the language switch: back to the question
        return redirect(
            f"{policy.path('end_session_endpoint')}?{request.META.get('QUERY_STRING', '')}"
        )
    parameters = None
    try:
        parameters = _parameters(request)
        logout_request = _request(parameters)
    except ProtocolError as error:
        return _refuse(request, error, parameters)
    if request.POST.get("answer") != "sign-out":
        return redirect("account_home")
    left = _sign_out(request, logout_request)
    return go_on_by_page(request, left, logout_request.client) if logout_request.client else left


@upholds("OIDC RP-Initiated Logout §2")
def _parameters(request: HttpRequest) -> Parameters:
    """Return the request's parameters, or the stored ones. Raises InvalidRequest."""
    query = Parameters.parse(request.META.get("QUERY_STRING", ""))
    if _SEALED in query.values:
        try:
            kept = json.loads(server_keys.unseal(query.values[_SEALED], _PURPOSE))
        except InvalidToken:
            raise RequestExpired("The address of this page is incomplete.") from None
        return Parameters(kept)
    body = form_of(request) if request.method == "POST" else ""
    return Parameters.parse(request.META.get("QUERY_STRING", ""), body)


def _request(parameters: Parameters) -> LogoutRequest:
    parameters.refuse_repeats()
    return LogoutRequest.parse(parameters.values)


def _refuse(
    request: HttpRequest, error: ProtocolError, parameters: Parameters | None
) -> HttpResponse:
    """Show that no user was signed out, and how to sign out all the same."""
    client_id = client_id_of(parameters.values) if parameters else None
    return error_page(request, error, parameters, client_id=client_id, signing_out=True)


def _sealed(parameters: Parameters) -> str:
    """Return the parameters as an encrypted query, so that no id_token_hint is in a URL."""
    text = json.dumps(dict(parameters.values)).encode()
    wish = parameters.get("ui_locales")
    languages = {"ui_locales": wish} if wish else {}  # the middleware looks for it there
    return urlencode({_SEALED: server_keys.seal(text, _PURPOSE), **languages})


def _sign_out(request: HttpRequest, logout_request: LogoutRequest) -> HttpResponse:
    """End this browser's session, if it has one."""
    present = session_of(request)
    logout(request)
    return _leave(request, logout_request, [present] if present else [])


def _leave(
    request: HttpRequest, logout_request: LogoutRequest, ended: list[Session]
) -> HttpResponse:
    """Redirect to the client's address with its state, or show our own page.

    If the browser has to notify other clients first, our page does so and then redirects. A user
    who came from an upstream may sign out there on the way, and comes back to here from it.
    """
    if logout_request.post_logout_redirect_uri is None:
        return redirect(about(ended))
    members = {} if logout_request.state is None else {"state": logout_request.state}
    left = redirect_to(logout_request.post_logout_redirect_uri, members)
    apps = apps_of(ended)
    ways = sign_out.ways_out(request, ended, _later(logout_request))
    if not ways and not any(app.frame for app in apps):
        return left
    name = name_of(logout_request.client) if logout_request.client else ""
    target = left["Location"]
    return signed_out.page(request, apps, continue_to=target, continue_name=name, ways=ways)


def _later(logout_request: LogoutRequest) -> str:
    """Return the address of this request's rest: it leads to the client, which is verified anew."""
    rest = {
        "client_id": logout_request.client.client_id if logout_request.client else None,
        "post_logout_redirect_uri": logout_request.post_logout_redirect_uri,
        "state": logout_request.state,
    }
    known = Parameters({name: value for name, value in rest.items() if value is not None})
    return f"{policy.path('end_session_endpoint')}?{_sealed(known)}"
