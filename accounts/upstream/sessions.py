"""Sessions that began at an upstream know which session of it that was."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from accounts.allauth_door import sign_ins, social_accounts
from accounts.models import Session, User
from accounts.upstream import kept_identity
from accounts.upstream.identity import Identity
from accounts.upstream.model import Upstream, UpstreamSession


def connect() -> None:
    """Connect the signal of signing in; `accounts.sessions` has connected before."""
    user_logged_in.connect(_note, dispatch_uid="accounts.upstream.note")


def _note(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Note the upstream's session, if the sign-in came from there."""
    kept = kept_identity.of(request)
    kept_identity.forget(request)
    session: Session | None = getattr(request, "signed_in_session", None)
    if session is None or kept is None or not kept.signs_in or kept.user_id != user.pk:
        return
    if any(_is_of(record, kept.identity) for record in session.methods):
        note(session, kept.identity)
        social_accounts.note_use(kept.identity.upstream.slug, kept.identity.subject)


def note(session: Session, identity: Identity) -> None:
    """Note at which session of the upstream a session of ours began, or was renewed."""
    noted = UpstreamSession(
        upstream=identity.upstream, subject=identity.subject, sid=identity.session_id[:255]
    )
    noted.id_token = identity.id_token
    noted.said = {"claims": identity.claims, "acr": identity.acr, "amr": identity.amr}
    columns = ("upstream", "subject", "sid", "sealed_id_token", "sealed_said")
    UpstreamSession.objects.update_or_create(
        session=session, defaults={name: getattr(noted, name) for name in columns}
    )


def last_said(user: User, upstream: Upstream) -> UpstreamSession | None:
    """Return a user's newest session that began at an upstream and has what it said, or None."""
    rows = UpstreamSession.objects.filter(session__user=user, upstream=upstream)
    return rows.exclude(sealed_said="").order_by("-session__authenticated_at").first()


def _is_of(record: dict[str, Any], identity: Identity) -> bool:
    return (
        record["method"] == sign_ins.UPSTREAM
        and record.get("provider") == identity.upstream.slug
        and record.get("uid") == identity.subject
    )
