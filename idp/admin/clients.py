"""Apps: their metadata and policy, and their secrets, which are shown once and never kept."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.models import User
from idp import events, policy
from idp.admin import improve, new_app, proof, search, trial
from idp.admin.client_form import FIELDSETS, OF_ITS_DOCUMENT, THE_RECORD, ClientForm
from idp.admin.client_model_form import remote_problem_with
from idp.admin.page import Act, Link, Page, counted, list_of
from idp.admin.preview import PreviewForm
from idp.admin.summary import summary_of
from idp.clients import deletion, secrets
from idp.logout import backchannel, client_sessions
from idp.models import Authorization, Client, Consent, Delivery, Event
from idp.registration import software_statements
from idp.tokens.revocation import revoke_all

#: How long the secret before goes on when a new one is made: hours, and how it is said.
_OVERLAPS = ((24, _("1 day")), (7 * 24, _("7 days")), (30 * 24, _("30 days")), (0, _("not at all")))


_REMOTE_PROBLEM = "_remote_problem"


def _send_test_logout(client: Client) -> HttpResponse:
    return redirect("admin:idp_delivery_change", backchannel.plan_test(client).pk)


def _set_enabled(client: Client, *, enabled: bool) -> None:
    client.enabled = enabled
    client.save()


def _sign_out(client: Client) -> None:
    client_sessions.end_all_of(client, timezone.now())


def _revoke_all(client: Client) -> None:
    revoke_all(client, timezone.now())
    _sign_out(client)


def _signed_in(client: Client) -> str:
    """Return how many sessions the app takes part in, and whether it can be told."""
    number = counted(client_sessions.live_of(client))
    if client.enabled and client.backchannel_logout_uri:
        said = gettext("It takes part in sessions: %(number)s.")
    else:
        said = gettext("It takes part in sessions: %(number)s. It has no way to be told.")
    return said % {"number": number}


@admin.register(Client)
class ClientsPage(Page):
    """Apps."""

    form = ClientForm
    change_form_template = "admin/app_change_form.html"
    list_display = ("label", "client_id", "kind", "enabled", "profile", "created")
    list_filter = ("enabled", "token_endpoint_auth_method", "profile", "registration_source")
    sortable_by = ("client_id",)
    linked_by = ("user",)
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("Part of a name, client ID or redirect URI, or of the owner’s email address with its @."),
        apps=True,
    )
    readonly_fields = THE_RECORD
    fieldsets = FIELDSETS
    acts = (
        Act(
            "disable",
            _("Disable"),
            _("Everything of this app stops at once: sign-ins, tokens, refreshes."),
            lambda _http, client: _set_enabled(client, enabled=False),
            applies=lambda client: client.enabled,
            proven=True,
        ),
        Act(
            "enable",
            _("Enable"),
            _("The app works again, and so do its tokens that have not expired."),
            lambda _http, client: _set_enabled(client, enabled=True),
            applies=lambda client: not client.enabled,
        ),
        Act(
            "test-logout",
            _("Test its sign-out"),
            _(
                "The app is told, as when somebody signs out, of a session that there never was. "
                "The next page shows whether it answered."
            ),
            lambda _http, client: _send_test_logout(client),
            applies=lambda client: bool(client.enabled and client.backchannel_logout_uri),
        ),
        Act(
            "sign-out",
            _("Sign everybody out"),
            _(
                "What this app got through people’s sign-ins ends at once, and it is told, so that "
                "it signs them out, too. People stay signed in here; access that they let it keep "
                "when they are signed out goes on."
            ),
            lambda _http, client: _sign_out(client),
            danger=True,
            extent=_signed_in,
        ),
        Act(
            "revoke",
            _("Revoke everything"),
            _(
                "Every token that this app was given ends at once, for everybody, and it is told. "
                "People stay signed in here and need not agree again; the app has to send them "
                "through anew. APIs that only check signatures learn of it when their tokens "
                "expire."
            ),
            lambda _http, client: _revoke_all(client),
            danger=True,
            extent=_signed_in,
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the way to a new app, and an app's pages beside its form."""
        pages = (
            ("secrets", self.secrets_view),
            ("preview", self.preview_view),
            ("improve", partial(improve.view, self)),
        )
        trials = (
            path(
                "<path:object_id>/test-sign-in/",
                self.admin_site.admin_view(partial(trial.begin_view, self)),
                name="idp_client_trial",
            ),
            path(
                "<path:object_id>/test-sign-in/answer/",
                require_GET(partial(trial.answer_view, self)),
                name="idp_client_trial_answer",
            ),
        )
        return [
            *(
                path(address, self.admin_site.admin_view(view), name=f"idp_client_{name}")
                for address, view, name in (
                    ("add/", self.kinds_view, "add"),
                    ("add/everything/", self.add_view, "everything"),
                    ("add/<slug:kind>/", self.new_view, "new"),
                )
            ),
            *(
                path(
                    f"<path:object_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"idp_client_{name}",
                )
                for name, view in pages
            ),
            *trials,
            *super().get_urls(),
        ]

    @admin.display(description=_("software statement by"))
    def vouched_for_by(self, client: Client) -> str:
        """Return who made the statement that it registered with (RFC 7591 §2.3)."""
        return software_statements.issuer_of(client.software_statement)

    def get_readonly_fields(self, request: HttpRequest, obj: Client | None = None) -> Any:  # noqa: ARG002
        """Return what can't be written: the client_id, once others know it; its document."""
        if obj is None:
            return self.readonly_fields
        by_document = obj.registration_source == Client.RegistrationSource.CIMD
        fixed = (*OF_ITS_DOCUMENT, *self.json_columns.values()) if by_document else ()
        return (*self.readonly_fields, "client_id", *fixed)

    def found(self, rows: QuerySet[Client], term: str) -> QuerySet[Client]:
        """Return apps by part of the client_id, name or a redirect URI, or by their owner."""
        if "@" in term:
            return search.any_of(rows, user__in=search.people(term))
        return rows.filter(pk__in=search.apps(term, search.FOUND_AT_MOST))

    @admin.display(description=_("name"))
    def label(self, client: Client) -> str:
        """Return the app's name, or its id."""
        return str(client)

    @admin.display(description=_("client secret"), boolean=True)
    def kind(self, client: Client) -> bool:
        """Return whether the app has a secret to keep."""
        return client.needs_secret

    def person_of(self, row: Client) -> None:
        """Return nobody: what happens to an app does not concern its owner's account."""

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the form know what the remote checks found."""
        form: Any = super().get_form(request, *args, **kwargs)
        form.remote_problem = getattr(request, _REMOTE_PROBLEM, None)
        return form

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Run the remote checks before the transaction begins: they may take seconds."""
        if request.method == "POST":
            setattr(request, _REMOTE_PROBLEM, self._remote_problem(request, object_id))
        return super().changeform_view(request, object_id, *args, **kwargs)

    def _remote_problem(
        self, request: HttpRequest, object_id: str | None
    ) -> ValidationError | None:
        """Return what the remote checks find of an app that would be saved otherwise."""
        if not request.POST.get("sector_identifier_uri"):
            return None
        client = self.get_object(request, unquote(object_id)) if object_id else None
        adds = object_id is None and self.has_add_permission(request)
        if not (adds or (client and self.has_change_permission(request, client))):
            return None
        form = self.get_form(request, client, change=client is not None)(
            request.POST, instance=client
        )
        return remote_problem_with(form.instance) if form.is_valid() else None

    def client_id_of(self, row: Client) -> str:
        """Return the app's client_id."""
        return str(row.client_id)

    def links_of(self, row: Client) -> list[Link]:
        """Return the secrets, and the lists that are about this app."""
        secrets_page = reverse("admin:idp_client_secrets", args=[row.pk])
        return [
            *([(_("Secrets"), secrets_page, Client)] if row.needs_secret else []),
            (_("What it receives"), reverse("admin:idp_client_preview", args=[row.pk]), User),
            (_("What to improve"), reverse("admin:idp_client_improve", args=[row.pk]), Client),
            (
                _("Errors"),
                list_of(Event, client_id=row.client_id, kind__exact=Event.Kind.DENIED),
                Event,
            ),
            (_("Events"), list_of(Event, client_id=row.client_id), Event),
            (_("Consents"), list_of(Consent, client=row.pk), Consent),
            (_("Authorizations"), list_of(Authorization, client=row.pk), Authorization),
            (_("Told of sign-outs"), list_of(Delivery, client=row.pk), Delivery),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Begin the page of an app with what is wrong, or what an operator mostly comes for."""
        client = kwargs.get("obj")
        if client is None or context["errors"]:
            context["summary"] = None
        else:
            context["summary"] = summary_of(client, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: Client, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the first secret of an app that needs one."""
        if not obj.needs_secret:
            return super().response_add(request, obj, post_url_continue)
        return self._show_new_secret(request, obj, None)

    def response_change(self, request: HttpRequest, obj: Client) -> HttpResponse:
        """Show a new secret where the app now signs with one, and has none that can."""
        if secrets.can_sign(obj):
            return super().response_change(request, obj)
        if proof.missing(request):
            messages.warning(request, _("The app needs a new secret now: make one here."))
            return redirect(reverse("admin:idp_client_secrets", args=[obj.pk]))
        return self._show_new_secret(request, obj, timezone.now() + timedelta(days=1))

    def delete_model(self, request: HttpRequest, obj: Client) -> None:  # noqa: ARG002
        """Delete the app with all that is its own, in batches."""
        deletion.delete(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002
        """Say what goes without listing a million tokens."""
        said = _("%(app)s, with its secrets, consents, authorizations and tokens")
        return [said % {"app": objs[0]}], {}, set(), []

    # --- a new app -----------------------------------------------------------------------------

    def kinds_view(self, request: HttpRequest) -> HttpResponse:
        """Ask what kind of app it is to be."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "opts": self.opts}
        more = {"title": _("Add an app"), "kinds": new_app.KINDS.values()}
        return TemplateResponse(request, "admin/new_app.html", context | more)

    def new_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Ask what this kind needs, and make it; a script asks what would be wrong, and no more."""
        chosen = new_app.KINDS.get(kind)
        if chosen is None:
            raise Http404
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = new_app.NewAppForm(chosen, request.POST if request.method == "POST" else None)
        if form.is_bound and request.headers.get("Accept") == "application/json":
            return JsonResponse({name: list(said) for name, said in form.errors.items()})
        if form.is_valid():
            return self._make(request, form)
        return TemplateResponse(
            request,
            "admin/new_app_form.html",
            {
                **self.admin_site.each_context(request),
                "title": chosen.label,
                "opts": self.opts,
                "kind": chosen,
                "form": form,
                "add_api": reverse("admin:idp_resourceserver_add"),
            },
        )

    @transaction.atomic
    def _make(self, request: HttpRequest, form: new_app.NewAppForm) -> HttpResponse:
        client = form.save()
        self.log_addition(request, client, None)
        if client.needs_secret:
            return self._show_new_secret(request, client, None)
        messages.success(request, _("%(app)s is ready.") % {"app": client})
        return redirect(self.address_of(client))

    # --- what it receives ---------------------------------------------------------------------

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what the app would receive about somebody."""
        client = self.get_object(request, object_id)
        if client is None:
            raise Http404
        may_view = self.has_view_permission(request, client)
        if not may_view or not request.user.has_perm("accounts.view_user"):
            raise PermissionDenied
        form = PreviewForm(client, request.GET)
        shown = form.is_valid()
        return TemplateResponse(
            request,
            "admin/preview.html",
            {
                **self.admin_site.each_context(request),
                "title": _("What %(app)s receives") % {"app": client},
                "opts": self.opts,
                "original": client,
                "form": form,
                "person": form.cleaned_data["person"] if shown else None,
                "preview": form.preview() if shown else None,
                "back": self.address_of(client),
            },
        )

    # --- secrets ------------------------------------------------------------------------------

    def secrets_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show when each secret was made and used; make one, or take one away."""
        client = self.get_object(request, object_id)
        if client is None or not client.needs_secret:
            raise Http404
        if not self.has_view_permission(request, client):
            raise PermissionDenied
        prove = proof.missing(request)
        if request.method != "POST":
            return self._secrets_page(request, client, prove)
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        if prove:
            return redirect(prove)
        if "remove" in request.POST:
            self._remove_secret(request, client)
            return redirect(reverse("admin:idp_client_secrets", args=[client.pk]))
        return self._show_new_secret(request, client, _overlap(request))

    def _secrets_page(
        self, request: HttpRequest, client: Client, prove: str | None
    ) -> HttpResponse:
        now = timezone.now()
        return TemplateResponse(
            request,
            "admin/secrets.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Secrets of %(app)s") % {"app": client},
                "opts": self.opts,
                "original": client,
                "secrets": client.secrets.order_by("created_at"),
                "now": now,
                "may_change": self.has_change_permission(request, client),
                "prove": prove,
                "has_room": secrets.has_room(client, now),
                "overlaps": _OVERLAPS,
                "back": self.address_of(client),
            },
        )

    def _remove_secret(self, request: HttpRequest, client: Client) -> None:
        row = client.secrets.filter(pk=_number(request.POST["remove"])).first()
        if row is None:
            messages.info(request, _("That secret is gone already."))
            return
        secrets.remove(row)
        self.record(
            request, events.Kind.ACTED, client, reason=f"Removed the secret of {row.created_at:%c}."
        )
        messages.success(request, _("The secret no longer works."))

    def _show_new_secret(
        self, request: HttpRequest, client: Client, others_end_at: datetime | None
    ) -> HttpResponse:
        """Make a secret and show it, in this one answer: it is stored nowhere."""
        secret = secrets.generate()
        try:
            secrets.add(client, secret, others_end_at=others_end_at)
        except secrets.TooManySecretsError:
            messages.error(request, _("There are two secrets already: remove one first."))
            return redirect(reverse("admin:idp_client_secrets", args=[client.pk]))
        self.record(request, events.Kind.ACTED, client, reason="Made a new secret.")
        response = TemplateResponse(
            request,
            "admin/secret.html",
            {
                **self.admin_site.each_context(request),
                "title": _("The secret of %(app)s") % {"app": client},
                "opts": self.opts,
                "original": client,
                "secret": secret,
                "issuer": policy.ISSUER,
                "back": self.address_of(client),
            },
        )
        response["Cache-Control"] = "no-store"
        return response


def _overlap(request: HttpRequest) -> datetime | None:
    """Return when the secrets before end: now, or after the hours that were chosen."""
    hours = _number(request.POST.get("overlap", ""))
    known = {hours for hours, _words in _OVERLAPS}
    return timezone.now() + timedelta(hours=hours if hours in known else 0)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
