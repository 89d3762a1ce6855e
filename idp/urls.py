"""Every public address, on one page."""

from django.urls import include, path
from django.views.generic import RedirectView

from idp.endpoints import (
    authorize,
    consent,
    developers,
    health,
    language,
    metadata,
    token,
    userinfo,
)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="account_home")),
    # The protocol
    path(".well-known/openid-configuration", metadata.document),
    path(".well-known/oauth-authorization-server", metadata.document),
    path("jwks", metadata.document),
    path("authorize", authorize.authorize),
    path("token", token.token),
    path("userinfo", userinfo.userinfo),
    # Pages
    path("consent", consent.consent, name="consent"),
    path("account/", include("accounts.urls")),
    path("language", language.language, name="set_language"),
    path("developers/", developers.overview, name="developers"),
    path("developers/errors/<slug:code>", developers.error, name="developers_error"),
    # Operations
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
