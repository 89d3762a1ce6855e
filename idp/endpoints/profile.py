"""The page of a user's profile, which names the apps that receive each claim. OIDC Core §5.1."""

from typing import Any

import structlog
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts import profile, profile_edits, profile_pictures
from accounts.models import User
from accounts.profile_form import ProfileForm, shared_with
from accounts.sessions import session_of
from accounts.views.too_many import refuses_beyond_limits
from foundation import rate_limits
from foundation.pictures import UnusablePictureError
from idp import events
from idp.attributes import extras_of
from idp.authorization.receivers import receivers_of
from idp.endpoints.wire import methods

log = structlog.get_logger(__name__)


@login_required
@methods("GET", "HEAD", "POST")
def edit_profile(request: HttpRequest) -> HttpResponse:
    """Show the profile, or save it."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    form = _form(request, session.user)
    if not form.is_valid():
        return _page(request, session.user, form)
    _save(request, session.user, form)
    messages.success(request, _("Your profile is saved."))
    return redirect("account_profile")


@refuses_beyond_limits
@login_required
@methods("GET", "HEAD", "POST")
def change_picture(request: HttpRequest) -> HttpResponse:
    """Store an uploaded picture, or remove the picture."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    if request.method != "POST" or profile_edits.is_locked("picture"):
        return redirect("account_profile")
    if "remove" in request.POST:
        profile_pictures.remove(session.user)
        said = _("Your picture is removed.")
    else:
        problem = _problem_with_upload(request, session.user)
        if problem is not None:
            form = _form(request, session.user, is_sent=False)
            return _page(request, session.user, form, problem)
        said = _("Your picture is changed.")
    _record(request, session.user, ["picture"])
    messages.success(request, said)
    return redirect("account_profile")


def _form(request: HttpRequest, user: User, *, is_sent: bool = True) -> ProfileForm:
    return ProfileForm(
        request.POST if is_sent and request.method == "POST" else None,
        user=user,
        extras=extras_of(user),
        receivers=receivers_of(user),
    )


def _page(
    request: HttpRequest, user: User, form: ProfileForm, picture_problem: str = ""
) -> HttpResponse:
    return render(
        request,
        "account/profile.html",
        {
            "form": form,
            "cards": list(form.cards()),
            "picture": profile.picture_url(user),
            "picture_elsewhere": user.picture,
            "picture_is_locked": profile_edits.is_locked("picture"),
            "picture_problem": picture_problem,
            "picture_receivers": shared_with(form.receivers.get("picture", ())),
        },
    )


def _save(request: HttpRequest, user: User, form: ProfileForm) -> None:
    """Save a valid form, with an event that names what changed."""
    before = dict(user.attributes)
    changed = profile_edits.save(user, form.values())
    own = before.keys() | user.attributes.keys()
    attributes = [name for name in sorted(own) if before.get(name) != user.attributes.get(name)]
    _record(request, user, [*(name for name in changed if name != "attributes"), *attributes])


def _record(request: HttpRequest, user: User, fields: list[str]) -> None:
    if fields:
        events.record(events.Kind.PROFILE_CHANGED, request, user=user, fields=fields)


def _problem_with_upload(request: HttpRequest, user: User) -> str | None:
    """Store an uploaded picture; return why it can't be, as a sentence, or None."""
    file: Any = request.FILES.get("picture")
    if file is None:
        return _("Choose a file first.")
    if file.size > profile_pictures.LARGEST:
        return _("The file is larger than 2 MB. Choose a smaller one.")
    rate_limits.count((profile_pictures.UPLOADS, str(user.pk)))
    try:
        profile_pictures.replace(user, file.read())
    except UnusablePictureError:
        return _("This file can’t be used. Choose a JPEG, PNG or WebP picture.")
    except OSError as problem:
        log.exception("picture_not_stored", exc_info=problem)
        return _("The picture can’t be stored at the moment. Try again later.")
    return None
