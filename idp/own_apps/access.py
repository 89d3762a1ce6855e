"""Who may change an app here: its owner alone, where the operator allows it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from accounts.views.recent_authentication import recent_authentication_required
from idp import events, policy
from idp.declaration import name_of
from idp.models import Client

#: A page about an app of the user.
OwnersView = Callable[Concatenate[HttpRequest, Client, ...], HttpResponse]


def for_owner(view: OwnersView, *, recent: bool = True) -> Callable[..., HttpResponseBase]:
    """Call a view with the app of the address, for the app's owner alone.

    404 where the operator does not allow changes, where there is no such app, and where it is
    another user's: these can't be told apart. `recent`: the owner has to have signed in lately.
    """

    @wraps(view)
    def of_owner(request: HttpRequest, pk: int, **more: Any) -> HttpResponse:
        client = owned(request, pk)
        if client is None:
            raise Http404
        return view(request, client, **more)

    gated = login_required(recent_authentication_required(of_owner) if recent else of_owner)

    @wraps(view)
    def where_allowed(request: HttpRequest, pk: int, **more: Any) -> HttpResponseBase:
        if not policy.OWNERS_CHANGE_APPS:
            raise Http404
        response: HttpResponseBase = gated(request, pk, **more)
        return response

    return where_allowed


def owned(request: HttpRequest, pk: int, *, lock: bool = False) -> Client | None:
    """Return an app of this request's user, or None; `lock` it within a transaction.

    A changed row is saved whole. The lock keeps what an operator saves meanwhile.
    """
    rows = Client.objects.select_for_update(no_key=True) if lock else Client.objects
    found: Client | None = rows.filter(pk=pk, user=request.user.pk).first()
    return found


def record(
    request: HttpRequest, client: Client, kind: events.Kind, *, reason: str = "", **more: Any
) -> None:
    """Record what an owner did to their app."""
    events.record(
        kind,
        request,
        actor=request.user,  # type: ignore[arg-type]
        client_id=client.client_id,
        target=name_of(client),
        reason=reason,
        **more,
    )
