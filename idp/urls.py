"""Every public address, on one page."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from accounts.views import well_known
from idp import policy
from idp.developers import error_pages
from idp.developers import views as developers
from idp.endpoints import (
    accent,
    access_denied,
    activity,
    apps,
    authorize,
    bc_authorize,
    check_session,
    choose_account,
    consent,
    device,
    device_authorization,
    end_session,
    health,
    introspect,
    language,
    logo,
    metadata,
    not_me,
    overview,
    par,
    picture,
    profile,
    register,
    revoke,
    saml,
    sessions,
    sign_in_requests,
    signed_out,
    token,
    upstream,
    upstream_logout,
    upstream_sign_out,
    userinfo,
    your_data,
)
from idp.toolkit.protected_resource import ProtectedResourceMetadata

_protected_resource = ProtectedResourceMetadata.as_view()
_metadata_path = policy.RESOURCE_METADATA_PATH.removeprefix("/")
_protected_resources = [
    path(_metadata_path, _protected_resource, name="oauth-resource-metadata"),
    path(f"{_metadata_path}/<path:_api>", _protected_resource),
]

#: Handlers for unexpected exceptions and for invalid requests.
handler500 = "idp.endpoints.server_error.server_error"
handler400 = "idp.endpoints.unusable_body.bad_request"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account_home")),
    # The protocol
    *(path(known.removeprefix("/"), metadata.document) for known in policy.DISCOVERY_PATHS),
    path("jwks", metadata.document),
    path("authorize", authorize.authorize),
    path("par", par.par),
    path("token", token.token),
    path("bc-authorize", bc_authorize.bc_authorize),
    path("userinfo", userinfo.userinfo),
    path("revoke", revoke.revoke),
    path("introspect", introspect.introspect),
    path("device_authorization", device_authorization.device_authorization),
    path("register", register.register),
    path("end_session", end_session.end_session),
    path("check_session", check_session.check_session),
    # The metadata of APIs beside us, by the name that the toolkit's views look for
    path("", include((_protected_resources, "oauth2_provider"))),
    # What password managers look for, at the root of the host (docs/adr/0033)
    path(".well-known/change-password", well_known.change_password),
    path(".well-known/passkey-endpoints", well_known.passkey_endpoints),
    # Pages
    path("consent", consent.consent, name="consent"),
    path("access_denied", access_denied.access_denied, name="access_denied"),
    path(policy.DEVICE_PATH.removeprefix("/"), device.device, name="device"),
    path("end_session/confirm", end_session.confirm, name="end_session_confirm"),
    path("account/", overview.overview, name="account_home"),
    path("account/choose/", choose_account.choose_account, name="account_choose"),
    path("account/apps/", apps.apps, name="account_apps"),
    path("account/profile/", profile.edit_profile, name="account_profile"),
    path("account/profile/picture/", profile.change_picture, name="account_profile_picture"),
    path("account/sessions/", sessions.sessions, name="account_sessions"),
    path("account/activity/", activity.activity, name="account_activity"),
    path(
        "account/requests/<str:key>/",
        sign_in_requests.sign_in_request,
        name="account_sign_in_request",
    ),
    path("account/not-me/", not_me.not_me, name="account_not_me"),
    path("account/data/", your_data.your_data, name="account_data"),
    path("account/data/<str:export_id>/", your_data.download, name="account_data_download"),
    path("account/upstream/<slug:slug>/", upstream.begin, name="account_upstream"),
    path("account/upstream/<slug:slug>/connect", upstream.connect, name="account_connect"),
    path(
        "account/upstream/<slug:slug>/callback",
        upstream.callback,
        name="account_upstream_callback",
    ),
    path(
        "account/upstream/<slug:slug>/backchannel-logout",
        upstream_logout.backchannel_logout,
        name="account_upstream_logout",
    ),
    path(
        "account/upstream/<slug:slug>/sign-out",
        upstream_sign_out.begin,
        name="account_upstream_sign_out",
    ),
    path(
        "account/upstream/<slug:slug>/signed-out",
        upstream_sign_out.finish,
        name="account_upstream_signed_out",
    ),
    path("account/upstream/<slug:slug>/saml/", saml.metadata, name="account_saml_metadata"),
    path("account/upstream/<slug:slug>/saml/acs", saml.consume, name="account_saml_consumer"),
    path("account/upstream/<slug:slug>/saml/finish", saml.finish, name="account_saml_finish"),
    path("account/upstream/<slug:slug>/saml/logout", saml.logout, name="account_saml_logout"),
    path("account/signed-out/", signed_out.signed_out, name="account_signed_out"),
    path("account/", include("accounts.urls")),
    path("logo", logo.logo),
    re_path(r"^picture/(?P<name>[A-Za-z0-9_-]{32}\.jpg)$", picture.picture),
    path("accent.css", accent.accent),
    path("language", language.language, name="set_language"),
    path("developers/", developers.overview, name="developers"),
    path("developers/apps/", developers.apps, name="developers_apps"),
    path("developers/apps/", include("idp.own_apps.urls")),
    path("developers/token/", developers.token, name="developers_token"),
    path("developers/search/", developers.search, name="developers_search"),
    path("developers/signed-in", developers.signed_in, name="developers_signed_in"),
    path("developers/start/", developers.quick_starts, name="developers_quick_starts"),
    path("developers/start/<slug:name>/", developers.quick_start, name="developers_quick_start"),
    path("developers/integrations/", developers.integrations, name="developers_integrations"),
    path(
        "developers/integrations/<slug:slug>/",
        developers.integration,
        name="developers_integration",
    ),
    path("developers/errors/", error_pages.all_errors, name="developers_errors"),
    path("developers/errors/<slug:code>", error_pages.error, name="developers_error"),
    # Operations
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
