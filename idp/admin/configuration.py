"""`manage.py export` and `apply` in a browser, for superusers only, since it can create them."""

from collections import Counter
from collections.abc import Callable
from functools import partial, wraps
from tempfile import TemporaryFile
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from idp import events
from idp.admin import import_preview, recent_authentication
from idp.admin.import_preview import MOST, MOST_PASSWORDS, Import
from idp.declaration import (
    SECTIONS,
    Actor,
    Change,
    ChangedMeanwhileError,
    DeclarationError,
    IncompleteError,
    Outcome,
    export,
    fingerprint,
    summary,
)
from idp.declaration.file import FORMATS, parsed

#: Bytes that a file may have.
LARGEST = 256 * 1024
_TARGET = "configuration"
_LISTS = {
    "brand": _("Appearance"),
    "attributes": _("Attributes"),
    "users": _("Users"),
    "clients": _("Apps"),
    "resource_servers": _("APIs"),
    "scopes": _("Scopes"),
    "authorization_details_types": _("Authorization details types"),
    "trusted_issuers": _("Trusted issuers"),
    "upstreams": _("Identity providers"),
    "initial_access_tokens": _("Initial access tokens"),
}
_OUTCOMES = {
    Outcome.ADDED: _("Added"),
    Outcome.CHANGED: _("Changed"),
    Outcome.REMOVED: _("Removed"),
    Outcome.DISABLED: _("Disabled"),
    Outcome.LEFT_OUT: _("Left out"),
}
#: What an entry can grant its user here.
_POWERS = ("is_staff", "is_superuser", "groups")

View = Callable[..., HttpResponseBase]


class ExportForm(forms.Form):
    """Which lists, and how they are written."""

    lists = forms.MultipleChoiceField(
        label=_("What"),
        choices=list(_LISTS.items()),
        initial=list(SECTIONS),
        widget=forms.CheckboxSelectMultiple,
    )
    form = forms.ChoiceField(label=_("Format"), choices=[(name, name.upper()) for name in FORMATS])


class ImportForm(forms.Form):
    """A file, chosen or pasted, and how it is to be applied."""

    file = forms.FileField(
        label=_("File"), required=False, help_text=_("YAML or JSON, as manage.py apply takes it.")
    )
    text = forms.CharField(
        label=_("Or its text"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"class": "lines", "rows": 8, "spellcheck": "false"}),
    )
    prune = forms.BooleanField(
        label=_("Remove what its lists do not name"),
        required=False,
        help_text=_("Users are disabled, all else is deleted. Lists it does not have stay whole."),
    )
    leave_out = forms.BooleanField(
        label=_("Leave out what lacks a secret"),
        required=False,
        help_text=_("An export has no secrets; an app that is new needs one in the file."),
    )

    def clean(self) -> dict[str, Any]:
        """Read the file or the text."""
        cleaned = super().clean() or self.cleaned_data
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if bool(file) == bool(text.strip()):
            raise ValidationError(gettext("Choose a file, or paste its text."))
        if file:
            if file.size > LARGEST:
                raise ValidationError(_too_large())
            try:
                text = file.read().decode()
            except UnicodeDecodeError:
                raise ValidationError(gettext("This is not UTF-8.")) from None
        if len(text.encode()) > LARGEST:
            raise ValidationError(_too_large())
        cleaned["import"] = Import(text, cleaned["prune"], cleaned["leave_out"])
        try:
            declaration = parsed(text, "This")
        except DeclarationError as error:
            raise ValidationError(str(error)) from None
        lists = declaration.values() if isinstance(declaration, dict) else ()
        entries = [entry for part in lists if isinstance(part, list) for entry in part]
        passwords = [entry for entry in entries if isinstance(entry, dict) and "password" in entry]
        if len(entries) > MOST or len(passwords) > MOST_PASSWORDS:
            raise ValidationError(_too_large())
        return cleaned


