"""Identity providers whose accounts sign in here: upstreams."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.allauth_door import social_accounts
from accounts.models import Upstream, User
from accounts.upstream import kinds, removal
from foundation import branding
from foundation.logs import MASK
from foundation.statements import hash_of
from idp.admin import search, upstream_levels, upstream_preview
from idp.admin.facts import NOTHING
from idp.admin.page import AdminAction, Link, Page, counted
from idp.admin.upstream_form import MAPPING, MARKS, UpstreamForm, connection_fields, shown_columns
from idp.upstream import logout_token, openid, sign_out
from idp.upstream.kinds import is_openid
from idp.upstream.saml import addresses
from idp.upstream.saml.kind import is_saml

#: Addresses of ours that it has to know.
_OPENID = ("redirect_uri", "logout_uri", "signed_out_uri")
_SAML = ("our_metadata", "our_consumer", "our_logout")


def _try(request: HttpRequest, upstream: Upstream) -> None:
    kind = kinds.named(upstream.kind)
    if kind is None or kind.try_out is None:
        return
    for finding in kind.try_out(upstream):
        level = messages.INFO if finding.is_fine else messages.ERROR
        messages.add_message(request, level, finding.sentence)


def _can_be_tried(upstream: Upstream) -> bool:
    kind = kinds.named(upstream.kind)
    return kind is not None and kind.try_out is not None


@admin.register(Upstream)
class UpstreamsPage(Page):
    """Identity providers."""

    form = UpstreamForm
    change_form_template = "admin/upstream_change_form.html"
    list_display = ("name", "slug", "kind_name", "enabled", "place")
    list_filter = ("enabled",)
    ordering = ("place", "name")
    search_help_text = _("Part of a name, or the short name.")
    row_actions = (
        AdminAction(
            "try",
            _("Try"),
            _("Asks it whether it can be used, without signing in, and says what it found."),
            _try,
            applies=_can_be_tried,
        ),
    )

    def found(self, rows: QuerySet[Upstream], term: str) -> QuerySet[Upstream]:
        """Return upstreams by part of their name or short name."""
        return search.having(rows, ("name", "slug"), term)

    def get_urls(self) -> list[URLPattern]:
        """Add the preview."""
        preview = path(
            "<path:object_id>/preview/",
            self.admin_site.admin_view(partial(upstream_preview.view, self)),
            name="accounts_upstream_preview",
        )
        return [preview, *super().get_urls()]

    def links_of(self, row: Upstream) -> list[Link]:
        """Return the link to the preview, which shows what people are."""
        address = reverse("admin:accounts_upstream_preview", args=[row.pk])
        return [(_("What comes out"), address, User)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upstream]:
        """Leave the pictures out."""
        return super().get_queryset(request).defer("mark")

    @admin.display(description=_("kind"))
    def kind_name(self, upstream: Upstream) -> str:
        """Return the kind in words."""
        kind = kinds.named(upstream.kind)
        return str(kind.label) if kind else upstream.kind

    @admin.display(description=_("Redirect URI"))
    def redirect_uri(self, upstream: Upstream) -> str:
        """Return the address that the identity provider has to know, to be copied."""
        return _to_copy(openid.callback_address(upstream))

    @admin.display(description=_("Back-channel logout URI"))
    def logout_uri(self, upstream: Upstream) -> str:
        """Return the address at which it tells of sign-outs, to be copied."""
        return _to_copy(logout_token.address(upstream))

    @admin.display(description=_("Post-logout redirect URI"))
    def signed_out_uri(self, upstream: Upstream) -> str:
        """Return the address to which it sends people who have signed out there, to be copied."""
        return _to_copy(sign_out.return_address(upstream))

    @admin.display(description=_("Our entity ID and metadata"))
    def our_metadata(self, upstream: Upstream) -> str:
        """Return what a SAML identity provider knows us by, to be copied."""
        return _to_copy(addresses.entity_id(upstream))

    @admin.display(description=_("Our reply address (ACS)"))
    def our_consumer(self, upstream: Upstream) -> str:
        """Return where its responses go, to be copied."""
        return _to_copy(addresses.consumer(upstream))

    @admin.display(description=_("Our sign-out address (SLO)"))
    def our_logout(self, upstream: Upstream) -> str:
        """Return where its requests to sign out go, to be copied."""
        return _to_copy(addresses.logout(upstream))

    @admin.display(description=_("Mark"))
    def shown_mark(self, upstream: Upstream) -> str:
        """Return the uploaded picture."""
        address = branding.picture_address(upstream.mark_digest)
        return format_html('<img src="{}" alt="" width="40">', address) if address else NOTHING

    @admin.display(description=_("People"))
    def connected(self, upstream: Upstream) -> str:
        """Return how many people have connected an account of it."""
        return counted(social_accounts.at(upstream.slug))

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask for the kind first."""
        if not self.has_add_permission(request) or kinds.named(_kind_in(request)) is not None:
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": self.label_of_add(),
            "opts": self.opts,
            "kinds": kinds.registered(),
        }
        return TemplateResponse(request, "admin/new_upstream.html", context)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the form of a new one know its kind."""
        form: Any = super().get_form(request, *args, **kwargs)
        form.new_kind = _kind_in(request)
        form.is_superuser = request.user.is_superuser
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Upstream | None = None) -> Any:
        """Return what its kind needs, in few groups."""
        name = obj.kind if obj else _kind_in(request)
        may_write = self.has_change_permission(request, obj) if obj else True
        own = connection_fields(name) if may_write else shown_columns(name)
        known = ["kind_name", *_addresses(obj)] if obj else []
        uploads = MARKS if may_write else ()
        groups = [
            (None, {"fields": ["name", "slug", *known, *(("connected",) if obj else ())]}),
            (
                _("Connection"),
                {"fields": own},
            ),
            (_("Who signs in"), {"fields": ["creation", "trusts_email", "email_domains"]}),
            (
                _("On the sign-in page"),
                {"fields": ["enabled", "place", *(("shown_mark",) if obj else ()), *uploads]},
            ),
            (_("What is taken over"), {"fields": ["refresh", *self._mapping_fields(may_write)]}),
            *self._levels(request, obj, may_write),
        ]
        return self.readable(request, obj, groups)

    def _mapping_fields(self, may_write: bool) -> tuple[str, ...]:  # noqa: FBT001
        return MAPPING if may_write else ("mapping",)

    def _levels(self, request: HttpRequest, obj: Upstream | None, may_write: bool) -> Any:  # noqa: FBT001
        """Return the group of the levels: for superusers to edit, for others to read."""
        heading = _("Levels of authentication")
        if request.user.is_superuser and may_write:
            options = {"fields": upstream_levels.FIELDS, "description": upstream_levels.ABOUT}
            return [(heading, options)]
        if obj is None:
            return []
        return [(heading, {"fields": ["levels"], "description": upstream_levels.FOR_OTHERS})]

    def get_readonly_fields(self, request: HttpRequest, obj: Upstream | None = None) -> Any:
        """Keep the short name, which is in addresses."""
        shown = ("kind_name", *_OPENID, *_SAML, "shown_mark", "connected")
        levels = () if request.user.is_superuser else ("levels", self.json_columns["levels"])
        kept = (*levels, *(("slug",) if obj else ()))
        return (*super().get_readonly_fields(request, obj), *shown, *kept)

    def state_of(self, row: Upstream) -> dict[str, Any]:
        """Return a row as events show it: of its secret and its mark, only whether they differ."""
        return {
            **super().state_of(row),
            "secret": f"{MASK} ({hash_of(row.sealed_secret)[:6]})" if row.sealed_secret else "",
            "mark": row.mark_digest,
        }

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002
        """Describe what is deleted with it, without listing a million links."""
        said = gettext(
            "%(name)s. Connected accounts: %(number)s; all are disconnected. Whoever has neither "
            "password nor passkey gets in with a new password by email, as long as they read "
            "their email. Groups that it gave are taken away; sessions go on."
        )
        number = counted(social_accounts.at(objs[0].slug))
        return [said % {"name": objs[0], "number": number}], {}, set(), []

    def delete_model(self, request: HttpRequest, obj: Upstream) -> None:  # noqa: ARG002
        """Delete it with its links."""
        removal.remove(obj)


def _addresses(upstream: Upstream) -> tuple[str, ...]:
    if is_openid(upstream):
        return _OPENID
    if is_saml(upstream):
        return _SAML
    kind = kinds.named(upstream.kind)
    return ("redirect_uri",) if kind is not None and kind.identity is not None else ()


def _to_copy(address: str) -> str:
    shown = '<code data-copy="{}" data-copied="{}">{}</code>'
    return format_html(shown, gettext("Copy"), gettext("Copied"), address)


def _kind_in(request: HttpRequest) -> str:
    return request.GET.get("kind", "")
