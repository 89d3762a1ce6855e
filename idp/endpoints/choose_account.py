"""Which account of this browser it is to be. OIDC Core §3.1.2.1, `prompt=select_account`."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from accounts import account_switching, preferences
from accounts.models import Session
from accounts.next import is_ours, next_of
from accounts.sessions import session_of
from accounts.signed_out import about
from idp.authorization import interactions
from idp.current_interaction import continue_at, interaction_of
from idp.endpoints.wire import methods
from idp.models import Interaction
from idp.subjects import subject_of
from idp.tokens.id_token import read_hint


@methods("GET", "HEAD", "POST")
def choose_account(request: HttpRequest) -> HttpResponse:
    """Show the accounts that are signed in here, or switch to or sign out of one."""
    if request.method == "POST":
        response = _switch_or_sign_out(request)
        account_switching.keep_cookie(request, response)
        present = session_of(request)
        if present is not None:
            preferences.give_to_browser(response, present.user)
        return response
    row = interaction_of(request)
    sessions = account_switching.sessions_of(request)
    if not sessions:
        return redirect(_page("account_login", request))
    sessions.sort(key=lambda session: not _is_meant(row, session))
    return render(
        request,
        "account/choose.html",
        {
            "sessions": sessions,
            "has_room": account_switching.has_room(request),
            "most": account_switching.MOST,
        },
    )


def _switch_or_sign_out(request: HttpRequest) -> HttpResponse:
    """Use an account, sign out of one or all, or make room for another."""
    match request.POST:
        case {"account": session_id}:
            return _choose(request, session_id)
        case {"sign-out": "all"}:
            page = about(account_switching.sessions_of(request))
            account_switching.sign_out_of_all(request)
            return redirect(page)
        case {"sign-out": session_id}:
            account_switching.sign_out(request, session_id)
            return redirect(_page("account_choose", request))
        case {"another": page} if account_switching.has_room(request):
            account_switching.make_inactive(request)
            return redirect(
                _page("account_signup" if page == "sign-up" else "account_login", request)
            )
        case _:
            return redirect(_page("account_choose", request))


def _choose(request: HttpRequest, session_id: str) -> HttpResponse:
    """Switch to this account. It counts as chosen for this request and this session only."""
    present = session_of(request)
    is_here = present is not None and present.pk == session_id
    if not is_here and not account_switching.switch_to(request, session_id):
        return redirect(_page("account_choose", request))
    row = interaction_of(request)
    if row is not None:
        interactions.note_chosen_in(row.pk, session_id)
        return redirect(continue_at(row.pk))
    target = next_of(request)
    return redirect(target if is_ours(target) else reverse("account_home"))


def _is_meant(row: Interaction | None, session: Session) -> bool:
    """Whether the client has hinted at this user; they are offered first."""
    if row is None:
        return False
    hint = read_hint(row.parameters.get("id_token_hint", ""))
    if hint is not None:
        return hint.sub == subject_of(row.client, session.user)
    hinted = str(row.parameters.get("login_hint", ""))
    return hinted.casefold() == session.user.email.casefold()


def _page(name: str, request: HttpRequest) -> str:
    """Return a page of ours with the `next` of the request."""
    target = next_of(request)
    return reverse(name) + (f"?{urlencode({'next': target})}" if target else "")
