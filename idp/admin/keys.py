"""Signing keys: published keys, the active one, and the next step of rotation."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Session
from accounts.sessions import Ending
from idp import keys, policy
from idp.admin.facts import NOTHING, when
from idp.admin.page import AdminAction, Record, counted, list_of
from idp.admin.sessions import SIGNS_ALL_USERS_OUT, sessions_live, sign_all_users_out
from idp.admin.times import columns_of
from idp.models import AccessToken, SigningKey


def _rotate(_request: HttpRequest, key: SigningKey) -> None:
    keys.rotate(key.algorithm, timezone.now())


def _can_rotate(key: SigningKey) -> bool:
    retired = key.state == SigningKey.State.RETIRED
    return not retired and keys.can_rotate(key.algorithm, timezone.now())


def _replace(_request: HttpRequest, key: SigningKey) -> None:
    keys.replace_at_once(key.algorithm)


def _replace_and_sign_out(request: HttpRequest, key: SigningKey) -> None:
    keys.replace_at_once(key.algorithm)
    sign_all_users_out(request, Ending.KEY_REPLACED)


_REPLACE = _(
    "For a key that may be in wrong hands. All keys of this algorithm are forgotten: nothing "
    "signed with them is believed any more, JWT access tokens included, and apps have to fetch the "
    "keys anew. Their refresh tokens bring them new tokens."
)


def _is_active(key: SigningKey) -> bool:
    return bool(key.state == SigningKey.State.ACTIVE)


def _signs(key: SigningKey) -> bool:
    return key.algorithm in policy.SIGNING_ALGORITHMS


_MADE, _RETIRED = columns_of(SigningKey, "created_at", "retired_at")


def _since(key: SigningKey) -> datetime:
    """Return since when the key is in its state."""
    return key.retired_at or key.activated_at or key.created_at


@admin.register(SigningKey)
class KeysPage(Record):
    """Signing keys. Private keys are stored encrypted; no page shows them."""

    list_display = ("algorithm", "state", "since", "last_signature_ends", "kid")
    list_display_links = ("algorithm", "kid")
    list_filter = ("algorithm", "state")
    ordering = ("algorithm", "-created_at", "kid")
    fields = (
        *("kid", "algorithm", "state", "imported_from", _MADE, "active_since", _RETIRED),
        *("what_follows", "last_signature_ends", "valid_tokens", "public_jwk"),
    )
    readonly_fields = ("active_since", "what_follows", "last_signature_ends", "valid_tokens")
    row_actions = (
        AdminAction(
            "rotate",
            _("Take the next step of rotation"),
            _(
                "Publishes the next key of this algorithm; or, once it has been published for two "
                "days, makes it the one that signs. Nothing that was signed before is refused."
            ),
            _rotate,
            applies=_can_rotate,
        ),
        AdminAction(
            "replace",
            _("Replace at once"),
            _REPLACE,
            _replace,
            applies=_is_active,
            danger=True,
        ),
        AdminAction(
            "replace-and-sign-out",
            _("Replace at once, and sign all users out"),
            format_lazy("{} {}", _REPLACE, SIGNS_ALL_USERS_OUT),
            _replace_and_sign_out,
            applies=lambda key: _is_active(key) and _signs(key),
            extent=lambda _key: sessions_live(Session.objects.all()),
            danger=True,
        ),
    )

    def get_fields(self, request: HttpRequest, obj: SigningKey | None = None) -> list[Any]:
        """Return the fields; the issuer only of a key that was imported."""
        fields = super().get_fields(request, obj)
        return [it for it in fields if it != "imported_from" or (obj and obj.imported_from)]

    @admin.display(description=_("since"))
    def since(self, key: SigningKey) -> str:
        """Return since when the key is in its state."""
        return when(_since(key))

    @admin.display(description=_("active since"))
    def active_since(self, key: SigningKey) -> str:
        """Return since when it signs, or is encrypted to; the first keys did from the start."""
        never = key.state == SigningKey.State.NEXT or key.imported_from
        return NOTHING if never else when(key.activated_at or key.created_at)

    @admin.display(description=_("last signature ends"))
    def last_signature_ends(self, key: SigningKey) -> str | Promise:
        """Return by when the last thing that it signed has ended, at the latest."""
        if key.algorithm in policy.DECRYPTION_ALGORITHMS:
            return _("It signs nothing: apps encrypt to it.")
        if key.published_until is not None:
            return when(key.published_until)
        if key.state == SigningKey.State.NEXT:
            return _("It has signed nothing yet.")
        if key.retired_at is None:
            return _("It signs on.")
        return when(key.retired_at + policy.SIGNED_AT_MOST)

    @admin.display(description=_("what follows"))
    def what_follows(self, key: SigningKey) -> str:
        """Return in a sentence what happens to the key next, and when."""
        if key.imported_from:
            return gettext(
                "It is of the server before this one, and never signs here. It is published until "
                "all that it has signed has ended; ID tokens that come back as hints "
                "(id_token_hint) are believed for ever."
            )
        if key.state == SigningKey.State.RETIRED:
            return gettext(
                "Nothing new is made with it. It is published until all that it has signed has "
                "ended; ID tokens that come back as hints (id_token_hint) are believed for ever."
            )
        if key.state == SigningKey.State.NEXT:
            words = gettext("Published, so that every app has seen it. It can sign from %(at)s.")
            return words % {"at": _shown(key.created_at + policy.KEY_PUBLISHED_BEFORE)}
        following = SigningKey.objects.filter(
            algorithm=key.algorithm, state=SigningKey.State.NEXT
        ).first()
        if following is not None:
            words = gettext(
                "The next key is published already, and can take its place from %(at)s."
            )
            return words % {"at": _shown(following.created_at + policy.KEY_PUBLISHED_BEFORE)}
        due = _since(key) + policy.KEY_LIFETIME - policy.KEY_PUBLISHED_BEFORE
        return gettext("The worker publishes the next key on %(at)s.") % {"at": _shown(due)}

    @admin.display(description=_("valid tokens signed with it"))
    def valid_tokens(self, key: SigningKey) -> str | Promise:
        """Return the number of valid JWT access tokens; ID tokens are not counted."""
        if not _signs(key) or key.state == SigningKey.State.NEXT:
            return _("None.")
        # Revoked ones that an API may still believe are among them.
        unexpired = AccessToken.objects.filter(signed_with=key.kid, expires__gt=timezone.now())
        number = counted(unexpired)
        words = gettext(
            "%(number)s access tokens (JWT). ID tokens are kept nowhere; each ends after "
            "%(minutes)d minutes."
        )
        minutes = int(policy.ID_TOKEN_LIFETIME.total_seconds() / 60)
        return words % {"number": number, "minutes": minutes}

    def address_of(self, row: SigningKey) -> str:
        """Return the page of the key, or the list where it has been replaced."""
        there = SigningKey.objects.filter(pk=row.pk).exists()
        return super().address_of(row) if there else list_of(SigningKey)


def _shown(moment: datetime) -> str:
    """Return a time for the end of a sentence."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
