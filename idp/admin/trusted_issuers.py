"""Trusted issuers, what a check of one finds, and the users that are linked to its subjects."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from idp import policy, trusted_issuers
from idp.admin import rights, search
from idp.admin.fields import Choices, Lines, PairLines, UserField, WebAddress
from idp.admin.page import AdminAction, Link, Page, list_of
from idp.admin.recent_authentication import RecentAuthenticationForm
from idp.declaration import name_of
from idp.models import Grant, IssuerLink, TrustedIssuer
from idp.outbound import OutboundError
from idp.protocol.errors import TemporarilyUnavailable
from idp.tokens.revocation import revoke_grants


class TrustedIssuerForm(RecentAuthenticationForm):
    """A trusted issuer."""

    purposes = Choices(TrustedIssuer.Purpose.choices, label=_("Trusted for"))
    algorithms = Choices(
        [(name, name) for name in policy.SIGNING_ALGORITHMS],
        label=_("Algorithms"),
        help_text=_("None ticked: all of them."),
    )
    audiences = Lines(
        label=_("Audiences"),
        required=False,
        help_text=_(
            "What its tokens call this provider (aud), one a line. None: our issuer, or the "
            "address of our token endpoint."
        ),
    )
    claims = PairLines(
        label=_("Required claims"),
        problem=_("Write “claim = value”, each claim once:"),
        required=False,
        help_text=_(
            "One a line: “tenant = acme”. Tokens without them are refused. An issuer with several "
            "tenants needs the claim that names yours."
        ),
    )
    email_domains = Lines(
        label=_("Domains of email addresses"),
        required=False,
        help_text=_(
            "One a line. It may name users with addresses of these domains by their address. All "
            "others have to be linked."
        ),
    )

    class Meta:
        model = TrustedIssuer
        fields = (
            *("issuer", "name", "enabled", "purposes", "jwks_uri", "jwks", "algorithms"),
            *("audiences", "claims", "longest_life", "email_domains"),
        )
        field_classes = {"jwks_uri": WebAddress}
        widgets = {"longest_life": forms.NumberInput(attrs={"class": "vBigIntegerField"})}
        help_texts = {
            "issuer": _(
                "As its tokens have it (iss), character by character. Of SPIFFE: the trust domain, "
                "such as spiffe://example.org."
            ),
            "name": _("For your colleagues, and for users whom it vouches for."),
            "jwks_uri": _("Empty: its discovery document says where they are."),
            "jwks": _("A JWK set, for an issuer that can’t be reached from here."),
            "longest_life": _("Tokens that are good for longer are refused."),
        }

    recent = Meta.fields

    def clean(self) -> dict[str, Any]:
        """Take an empty JWK set for none."""
        cleaned = super().clean()
        return {**cleaned, "jwks": cleaned.get("jwks") or None}


def _check(request: HttpRequest, issuer: TrustedIssuer) -> None:
    for level, text in findings_of(issuer):
        messages.add_message(request, level, text)


def findings_of(issuer: TrustedIssuer) -> Iterator[tuple[int, str]]:
    """Fetch the keys of an issuer, and yield what was found: levels of messages, and sentences."""
    try:
        keys = trusted_issuers.fetched_anew(issuer)
    except (OutboundError, TemporarilyUnavailable) as problem:
        said = gettext("Its keys could not be had: %(problem)s")
        yield messages.ERROR, said % {"problem": problem}
        return
    yield from _about_keys(issuer, keys)


def _about_keys(issuer: TrustedIssuer, keys: list[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    if not keys:
        yield messages.ERROR, gettext("There is no key that verifies its tokens.")
        return
    if issuer.is_discovered:
        yield messages.INFO, gettext("Its discovery document is its own, and names its keys.")
    kinds = Counter(key.get("alg") or key.get("crv") or key["kty"] for key in keys)
    listed = ", ".join(f"{kind} ({number})" for kind, number in sorted(kinds.items()))
    yield messages.INFO, gettext("Its keys by algorithm: %(keys)s.") % {"keys": listed}
    if any(not key.get("kid") for key in keys) and len(keys) > 1:
        said = gettext("Some of its keys have no kid: a new one may be noticed only after minutes.")
        yield messages.WARNING, said


def _revoke(_request: HttpRequest, issuer: TrustedIssuer) -> None:
    grants = Grant.objects.filter(asserted_by=issuer.issuer)
    revoke_grants(grants.values("pk"), timezone.now())


@admin.register(TrustedIssuer)
class TrustedIssuersPage(Page):
    """Trusted issuers."""

    form = TrustedIssuerForm
    fields = TrustedIssuerForm.Meta.fields
    add_label = _("Add trusted issuer")
    list_display = ("issuer", "name", "trusted_for", "enabled")
    list_filter = ("enabled",)
    ordering = ("issuer",)
    search_help_text = _("Part of an issuer or a name.")
    row_actions = (
        AdminAction(
            "check",
            _("Check"),
            _("Fetches its discovery document and its keys, and says what was found."),
            _check,
        ),
        AdminAction(
            "revoke",
            _("Take back what it gave"),
            _(
                "All tokens that apps got because it vouched for a user are revoked. To stop it, "
                "disable it as well."
            ),
            _revoke,
            applies=lambda issuer: not issuer.is_trust_domain,
            danger=True,
        ),
    )

    def found(self, rows: QuerySet[TrustedIssuer], term: str) -> QuerySet[TrustedIssuer]:
        """Return issuers by part of their URL or name."""
        return search.having(rows, ("issuer", "name"), term)

    @admin.display(description=_("trusted for"))
    def trusted_for(self, issuer: TrustedIssuer) -> str:
        """Return its purposes in words."""
        words = dict(TrustedIssuer.Purpose.choices)
        return "; ".join(str(words.get(purpose, purpose)) for purpose in issuer.purposes)

    def get_readonly_fields(self, request: HttpRequest, obj: TrustedIssuer | None = None) -> Any:
        """Keep the issuer: apps refer to it."""
        fixed = ("issuer",) if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def links_of(self, row: TrustedIssuer) -> list[Link]:
        """Return the users that are linked to its subjects."""
        return [(_("Linked users"), list_of(IssuerLink, issuer=row.pk), IssuerLink)]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:  # noqa: ARG002
        """Describe what is deleted with it, without listing a million links."""
        said = _("%(issuer)s, with the links of its users. Apps that name it are refused.")
        return [said % {"issuer": objs[0]}], {}, set(), []


class IssuerLinkForm(RecentAuthenticationForm):
    """A user of an issuer."""

    user = UserField(label=_("User"), help_text=_("Their email address here."))

    class Meta:
        model = IssuerLink
        fields = ("issuer", "subject", "user")
        help_texts = {
            "subject": _("What the issuer’s tokens call the user (sub), character by character.")
        }

    recent = Meta.fields
    #: Whether this operator may link a user; set by the page.
    may_reach: Any = None

    def clean_user(self) -> User:
        """Refuse no user, and one with more rights than this operator."""
        user: User | None = self.cleaned_data["user"]
        if user is None:
            raise forms.ValidationError(gettext("Name a user by their email address."))
        if self.may_reach is not None and not self.may_reach(user):
            raise forms.ValidationError(gettext("Only superusers link staff."))
        return user


@admin.register(IssuerLink)
class IssuerLinksPage(Page):
    """Users who are linked to subjects of trusted issuers."""

    form = IssuerLinkForm
    fields = IssuerLinkForm.Meta.fields
    list_display = ("subject", "issuer", "user")
    list_select_related = ("issuer", "user")
    linked_by = ("issuer", "user")
    ordering = ("-pk",)
    search_help_text = search.helped(
        _("A subject, or part of a user’s name or address."), users=True
    )

    def found(self, rows: QuerySet[IssuerLink], term: str) -> QuerySet[IssuerLink]:
        """Return the links of the users that a term finds, and those of a subject."""
        by_subject = rows.filter(subject=term)
        return (
            by_subject if by_subject.exists() else search.any_of(rows, user__in=search.users(term))
        )

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Let the form know whom this operator may link."""
        form: Any = super().get_form(request, *args, **kwargs)
        form.may_reach = staticmethod(
            lambda user: request.user.is_superuser or rights.is_within_reach(request, user)
        )
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: IssuerLink | None = None) -> Any:  # noqa: ARG002
        """Keep a link as it is: another one is made for another user."""
        return () if obj is None else ("issuer", "subject", "user")

    def target_of(self, row: IssuerLink) -> str:
        """Return the name of its issuer in events."""
        return name_of(row.issuer)

    def state_of(self, row: IssuerLink) -> dict[str, Any]:
        """Return a link as events show it."""
        return {"subject": row.subject, "user": row.user.email}
