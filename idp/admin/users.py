"""Users: made and invited, disabled, unlocked, signed out; never given a password by others."""

from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import formats
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from accounts import deletion, email_change, invitations, operations, profile_pictures
from accounts.allauth_door import email_addresses
from accounts.models import Session, User
from accounts.upstream.directory.passwords import home_of
from idp import events
from idp.admin import person, recent_authentication, role_users, search, support
from idp.admin.page import AdminAction, Link, Page, list_of
from idp.admin.times import columns_of
from idp.admin.user_form import POWERS, UserForm, is_verified
from idp.models import Attribute, Client, Consent, Event, Grant, Role

_FOLDED = {"classes": ("collapse",)}
_JOINED, _SEEN, _UPDATED = columns_of(User, "date_joined", "last_login", "updated_at")
_NAMES = ("name", "given_name", "middle_name", "family_name", "nickname", "preferred_username")
#: Actions under “More”, besides the dangerous ones.
_SELDOM = ("require-password", "remove-picture")
_MORE = (
    *("gender", "birthdate", "zoneinfo", "locale", "profile_url", "picture", "uploaded", "website"),
)


def _is_plain(action: AdminAction) -> bool:
    """Whether an action has its button on the page, not under “More”."""
    return not action.danger and action.name not in _SELDOM


def _asks_reason(action: AdminAction) -> bool:
    return isinstance(action, support.SupportAction) and action.asks_reason


def _invited(request: HttpRequest, user: User) -> None:  # noqa: ARG001
    invitations.invite(user)


def _kept(user: User) -> None:
    deletion.keep(user)


def _deleted(user: User) -> HttpResponse:
    deletion.delete(user)
    return redirect("admin:accounts_user_changelist")


