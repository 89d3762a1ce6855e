"""The tabs of an app's page: which fields each has, and which of them an app's kind can use.

A tab is a page of the change view: it shows, reads and saves its own fields alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from idp import policy
from idp.client_metadata import BY_COLUMN
from idp.models import Client
from idp.protocol import response_types
from idp.protocol.vocabulary import CIBA, JWT_BEARER, TOKEN_EXCHANGE


@dataclass(frozen=True)
class Group:
    """Fields under a heading, closed while all of them have their defaults; or without heading."""

    fields: tuple[str, ...]
    heading: str | Promise | None = None


@dataclass(frozen=True)
class Tab:
    """A tab; one without groups has no form."""

    slug: str
    title: str | Promise
    groups: tuple[Group, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all groups."""
        return tuple(column for group in self.groups for column in group.fields)


OVERVIEW: Final = Tab("", _("Overview"))
ACTIVITY: Final = Tab("activity", _("Activity"))
#: A new column belongs on one of these; tests/idp/test_client_metadata.py fails otherwise.
TABS: Final = (
    OVERVIEW,
    Tab(
        "sign-in",
        _("Sign-in"),
        (
            Group(
                (
                    *("redirect_uris", "application_type", "token_endpoint_auth_method"),
                    *("strict_client_authentication", "grant_types", "allowed_origins"),
                )
            ),
            Group(
                (
                    *("upstreams", "own_sign_in"),
                    *("default_max_age", "default_acr_values", "require_auth_time"),
                ),
                _("What a sign-in has to be like"),
            ),
            Group(
                (
                    "backchannel_token_delivery_mode",
                    "backchannel_client_notification_endpoint",
                    "backchannel_authentication_request_signing_alg",
                ),
                _("Asking users to sign in elsewhere"),
            ),
            Group(("profile", "response_types"), _("How strict it is")),
        ),
    ),
    Tab(
        "issuers",
        _("Trusted issuers"),
        (
            Group(("workloads",)),
            Group(("user_assertions",), _("Users whom others vouch for")),
        ),
    ),
    Tab(
        "access",
        _("Access"),
        (
            Group(
                (
                    *("enabled", "user", "allowed_groups", "required_acr"),
                    *("skip_authorization", "scopes", "id_token_claims"),
                )
            ),
            Group(("subject_type", "sector_identifier_uri"), _("How it identifies users")),
            Group(
                (
                    *("access_token_format", "access_token_lifetime"),
                    *("refresh_without_offline_access", "refresh_token_idle_lifetime"),
                    *("refresh_token_absolute_lifetime", "refresh_token_grace"),
                    "authorization_details_types",
                ),
                _("Tokens"),
            ),
            Group(
                (
                    *("token_exchange_clients", "token_exchange_resources"),
                    *("token_exchange_id_tokens", "connected_applications"),
                    *("may_act", "native_sso_group"),
                ),
                _("Acting for users at other APIs"),
            ),
        ),
    ),
    Tab(
        "appearance",
        _("Appearance"),
        (
            Group(
                (
                    *("name", "logo_uri", "accent_color", "client_uri", "initiate_login_uri"),
                    *("policy_uri", "tos_uri", "localized", "contacts"),
                )
            ),
            Group(("integration", "software_id", "software_version"), _("The program")),
        ),
    ),
    Tab(
        "sign-out",
        _("Sign-out"),
        (
            Group(
                (
                    "post_logout_redirect_uris",
                    *("backchannel_logout_uri", "backchannel_logout_session_required"),
                    *("frontchannel_logout_uri", "frontchannel_logout_session_required"),
                )
            ),
        ),
    ),
    Tab(
        "keys",
        _("Keys and encryption"),
        (
            Group(
                (
                    *("jwks", "jwks_uri", "token_endpoint_auth_signing_alg"),
                    *("id_token_signed_response_alg", "userinfo_signed_response_alg"),
                    *("authorization_signed_response_alg", "introspection_signed_response_alg"),
                )
            ),
            Group(
                (
                    *("id_token_encrypted_response_alg", "id_token_encrypted_response_enc"),
                    *("userinfo_encrypted_response_alg", "userinfo_encrypted_response_enc"),
                    "authorization_encrypted_response_alg",
                    "authorization_encrypted_response_enc",
                ),
                _("Encryption"),
            ),
            Group(
                (
                    *("tls_client_auth_subject_dn", "tls_client_auth_san_dns"),
                    *("tls_client_auth_san_uri", "tls_client_auth_san_ip"),
                    "tls_client_auth_san_email",
                ),
                _("TLS certificate"),
            ),
            Group(
                ("dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"),
                _("Bound tokens"),
            ),
            Group(
                (
                    *("require_pushed_authorization_requests", "require_signed_request_object"),
                    "require_signed_authorization_response",
                    *("request_uris", "request_object_signing_alg"),
                    *("request_object_encryption_alg", "request_object_encryption_enc"),
                ),
                _("Requests and answers"),
            ),
        ),
    ),
    ACTIVITY,
)
BY_SLUG: Final = {tab.slug: tab for tab in TABS}
#: The tab of each column.
TAB_OF: Final = {column: tab for tab in TABS for column in tab.columns}


# --- what an app's kind can use -------------------------------------------------------------------


def _refreshes(client: Client) -> bool:
    return "refresh_token" in client.grant_types


