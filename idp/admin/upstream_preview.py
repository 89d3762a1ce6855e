"""Preview what a sign-in at an identity provider would make of a person, without one."""

import json
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.levels import MULTI_FACTOR, PHISHING_RESISTANT, SINGLE_FACTOR
from accounts.models import Upstream, User
from accounts.upstream import sessions
from accounts.upstream.preview import Preview, preview
from idp.admin.fields import UserField
from idp.admin.page import Page

_LEVELS = {
    SINGLE_FACTOR: _("One factor"),
    MULTI_FACTOR: _("Two factors"),
    PHISHING_RESISTANT: _("Phishing-resistant"),
}
#: Characters of claims that are kept of a sign-in, as they are indented here, and some more.
_LONGEST = 100_000
_EXAMPLE = '{\n  "sub": "248289",\n  "email": "ana@example.com",\n  "email_verified": true\n}'


def view(page: Page, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show what would come out. Claims are posted: an address would be written to logs."""
    upstream = page.get_object(request, object_id)
    if upstream is None:
        raise Http404
    may_view = page.has_view_permission(request, upstream)
    if not may_view or not request.user.has_perm("accounts.view_user"):
        raise PermissionDenied
    form = PreviewForm(upstream, request.POST if request.method == "POST" else None)
    found = form.preview() if form.is_valid() else None
    more = {
        "form": form.with_what_was_said(),
        "preview": found,
        "level": _LEVELS[found.level] if found else "",
        "user_address": _address_of(found.user) if found and found.user else "",
    }
    title = _("What comes out of %(name)s") % {"name": upstream}
    return page.about(upstream, request, "admin/upstream_preview.html", title, more)


class PreviewForm(forms.Form):
    """Claims that are typed, or a person who has signed in with it lately."""

    person = UserField(
        label=_("Person"),
        help_text=_(
            "Email address of somebody who has signed in with it lately: takes what it said of "
            "them then."
        ),
        widget=forms.EmailInput(attrs={"class": "vTextField"}),
    )
    claims = forms.CharField(
        label=_("Or claims"),
        required=False,
        max_length=_LONGEST,
        widget=forms.Textarea(
            attrs={"rows": 10, "spellcheck": "false", "class": "lines", "placeholder": _EXAMPLE}
        ),
        help_text=_("A JSON object, as in an ID token. With sub, it is known who is connected."),
    )

    def __init__(self, upstream: Upstream, sent: Any) -> None:
        super().__init__(sent)
        self._upstream = upstream

    def clean(self) -> dict[str, Any]:
        """Read the claims, or what was said of the person. Raises ValidationError."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        person: User | None = cleaned.get("person")
        if person is not None:
            cleaned["said"] = self._said_of(person)
        elif cleaned.get("claims"):
            cleaned["said"] = _said_in(_object(cleaned["claims"]))
        else:
            raise ValidationError(gettext("Type an email address, or claims."))
        return cleaned

    def preview(self) -> Preview | None:
        """Return what would come out; None, with an error, for a subject that nobody can have."""
        said = self.cleaned_data["said"]
        try:
            return preview(self._upstream, **said)
        except ValueError:
            self.add_error("claims", gettext("A sub has 1 to 255 characters that can be seen."))
            return None

    def with_what_was_said(self) -> "PreviewForm":
        """Return the form to show: with the claims of a person, to be changed and tried again."""
        if not self.is_bound or not self.is_valid() or not self.cleaned_data["person"]:
            return self
        claims = self.cleaned_data["said"]["claims"]
        text = json.dumps(claims, indent=2, ensure_ascii=False)
        return PreviewForm(self._upstream, {"person": "", "claims": text})

    def _said_of(self, person: User) -> dict[str, Any]:
        session = sessions.last_said(person, self._upstream)
        said = session.said if session is not None else {}
        if session is None or not said:
            raise ValidationError(
                {"person": gettext("They have not signed in with it lately: nothing is kept.")}
            )
        return {
            "claims": {"sub": session.subject, **said["claims"]},
            "subject": session.subject,
            "acr": said["acr"],
            "amr": tuple(said["amr"]),
        }


def _object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text. Raises ValidationError."""
    try:
        claims = json.loads(text)
        json.dumps(claims, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as problem:
        said = gettext("This can’t be read as JSON: %(problem)s")
        raise ValidationError({"claims": said % {"problem": problem}}) from None
    if not isinstance(claims, dict):
        raise ValidationError({"claims": gettext("This has to be a JSON object.")})
    return claims


def _said_in(claims: dict[str, Any]) -> dict[str, Any]:
    """Return what an ID token with these claims says."""
    subject, acr, amr = claims.get("sub", ""), claims.get("acr"), claims.get("amr")
    if not isinstance(subject, str) or ("sub" in claims and not subject):
        raise ValidationError(
            {"claims": gettext("A sub has 1 to 255 characters that can be seen.")}
        )
    return {
        "claims": claims,
        "subject": subject,
        "acr": acr if isinstance(acr, str) else "",
        "amr": tuple(each for each in amr if isinstance(each, str))
        if isinstance(amr, list)
        else (),
    }


def _address_of(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])