@admin.register(User)
class UsersPage(Page):
    """Users."""

    form = UserForm
    list_display = ("email", "name", "status", "is_staff", _SEEN)
    change_form_template = "admin/person_change_form.html"
    list_filter = ("is_active", "is_staff", "date_joined")
    sortable_by = ("email",)
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("Part of a name or an email address, or a subject (sub)."), users=True
    )
    readonly_fields: ClassVar[Any] = ("sub", _JOINED, _SEEN, _UPDATED, "uploaded")
    row_actions = (
        *support.ACTIONS,
        AdminAction(
            "invite",
            _("Send an invitation"),
            _("They get a mail with a link to choose a password, valid for seven days."),
            _invited,
            applies=lambda user: (
                user.is_active and not user.has_usable_password() and home_of(user) is None
            ),
        ),
        AdminAction(
            "require-password",
            _("Have them choose a new password"),
            _("They are signed out everywhere, and choose a new password at the next sign-in."),
            lambda _request, user: operations.require_new_password(user),
            applies=lambda user: (
                user.is_active and not user.password_change_required and home_of(user) is None
            ),
            recent=True,
        ),
        AdminAction(
            "remove-picture",
            _("Remove the picture"),
            _("The picture is deleted. Apps and browsers may still have a copy."),
            lambda _request, user: profile_pictures.remove(user),
            applies=lambda user: bool(user.picture or user.uploaded_picture),
        ),
        AdminAction(
            "disable",
            _("Disable"),
            _("They are signed out everywhere and can’t sign in; every token of theirs ends."),
            lambda _request, user: operations.disable(user),
            applies=lambda user: user.is_active,
            danger=True,
        ),
        AdminAction(
            "enable",
            _("Enable"),
            _("They can sign in again."),
            lambda _request, user: operations.enable(user),
            applies=lambda user: not user.is_active and user.deletion_due_at is None,
        ),
        AdminAction(
            "keep",
            _("Keep the account"),
            _("It is not deleted: they can use it as before. They get a mail."),
            lambda _request, user: _kept(user),
            applies=lambda user: user.can_be_kept,
            recent=True,
        ),
        AdminAction(
            "delete",
            _("Delete now"),
            _("The account and all that is theirs is deleted at once. Nothing brings it back."),
            lambda _request, user: _deleted(user),
            applies=lambda user: user.deletion_due_at is not None,
            danger=True,
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show a few fields for a new user, and all fields of an existing one."""
        who = (None, {"fields": ("email", "email_verified", "name")})
        powers = (_("In this administration"), {"fields": POWERS})
        if obj is None:
            first = (None, {"fields": ("email", "name", "email_verified", "invite")})
            return [first, powers] if request.user.is_superuser else [first]
        fieldsets = [
            who,
            (_("The account"), {"fields": self.readonly_fields[:-1]}),
            (_("Names"), {"fields": _NAMES[1:], **_FOLDED}),
            (_("Profile"), {"fields": _MORE, **_FOLDED}),
            (_("Phone"), {"fields": ("phone_number", "phone_number_verified"), **_FOLDED}),
            (_("Postal address"), {"fields": ("address",), **_FOLDED}),
            *([(_("Attributes"), {"fields": ("attributes",)})] * Attribute.objects.exists()),
            powers,
        ]
        return self.readable(request, obj, fieldsets)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:  # noqa: ARG002
        """Return read-only fields: permissions, except for superusers."""
        powers = () if request.user.is_superuser else POWERS
        return (*self.readonly_fields, *powers)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Refuse to delete a user here: disabling ends everything and loses nothing."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whether this operator may change this user: staff only by superusers.

        An operator who could change a superuser's address could take over the account.
        """
        if obj is not None and (obj.is_staff or obj.is_superuser):
            return bool(request.user.is_superuser)
        return super().has_change_permission(request, obj)

    # --- admin actions ----------------------------------------------------------------------

    def may_run_actions(self, request: HttpRequest, row: User | None = None) -> bool:
        """Whether this operator may run any action, on this user or on some."""
        return any(support.may(request, action, row) for action in self.row_actions)

    def actions_on(self, request: HttpRequest, row: User) -> list[AdminAction]:
        """Return the actions that this operator can run on a user now."""
        actions = (action for action in self.row_actions if support.may(request, action, row))
        return [action for action in actions if action.applies(row)]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer for several users at once what this operator may do to one."""
        allowed = {a.name for a in self.row_actions if support.may(request, a, None)}
        offered = super().get_actions(request)
        return {name: action for name, action in offered.items() if name in allowed}

    def action_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Refuse what is not this operator's to do; ask for the reason if it is missing."""
        action = next((action for action in self.row_actions if action.name == name), None)
        row: User | None = self.get_object(request, unquote(object_id))
        if action is not None and row is not None:
            if not support.may(request, action, row):
                raise PermissionDenied
            if request.method == "POST" and _asks_reason(action) and self.can_ask(request, row):
                reason = support.typed_reason(request)
                if problem := support.problem_with(reason):
                    more = {"action": action, "reason": reason, "problem": problem}
                    return self.about(row, request, "admin/action.html", action.label, more)
        return super().action_view(request, object_id, name)

    def can_ask(self, request: HttpRequest, row: User) -> bool:
        """Whether the operator may see the user, and need not sign in again first."""
        return self.has_view_permission(request, row) and not recent_authentication.missing(request)

    def action(self, request: HttpRequest, action: AdminAction, row: User) -> HttpResponse | None:
        """Do it, and record it with the reason that was typed."""
        if not _asks_reason(action):
            return super().action(request, action, row)
        reason = support.typed_reason(request)
        with transaction.atomic():
            response = action.run(request, row)
            with override(settings.LANGUAGE_CODE):  # One language in all events.
                label = str(action.label)
            self.record(request, events.Kind.ADMIN_ACTION, row, reason=label, typed_reason=reason)
        return response

    # --- finding ----------------------------------------------------------------------------

    def found(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return users by part of their name or address, or by their subject."""
        return rows.filter(pk__in=search.users(term, search.FOUND_AT_MOST))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Know whether the address is verified without asking for each."""
        verified = email_addresses.primary_is_verified()
        users: QuerySet[Any] = super().get_queryset(request).annotate(is_verified=verified)
        return users

    @admin.display(description=_("status"))
    def status(self, user: User) -> str | Promise:
        """Return the state of the account in a word."""
        if user.deletion_due_at is not None:
            due = formats.date_format(user.deletion_due_at, "DATE_FORMAT")
            return gettext("to be deleted on %(due)s") % {"due": due}
        if not user.is_active:
            return _("disabled")
        if user.password_change_required:
            return _("has to choose a new password")
        if not getattr(user, "is_verified", True):
            return _("address not verified")
        return _("active") if user.has_usable_password() else _("no password yet")

    @admin.display(description=_("uploaded picture"))
    def uploaded(self, user: User) -> str:
        """Return the picture that the user has uploaded, as it is shown."""
        path = profile_pictures.path_of(user.uploaded_picture)
        return format_html('<img src="{}" width="96" height="96" alt="">', path) if path else "–"

    @admin.display(description=_("Email address verified"), boolean=True)
    def email_verified(self, user: User) -> bool:
        """Return whether it is verified, for operators without permission to change."""
        return is_verified(user)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        """Save the user, and change the address: its owner is notified and signed out."""
        verified = bool(form.cleaned_data.get("email_verified"))
        if not change:
            obj.set_unusable_password()
            super().save_model(request, obj, form, change)
            obj.set_email(obj.email, verified=verified)
            return
        email, obj.email = obj.email, form.initial["email"]
        super().save_model(request, obj, form, change)
        if email == obj.email and (verified or not is_verified(obj)):
            obj.set_email(email, verified=verified)
        else:
            operator: Any = request.user
            email_change.change_at_once(
                obj, email, verified=verified, request=request, actor=operator
            )

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Mail the invitation once the user is saved."""
        if request.POST.get("invite"):
            invitations.invite(obj)
            sent = gettext("An invitation is on its way to %(email)s.") % {"email": obj.email}
            messages.success(request, sent)
        return super().response_add(request, obj, post_url_continue)

    def get_urls(self) -> list[URLPattern]:
        """Add the page of a user's roles."""
        view = self.admin_site.admin_view(partial(role_users.roles_view, self))
        roles = path("<path:object_id>/roles/", view, name="accounts_user_roles")
        return [roles, *super().get_urls()]

    def user_of(self, row: User) -> User | None:
        """Return the user, unless they were just deleted."""
        return row if row.pk is not None else None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the person, what they sign in with and use, and what happened last."""
        row: User | None = kwargs.get("obj")
        if row is not None:
            actions = self.actions_on(request, row)
            context["person"] = person.page_of(request, row)
            context["state"] = self.status(row)
            context["plain_actions"] = [one for one in actions if _is_plain(one)]
            others = [one for one in actions if not _is_plain(one)]
            context["usual_actions"] = [one for one in others if not one.danger]
            context["dangerous_actions"] = [one for one in others if one.danger]
        return super().render_change_form(request, context, *args, **kwargs)

    def links_of(self, row: User) -> list[Link]:
        """Return the lists that are about this user."""
        return [
            (_("Sessions"), list_of(Session, user=row.pk), Session),
            (_("Roles"), reverse("admin:accounts_user_roles", args=[row.pk]), Role),
            (_("Consents"), list_of(Consent, user=row.pk), Consent),
            (_("Grants"), list_of(Grant, user=row.pk), Grant),
            (_("Own apps"), list_of(Client, user=row.pk), Client),
            (_("Events"), list_of(Event, user=row.pk), Event),
        ]
