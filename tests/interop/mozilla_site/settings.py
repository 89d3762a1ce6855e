"""Settings of the site: the least, and what mozilla-django-oidc asks for."""

import os

from tests.interop.mozilla_site.base import *  # noqa: F403

INSTALLED_APPS += ["mozilla_django_oidc"]  # noqa: F405
AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
ISSUER = os.environ["OIDC_ISSUER"]
OIDC_RP_CLIENT_ID = os.environ["OIDC_CLIENT_ID"]
OIDC_RP_CLIENT_SECRET = os.environ["OIDC_CLIENT_SECRET"]
OIDC_RP_SIGN_ALGO = os.environ["OIDC_SIGN_ALGO"]
OIDC_OP_AUTHORIZATION_ENDPOINT = f"{ISSUER}/authorize"
OIDC_OP_TOKEN_ENDPOINT = f"{ISSUER}/token"
OIDC_OP_USER_ENDPOINT = f"{ISSUER}/userinfo"
OIDC_OP_JWKS_ENDPOINT = f"{ISSUER}/jwks"
OIDC_USE_PKCE = OIDC_TOKEN_USE_BASIC_AUTH = "OIDC_STRICT" in os.environ
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "/"
LOGIN_REDIRECT_URL_FAILURE = "/?failed"
