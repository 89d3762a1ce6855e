"""Signing keys: what is published, what signs, and the next step of rotation."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from idp import keys
from idp.admin.page import Act, Record, list_of
from idp.models import SigningKey


def _rotate(_http: HttpRequest, key: SigningKey) -> None:
    keys.rotate(key.algorithm, timezone.now())


def _replace(_http: HttpRequest, key: SigningKey) -> None:
    keys.replace_at_once(key.algorithm)


@admin.register(SigningKey)
class KeysPage(Record):
    """Signing keys. Private parts stay sealed in the database; nothing here shows them."""

    list_display = ("kid", "algorithm", "state", "created_at", "activated_at", "retired_at")
    list_filter = ("algorithm", "state")
    ordering = ("-created_at", "kid")
    fields = (*list_display, "public_jwk")
    acts = (
        Act(
            "rotate",
            _("Take the next step of rotation"),
            _(
                "Publishes the next key of this algorithm; or, once it has been published for two "
                "days, makes it the one that signs. Nothing that was signed before is refused."
            ),
            _rotate,
            applies=lambda key: key.state != SigningKey.State.RETIRED,
        ),
        Act(
            "replace",
            _("Replace at once"),
            _(
                "For a key that may be in wrong hands. All keys of this algorithm are forgotten: "
                "nothing signed with them is believed any more, and apps have to fetch the keys "
                "anew."
            ),
            _replace,
            applies=lambda key: key.state == SigningKey.State.ACTIVE,
            danger=True,
        ),
    )

    def address_of(self, row: SigningKey) -> str:
        """Return the page of the key, or the list where it has been replaced."""
        there = SigningKey.objects.filter(pk=row.pk).exists()
        return super().address_of(row) if there else list_of(SigningKey)