def _too_large() -> str:
    words = gettext(
        "This is too large for a browser: it may have %(kib)d KiB, %(most)d entries and "
        "%(passwords)d passwords. Use manage.py apply on the server."
    )
    return words % {"kib": LARGEST // 1024, "most": MOST, "passwords": MOST_PASSWORDS}


def urls(site: Any) -> list[URLPattern]:
    """Return the addresses of these pages on a site."""
    pages: tuple[tuple[str, str, View], ...] = (
        ("", "configuration", overview),
        ("export/", "configuration_export", download),
        ("import/<slug:name>/", "configuration_import", question),
    )
    return [
        path(f"configuration/{route}", site.admin_view(_for_superusers(site, view)), name=name)
        for route, name, view in pages
    ]


def _for_superusers(site: Any, view: View) -> View:
    @wraps(view)
    def gate(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if not request.user.is_superuser:
            raise PermissionDenied
        return view(site, request, **arguments)

    return gate


def overview(site: Any, request: HttpRequest) -> HttpResponse:
    """Offer the export, and upload a file whose changes are then previewed."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        previewed: Import = form.cleaned_data["import"]
        try:
            previewed.apply(_actor(request), dry_run=True)
        except DeclarationError as error:
            form.add_error(None, str(error).splitlines())
        else:
            name = import_preview.keep(request.user, previewed)  # type: ignore[arg-type]
            return redirect(reverse("admin:configuration_import", args=[name]))
    context = {"title": gettext("Import and export"), "form": form, "export_form": ExportForm()}
    return _page(site, request, "admin/configuration.html", context)


def question(site: Any, request: HttpRequest, name: str) -> HttpResponse:
    """Preview what a file would change now; apply exactly that when it is confirmed."""
    previewed = import_preview.find(request.user, name)  # type: ignore[arg-type]
    if previewed is None:
        expired = gettext("That file was applied, or is here no longer. Choose it again.")
        messages.info(request, expired)
        return redirect("admin:configuration")
    sign_in_address = recent_authentication.missing(request)
    if request.method == "POST":
        return redirect(sign_in_address) if sign_in_address else _apply(request, name, previewed)
    changes: list[Change] = []
    problems: list[str] = []
    try:
        changes = previewed.apply(_actor(request), dry_run=True)
    except DeclarationError as error:
        problems = str(error).splitlines()
    context = {
        "title": gettext("What this file changes"),
        "problems": problems,
        "changes": [(_OUTCOMES[change.outcome], list(change.lines())) for change in changes],
        "summary": _counted(changes),
        "does_something": any(change.kind is not None for change in changes),
        "gives_powers": [change.what for change in changes if _gives_powers(change)],
        "agreed": fingerprint(changes),
        "danger": any(change.outcome in {Outcome.REMOVED, Outcome.DISABLED} for change in changes),
        "sign_in_address": sign_in_address,
        "back": reverse("admin:configuration"),
    }
    return _page(site, request, "admin/import.html", context)


def _apply(request: HttpRequest, name: str, previewed: Import) -> HttpResponse:
    """Apply the changes that were previewed, unless the file would change something else by now."""
    try:
        actor = _actor(request, agreed=request.POST.get("agreed", ""))
        changes = previewed.apply(actor, dry_run=False)
    except ChangedMeanwhileError:
        messages.warning(
            request,
            gettext(
                "Nothing was done: something was changed since you saw this page. This is what the "
                "file would change now."
            ),
        )
        return redirect(request.path)
    except IncompleteError as error:
        _record_import(request, error.made)
        stopped = gettext(
            "%(made)d of %(planned)d changes are made; then another operator changed the same "
            "things. This is what the file would change now."
        )
        counts = {"made": len(error.made), "planned": error.planned}
        messages.warning(request, stopped % counts)
        return redirect(request.path)
    except DeclarationError as error:
        messages.error(request, str(error))
        return redirect(request.path)
    import_preview.forget(request.user, name)  # type: ignore[arg-type]
    _record_import(request, changes)
    done = gettext("The file is applied. %(summary)s") % {"summary": _counted(changes)}
    messages.success(request, done)
    return redirect("admin:configuration")


def _record_import(request: HttpRequest, changes: list[Change]) -> None:
    reason = f"Imported a file. {summary(changes, dry_run=False)}"
    _record(request, events.Kind.ADMIN_ACTION, target=_TARGET, reason=reason)


def download(_site: Any, request: HttpRequest) -> HttpResponseBase:
    """Download the configuration as a file without secrets, and record the export."""
    form = ExportForm(request.GET)
    if not form.is_valid():
        raise Http404
    lists, written_as = form.cleaned_data["lists"], form.cleaned_data["form"]
    _record(request, events.Kind.EXPORTED, target=_TARGET, lists=lists)
    # To a file first: the database keeps the snapshot until all is read, however slow the browser
    # is.
    file = TemporaryFile()  # noqa: SIM115  the response closes it
    file.writelines(piece.encode() for piece in export(form=written_as, only=lists))
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"configuration-{timezone.now():%Y%m%d-%H%M}.{written_as}",
        content_type=f"application/{written_as}; charset=utf-8",
    )


def _actor(request: HttpRequest, *, agreed: str | None = None) -> Actor:
    record: Any = partial(_record, request, by="import")
    return Actor(record, has_environment=False, most=MOST, agreed=agreed)


def _record(request: HttpRequest, kind: events.Kind, **more: Any) -> None:
    events.record(kind, request, actor=request.user, **more)  # type: ignore[arg-type]


def _counted(changes: list[Change]) -> str:
    """Return in a sentence how much is added, changed and removed."""
    if not changes:
        return gettext("Nothing to change.")
    counts = Counter(_OUTCOMES[change.outcome] for change in changes)
    return "; ".join(f"{outcome}: {number}" for outcome, number in counts.items())


def _gives_powers(change: Change) -> bool:
    return change.what.startswith("user ") and any(
        change.fields.get(power, (None, None))[1] for power in _POWERS
    )


def _page(site: Any, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**site.each_context(request), **context})