def _sends_its_secret(client: Client) -> bool:
    return client.token_endpoint_auth_method in policy.SECRET_METHODS


def _signs_assertions(client: Client) -> bool:
    return bool(client.token_endpoint_auth_method.endswith("_jwt"))


def _exchanges_tokens(client: Client) -> bool:
    return TOKEN_EXCHANGE in client.grant_types


def _presents_assertions(client: Client) -> bool:
    return JWT_BEARER in client.grant_types


def _is_confidential(client: Client) -> bool:
    return not client.is_public


def _asks_users(client: Client) -> bool:
    return CIBA in client.grant_types


#: Columns that only some apps can use. What decides about the kind of an app is always there.
_ONLY_IF: Final[tuple[tuple[Callable[[Client], bool], tuple[str, ...]], ...]] = (
    (_sends_its_secret, ("strict_client_authentication",)),
    (_signs_assertions, ("token_endpoint_auth_signing_alg",)),
    (
        _exchanges_tokens,
        (
            *("token_exchange_clients", "token_exchange_resources"),
            *("token_exchange_id_tokens", "connected_applications"),
        ),
    ),
    (
        _is_confidential,
        (
            *("introspection_signed_response_alg", "workloads"),
            *("tls_client_auth_subject_dn", "tls_client_auth_san_dns"),
            *("tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email"),
        ),
    ),
    (_presents_assertions, ("user_assertions",)),
    (
        _asks_users,
        (
            *("backchannel_token_delivery_mode", "backchannel_client_notification_endpoint"),
            "backchannel_authentication_request_signing_alg",
        ),
    ),
    (
        _refreshes,
        (
            *("refresh_without_offline_access", "refresh_token_idle_lifetime"),
            *("refresh_token_absolute_lifetime", "refresh_token_grace"),
        ),
    ),
    (
        attrgetter("signs_users_in"),
        (
            *("default_max_age", "require_auth_time", "initiate_login_uri"),
            *("post_logout_redirect_uris", "frontchannel_logout_uri"),
            *("frontchannel_logout_session_required", "authorization_signed_response_alg"),
            *("authorization_encrypted_response_alg", "authorization_encrypted_response_enc"),
            *BY_SLUG["keys"].groups[-1].fields,
        ),
    ),
    (
        attrgetter("has_users"),
        (
            *("allowed_origins", "allowed_groups", "required_acr", "skip_authorization"),
            *("id_token_claims", "subject_type", "sector_identifier_uri", "default_acr_values"),
            *("backchannel_logout_uri", "backchannel_logout_session_required"),
            *("may_act", "native_sso_group", "upstreams", "own_sign_in"),
            *("logo_uri", "accent_color", "client_uri", "policy_uri", "tos_uri", "localized"),
            *("id_token_signed_response_alg", "userinfo_signed_response_alg"),
            *BY_SLUG["keys"].groups[1].fields,
        ),
    ),
)


def has_default(client: Client, column: str) -> bool:
    """Whether the column is as in nearly every app."""
    if column == "response_types":
        return client.response_types in ([], [response_types.CODE])
    return bool(getattr(client, column) == Client._meta.get_field(column).get_default())


def is_shown(client: Client, column: str) -> bool:
    """Whether the app's kind can use the column, or it is set nevertheless."""
    can_use = all(holds(client) for holds, columns in _ONLY_IF if column in columns)
    return can_use or not has_default(client, column)


# --- pages ----------------------------------------------------------------------------------------


def offered(client: Client) -> Iterator[Tab]:
    """Yield the tabs of an app's page, without those that would have no field."""
    for tab in TABS:
        if not tab.groups or any(is_shown(client, column) for column in tab.columns):
            yield tab


def fieldsets_of(tab: Tab, client: Client, sent: frozenset[str] | None = None) -> list[Any]:
    """Return the headings of a tab with the fields under each, as Django's admin has them.

    `sent` are the fields that the page had which a form was sent from: no others are read from it.
    None for the fields that the app's kind can use.
    """
    fieldsets = []
    for group in tab.groups:
        names = [
            name
            for name in group.fields
            if (is_shown(client, name) if sent is None else name in sent)
        ]
        closed = group.heading and all(has_default(client, name) for name in names)
        if names:
            options = {"fields": names, "classes": ["collapse"] if closed else []}
            fieldsets.append((group.heading, options))
    return fieldsets


#: All fields, for an app that is added at once. Here alone the client_id can be chosen.
ALL_FIELDSETS: Final[tuple[Any, ...]] = (
    (None, {"fields": ("client_id",)}),
    *(
        (group.heading or tab.title, {"fields": group.fields})
        for tab in TABS
        for group in tab.groups
    ),
)


def address_of(client: Client, tab: Tab) -> str:
    """Return the address of a tab; of the first one, if the app's page has no such tab."""
    if tab is OVERVIEW or tab not in offered(client):
        return reverse("admin:idp_client_change", args=[client.pk])
    return reverse("admin:idp_client_tab", args=[client.pk, tab.slug])


def address_of_field(client: Client, column: str) -> str:
    """Return the address of a column's field."""
    return f"{address_of(client, TAB_OF.get(column, OVERVIEW))}#id_{column}"


def label_of(column: str) -> str:
    """Return the label of a column's field."""
    member = BY_COLUMN.get(column)
    name = member.label if member else ""
    return str(name or capfirst(Client._meta.get_field(column).verbose_name))
