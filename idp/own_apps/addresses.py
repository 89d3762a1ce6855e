"""An owner's form for the redirect URIs of their app."""

from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from idp import events
from idp.admin.clients.checked_form import CheckedForm, remote_problem_with
from idp.admin.fields import Lines
from idp.client_metadata import BY_COLUMN
from idp.declaration import differences, state_of
from idp.models import Client
from idp.own_apps.access import owned, record


def _lines(column: str) -> Lines:
    words: Any = {"label": BY_COLUMN[column].label, "help_text": BY_COLUMN[column].help}
    return Lines(required=False, **words)


class AddressesForm(CheckedForm):
    """The addresses to which users come back, with all checks of the app's metadata."""

    redirect_uris = _lines("redirect_uris")
    post_logout_redirect_uris = _lines("post_logout_redirect_uris")

    class Meta:
        model = Client
        fields: ClassVar = ["redirect_uris", "post_logout_redirect_uris"]


def is_of_its_document(client: Client) -> bool:
    """Whether the app's own metadata document lists its addresses, so that none is changed here."""
    return bool(client.registration_source == Client.RegistrationSource.CIMD)


def view(request: HttpRequest, client: Client) -> HttpResponse:
    """Show the app's redirect URIs, and save them."""
    if is_of_its_document(client):
        raise Http404
    if request.method != "POST":
        return _shown(request, client, AddressesForm(instance=client))
    remote_problem = _remote_problem(request, client)
    with transaction.atomic():
        # Again: it may have another owner by now.
        current = owned(request, client.pk, lock=True)
        if current is None:
            raise Http404
        before = state_of(current)
        form = AddressesForm(request.POST, instance=current)
        form.remote_problem = remote_problem
        if not form.is_valid():
            return _shown(request, client, form)
        form.save()
        changes = events.masked(differences(before, state_of(current)))
        if changes:
            record(request, current, events.Kind.CHANGED, changes=changes)
    messages.success(request, _("Saved. It holds from the next sign-in on."))
    return redirect("developers_apps")


def _remote_problem(request: HttpRequest, client: Client) -> ValidationError | None:
    """Return what the remote checks find. They may take seconds, so there is no transaction."""
    if not client.sector_identifier_uri:
        return None
    form = AddressesForm(request.POST, instance=Client.objects.get(pk=client.pk))
    return remote_problem_with(form.instance) if form.is_valid() else None


def _shown(request: HttpRequest, client: Client, form: AddressesForm) -> HttpResponse:
    return render(request, "own_apps/addresses.html", {"client": client, "form": form})
